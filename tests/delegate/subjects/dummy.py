from __future__ import annotations

from tests.delegate.conformance import Subject
from tests.delegate.subjects import HOST_LOCAL

SUBJECT = Subject(type="dummy", conf={"type": "dummy", "ipam": HOST_LOCAL}, needs="uml")
