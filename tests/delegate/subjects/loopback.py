from __future__ import annotations

from tests.delegate.conformance import Subject

SUBJECT = Subject(type="loopback", conf={"type": "loopback"}, makes_interface=False)
