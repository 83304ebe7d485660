"""Rows of vrf, which want a kernel that has it."""

from __future__ import annotations

from typing import Any

from tests.equality.case import Case, Step, add, check, delete, life
from tests.equality.cases.chained import PREVIOUS, PREVIOUS_04, UP
from tests.equality.cases.parts import conf

ROUTES = f"""{UP}
ip route add default via 10.1.2.1
ip route add 10.9.0.0/16 via 10.1.2.1 metric 7 mtu 1300
ip -6 route add default via fd12:5::1
ip -6 route add fd12:9::/48 via fd12:5::1
"""
KEEPING = f"{ROUTES}echo 1 >/proc/sys/net/ipv6/conf/eth0/keep_addr_on_down"
SECOND = """
ip link add eth1 type veth peer name far1
ip link set far1 up; ip link set eth1 up
ip addr add 10.1.2.3/24 dev eth1
"""
TWO: tuple[Step, ...] = (
    add(),
    add(ifname="eth1"),
    check(),
    delete(),
    check(ifname="eth1"),
    delete(ifname="eth1"),
)


def vrf(version: str = "1.1.0", **keys: Any) -> dict[str, Any]:
    return conf("vrf", version, **{"prevResult": PREVIOUS, "vrfname": "blue", **keys})


def row(name: str, given: dict[str, Any], **more: Any) -> Case:
    return Case(name=f"vrf-{name}", conf=given, uml=True, **{"pod": ROUTES, **more})


def refused(name: str, given: dict[str, Any], **more: Any) -> Case:
    return row(f"refuses-{name}", given, **{"steps": (add(), delete()), "fails": (1,), **more})


CASES: tuple[Case, ...] = (
    row("plain", vrf(), steps=(*life(), delete())),
    row("addresses-kept", vrf(), pod=KEEPING),
    row("table", vrf(table=1000)),
    row("there-before", vrf(), pod=f"{ROUTES}ip link add blue type vrf table 7\nip link set blue up"),
    row("beside-another", vrf(), pod=f"{ROUTES}ip link add red type vrf table 1"),
    row("two-interfaces", vrf(table=9), pod=KEEPING + SECOND, steps=TWO),
    row("version-0.4.0", vrf("0.4.0", prevResult=PREVIOUS_04)),
    row("version-1.0.0", vrf("1.0.0", prevResult={**PREVIOUS, "cniVersion": "1.0.0"})),
    row("delete-nothing", vrf(), steps=(delete(), delete(netns="/run/netns/gone"))),
    row("delete-interface-gone", vrf(), steps=(add(), delete(ifname="eth7")), fails=(2,)),
    refused("other-table", vrf(table=8), pod=f"{ROUTES}ip link add blue type vrf table 7", steps=(add(),)),
    refused("no-vrf", vrf(), pod=f"{ROUTES}ip link add blue type bridge", steps=(add(),)),
    refused(
        "enslaved",
        vrf(),
        pod=f"{ROUTES}ip link add br0 type bridge; ip link set eth0 master br0",
        steps=(add(),),
    ),
    refused("no-name", vrf(vrfname=""), fails=(1, 2)),
    refused("no-prev-result", vrf(prevResult=None)),
    refused("missing-interface", vrf(), steps=(add(ifname="eth7"),)),
    refused("version-0.3.0", vrf("0.3.0", prevResult={**PREVIOUS_04, "cniVersion": "0.3.0"}), fails=(1, 2)),
    row("check-fails-other", vrf(), steps=(add(), check(conf=vrf(vrfname="red")), delete()), fails=(2,)),
)
