"""The comparison itself: it finds the reference equal to itself, and finds what is not equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.equality.case import Case, add
from tests.equality.cases import CASES
from tests.equality.cases.bridge import bridge
from tests.equality.cases.macvlan import MASTER, macvlan
from tests.equality.cases.parts import DUAL, SUBNET4, V4, conf, host_local, static
from tests.equality.cases.ptp import ptp
from tests.equality.difference import ABSENT, ANYTHING, Difference, between
from tests.equality.instead import Instead
from tests.equality.machines import Machines
from tests.equality.play import play
from tests.equality.runner import Reference

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

SAMPLE = (
    "bridge-two-containers-gateway",
    "bridge-two-interfaces",
    "bridge-masquerade-iptables-two",
    "bridge-macspoofchk",
    "bridge-no-dad",
    "ptp-masquerade-nftables-dual",
    "macvlan-dual",
    "loopback-chained",
    "host-local-several-ranges-in-a-set",
    pytest.param("bridge-trunk-mixed", marks=pytest.mark.uml),
    pytest.param("bridge-vlan-gateway-two-containers", marks=pytest.mark.uml),
)


@pytest.mark.parametrize("name", SAMPLE)
def test_the_reference_is_equal_to_itself(name: str, machines: Machines, reference: Reference) -> None:
    case = next(case for case in CASES if case.name == name)
    verdict = play(case, machines, reference, reference, kept=())
    assert not verdict.unexplained, "\n".join(verdict.unexplained)


# What is asked for, what the other side does instead, and a path where that must come out.
UNEQUAL: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any], str]] = {
    "mtu": (bridge(ipam=V4), bridge(mtu=1400, ipam=V4), "c1 / link / eth0 / mtu"),
    "hairpin": (bridge(ipam=V4), bridge(hairpinMode=True, ipam=V4), "/ hairpin"),
    "isolation": (bridge(ipam=V4), bridge(portIsolation=True, ipam=V4), "/ isolated"),
    "promiscuous": (bridge(ipam=V4), bridge(promiscMode=True, ipam=V4), "host / link / br0 / flags"),
    "a given MAC": (bridge(), bridge(runtimeConfig={"mac": "02:11:22:33:44:55"}), "c1 / mac_assigned / eth0"),
    "one address more": (bridge(ipam=V4), bridge(ipam=DUAL), "c1 / addr / eth0 / addr_info"),
    "a gateway address": (bridge(ipam=V4), bridge(isGateway=True, ipam=V4), "host / addr / br0 / addr_info"),
    "forwarding": (bridge(ipam=V4), bridge(isGateway=True, ipam=V4), "host / sysctl / net/ipv4/ip_forward"),
    "accept_dad": (bridge(ipam=V4), bridge(enabledad=True, ipam=V4), "net/ipv6/conf/eth0/accept_dad"),
    "a route": (
        bridge(ipam=V4),
        bridge(ipam=host_local(SUBNET4, routes=[{"dst": "10.9.0.0/16"}])),
        "c1 / route / main unicast 10.9.0.0/16 eth0",
    ),
    "a metric": (
        bridge(ipam=static("10.1.2.2/24", routes=[{"dst": "10.9.0.0/16"}])),
        bridge(ipam=static("10.1.2.2/24", routes=[{"dst": "10.9.0.0/16", "priority": 3}])),
        "c1 / route / main unicast 10.9.0.0/16 3 eth0",
    ),
    "masquerading, nftables": (
        ptp(ipam=V4),
        ptp(ipMasq=True, ipMasqBackend="nftables", ipam=V4),
        "host / nft /",
    ),
    "masquerading, iptables": (
        ptp(ipam=V4),
        ptp(ipMasq=True, ipMasqBackend="iptables", ipam=V4),
        "/ iptables",
    ),
    "a mode": (macvlan(), macvlan(mode="vepa"), "c1 / link / eth0 / linkinfo / info_data / mode"),
    "bcqueuelen": (macvlan(), macvlan(bcqueuelen=77), "c1 / link / eth0 / linkinfo / info_data"),
    "dns": (
        conf("static", ipam=static("10.7.7.7/24")),
        conf("static", ipam=static("10.7.7.7/24", dns={"domain": "example.org"})),
        "result / dns / domain",
    ),
    "a file": (
        conf("host-local", ipam=host_local(SUBNET4)),
        conf("host-local", ipam=host_local({"subnet": SUBNET4, "rangeStart": "10.1.2.9"})),
        "files / /run/case/addresses/net/10.1.2.9",
    ),
    "a version": (conf("loopback"), conf("loopback", "1.0.0"), "result / cniVersion"),
}


@pytest.mark.parametrize("what", UNEQUAL)
def test_what_is_not_equal_is_found(what: str, machines: Machines, reference: Reference) -> None:
    asked, instead, path = UNEQUAL[what]
    host = MASTER if asked["type"] == "macvlan" else ""
    case = Case(name=what, conf=asked, host=host, steps=(add(),))
    other = Instead(reference, replace(case, conf=instead))
    verdict = play(case, machines, reference, other, kept=())
    assert any(path in line for line in verdict.unexplained), "\n".join(verdict.unexplained)


def test_a_failure_is_not_a_success(machines: Machines, reference: Reference) -> None:
    case = Case(name="refused", conf=conf("static", ipam=static("10.7.7.7/24")), steps=(add(),))
    verdict = play(case, machines, reference, Instead(reference, replace(case, conf=conf("static"))), kept=())
    assert "call 1, ADD c1 eth0: exit: the reference 0, ours 1" in verdict.unexplained


def test_another_code_is_found(machines: Machines, reference: Reference) -> None:
    case = Case(name="refused", conf=conf("static", "9.9.9"), steps=(add(),), fails=(1,))
    other = Instead(reference, replace(case, conf={**conf("static"), "name": "a/b"}))
    verdict = play(case, machines, reference, other, kept=())
    assert "call 1, ADD c1 eth0: code: the reference 1, ours 7" in verdict.unexplained


def test_a_row_that_the_reference_unexpectedly_refuses_fails(
    machines: Machines, reference: Reference
) -> None:
    case = Case(name="refused", conf=conf("static"), steps=(add(),))
    verdict = play(case, machines, reference, reference, kept=())
    assert verdict.unexplained[0] == "call 1, ADD c1 eth0: the row says otherwise of the reference"


def test_a_difference_is_kept_only_with_both_its_values() -> None:
    kept = Difference(
        path="c? / link / * / group",
        reference="default",
        ours=ANYTHING,
        why="",
        seen="",
        cases=("bridge-*",),
        verbs=("ADD",),
    )
    path = "c1 / link / eth0 / group"
    assert kept.covers("bridge-l2", "ADD", path, "default", "77")
    assert not kept.covers("bridge-l2", "ADD", path, "default", ABSENT)
    assert not kept.covers("bridge-l2", "ADD", path, "12", "77")
    assert not kept.covers("bridge-l2", "DEL", path, "default", "77")
    assert not kept.covers("ptp-v4", "ADD", path, "default", "77")
    assert not kept.covers("bridge-l2", "ADD", "c1 / link / eth0 / mtu", "default", "77")


def test_what_is_only_on_one_side_is_a_difference() -> None:
    found = list(between({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 4, "d": 5}))
    assert found == [("b", 2, 4), ("c", 3, ABSENT), ("d", ABSENT, 5)]


def test_every_row_has_a_name_of_its_own() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))


def test_there_are_rows_enough() -> None:
    assert len(CASES) > 90
