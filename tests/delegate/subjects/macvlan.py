from __future__ import annotations

from tests.delegate.conformance import Subject
from tests.delegate.subjects import HOST_LOCAL

SUBJECT = Subject(type="macvlan", conf={"type": "macvlan", "master": "up0", "ipam": HOST_LOCAL})
