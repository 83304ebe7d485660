"""Names made from what identifies an attachment."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from multinet.kernel.names import hashed, link_group, random_veth


def test_a_hashed_name_is_what_the_reference_makes_it() -> None:
    # sha512("net-a" + "0ab5") as `printf net-a0ab5 | sha512sum` prints it
    assert hashed("CNI-", 28, "net-a0ab5") == "CNI-" + SHA512[:24]
    assert hashed("", 16, "net-a0ab5") == SHA512[:16]


SHA512 = (
    "e2e20515083304feb51321681f832bc0a0d4a7aec94e2c9abee1bb0b07f139ca"
    "179c9f775df715052ce78b98be0760fc01892f094a2a29cdb3ef248324436c2a"
)


@given(prefix=st.text(max_size=8), length=st.integers(8, 100), text=st.text())
def test_a_hashed_name_has_its_length_and_begins_with_its_prefix(prefix: str, length: int, text: str) -> None:
    name = hashed(prefix, length, text)
    assert len(name) == length
    assert name.startswith(prefix)
    assert name == hashed(prefix, length, text)


def test_random_names_fit_a_link_and_differ() -> None:
    names = {random_veth() for _ in range(100)}
    assert len(names) == 100
    assert all(re.fullmatch("veth[0-9a-f]{8}", name) for name in names)


@given(st.text(), st.text())
def test_a_link_group_is_far_from_those_that_people_use_and_positive(container_id: str, ifname: str) -> None:
    group = link_group(container_id, ifname)
    assert 2**30 <= group < 2**31
    assert group == link_group(container_id, ifname)


def test_requests_have_groups_of_their_own() -> None:
    groups = {link_group(f"container{c}", f"net{i}") for c in range(30) for i in range(30)}
    assert len(groups) == 900
