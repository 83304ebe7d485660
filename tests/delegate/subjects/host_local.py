from __future__ import annotations

from tests.delegate.conformance import Subject
from tests.delegate.subjects import HOST_LOCAL

SUBJECT = Subject(type="host-local", conf={"type": "some", "ipam": HOST_LOCAL}, makes_interface=False)
