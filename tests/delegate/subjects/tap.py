from __future__ import annotations

from tests.delegate.conformance import Subject, an_interface_that_is_there_is_nobodys_to_take
from tests.delegate.subjects import HOST_LOCAL

SUBJECT = Subject(
    type="tap",
    conf={"type": "tap", "owner": 107, "group": 107, "mac": "02:11:22:33:44:55", "ipam": HOST_LOCAL},
)

BROKEN_BY_THE_REFERENCE = {an_interface_that_is_there_is_nobodys_to_take}  # it takes it for its own
