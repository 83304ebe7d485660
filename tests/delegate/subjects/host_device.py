from __future__ import annotations

from tests.delegate.conformance import Subject, del_is_success_when_there_is_nothing
from tests.delegate.subjects import HOST_LOCAL

SUBJECT = Subject(type="host-device", conf={"type": "host-device", "device": "up1", "ipam": HOST_LOCAL})

BROKEN_BY_THE_REFERENCE = {del_is_success_when_there_is_nothing}  # D-13
