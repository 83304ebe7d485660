from __future__ import annotations

from tests.delegate.conformance import Subject, an_interface_that_is_there_is_nobodys_to_take
from tests.delegate.subjects import HOST_LOCAL

SUBJECT = Subject(
    type="vlan", conf={"type": "vlan", "master": "up0", "vlanId": 7, "ipam": HOST_LOCAL}, needs="uml"
)

BROKEN_BY_THE_REFERENCE = {
    an_interface_that_is_there_is_nobodys_to_take
}  # it leaves its link under a random name
