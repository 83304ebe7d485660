"""Rows of sbr."""

from __future__ import annotations

from typing import Any

from tests.equality.case import Case, add, check, delete, life
from tests.equality.cases.chained import PREVIOUS, PREVIOUS_02, PREVIOUS_04, UP
from tests.equality.cases.parts import conf

DEFAULTS = f"""{UP}
ip route add default via 10.1.2.1
ip -6 route add default via fd12:5::1
"""
ROUTES = f"""{DEFAULTS}
ip route add 10.9.0.0/16 via 10.1.2.1 metric 7 mtu 1300
ip route add 10.8.0.0/16 dev eth0
ip -6 route add fd12:9::/48 via fd12:5::1
ip -6 route add fd12:8::/48 dev eth0 metric 5
ip route add 10.7.0.0/16 via 10.1.2.1 table 300
"""
OTHER = """
ip link add eth1 type veth peer name far1
ip link set far1 up; ip link set eth1 up
ip addr add 10.5.5.5/24 dev eth1
ip route add default via 10.5.5.1 metric 3
ip rule add from 10.5.5.5 table 100
"""
SECOND = f"{UP}ip addr add 10.1.3.3/24 dev eth0\nip route add 10.9.0.0/16 via 10.1.3.1\n"
TWO = {**PREVIOUS, "ips": [*PREVIOUS["ips"], {"address": "10.1.3.3/24", "gateway": "10.1.3.1"}]}
SAME_SUBNET = {**PREVIOUS, "ips": [PREVIOUS["ips"][0], {**PREVIOUS["ips"][0], "address": "10.1.2.4/24"}]}
NO_GATEWAY = {**PREVIOUS, "ips": [{"address": "10.1.2.3/24", "interface": 1}]}
V4 = {**PREVIOUS, "ips": PREVIOUS["ips"][:1]}
V6 = {**PREVIOUS, "ips": PREVIOUS["ips"][1:]}
OTHERS = {**PREVIOUS, "ips": [*PREVIOUS["ips"], {"address": "10.1.4.3/24", "interface": 0}]}
RENAMED = {**PREVIOUS, "interfaces": [{"name": "far0"}, {"name": "net1", "sandbox": "/run/netns/c1"}]}
ONCE = (add(), check(), delete())


def sbr(version: str = "1.1.0", **keys: Any) -> dict[str, Any]:
    return conf("sbr", version, **{"prevResult": PREVIOUS, **keys})


def row(name: str, given: dict[str, Any], **more: Any) -> Case:
    return Case(name=f"sbr-{name}", conf=given, **{"pod": DEFAULTS, "steps": ONCE, **more})


CASES: tuple[Case, ...] = (
    row("plain", sbr(), pod=UP),
    row("default-routes", sbr()),
    row("routes", sbr(), pod=ROUTES),
    row("v4", sbr(prevResult=V4), pod=ROUTES),
    row("v6", sbr(prevResult=V6), pod=ROUTES),
    row("no-gateway", sbr(prevResult=NO_GATEWAY)),
    row("two-subnets", sbr(prevResult=TWO), pod=SECOND),
    row("two-of-a-subnet", sbr(prevResult=SAME_SUBNET), pod=f"{DEFAULTS}ip addr add 10.1.2.4/24 dev eth0"),
    row("addresses-of-others", sbr(prevResult=OTHERS)),
    row("beside-another", sbr(), pod=ROUTES + OTHER),
    row(
        "other-ifname", sbr(prevResult=RENAMED), pod=ROUTES.replace("eth0", "net1"), steps=life(ifname="net1")
    ),
    row(
        "rules-of-others-below",
        sbr(),
        pod=f"{UP}ip rule add from all table 102; ip rule add pref 7 table 101",
    ),
    row("table", sbr(table=300), pod=ROUTES),
    row("table-large", sbr(table=70000), pod=ROUTES),
    row("table-and-rules-of-others", sbr(table=300), pod=f"{ROUTES}ip rule add from 10.1.2.3 table 301"),
    row("version-1.0.0", sbr("1.0.0", prevResult={**PREVIOUS, "cniVersion": "1.0.0"})),
    row("version-0.4.0", sbr("0.4.0", prevResult=PREVIOUS_04)),
    row("version-0.2.0", sbr("0.2.0", prevResult=PREVIOUS_02), steps=(add(), delete())),
    row("keys-in-other-case", sbr(TABLE=300)),
    row(
        "route-of-several-hops",
        sbr(),
        pod=f"{UP}ip route add 10.9.0.0/16 nexthop via 10.1.2.1 nexthop via 10.1.2.2",
    ),
    row("refuses-no-prev-result", sbr(prevResult=None), steps=(add(), delete()), fails=(1,)),
    row("refuses-no-addresses", sbr(prevResult={"cniVersion": "1.1.0"}), steps=(add(), delete()), fails=(1,)),
    row("refuses-missing-interface", sbr(), pod="", steps=(add(), delete()), fails=(1,)),
    row("refuses-text-for-table", sbr(table="300"), steps=(add(), delete()), fails=(1, 2)),
    row(
        "refuses-gateway-elsewhere",
        sbr(prevResult={**PREVIOUS, "ips": [{"address": "10.1.2.3/24", "gateway": "10.77.0.1"}]}),
        pod=ROUTES,
        steps=(add(), delete()),
        fails=(1,),
    ),
    row("delete-nothing", sbr(), steps=(delete(),)),
    row("delete-missing-interface", sbr(), pod="", steps=(delete(),)),
    row("delete-interface-gone", sbr(), steps=(add(), delete(ifname="eth7"))),
    row(
        "delete-netns-gone",
        sbr(),
        steps=(add(), delete(netns="/run/netns/gone"), delete(netns="")),
        fails=(2, 3),
    ),
)
