"""Rows of loopback."""

from __future__ import annotations

from typing import Any

from tests.equality.case import DELETED_TWICE, Case, add, check, delete, life
from tests.equality.cases.parts import conf

PREVIOUS: dict[str, Any] = {
    "cniVersion": "1.1.0",
    "interfaces": [{"name": "eth0", "mac": "02:11:22:33:44:55", "mtu": 1400, "sandbox": "/run/netns/c1"}],
    "ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1", "interface": 0}, {"address": "fd12::3/64"}],
    "routes": [
        {"dst": "0.0.0.0/0"},
        {
            "dst": "10.0.0.0/8",
            "gw": "10.1.2.1",
            "mtu": 1300,
            "advmss": 1200,
            "priority": 4,
            "table": 0,
            "scope": 0,
        },
    ],
    "dns": {"nameservers": ["10.1.2.1"], "search": ["example.org"]},
}
PREVIOUS_04: dict[str, Any] = {
    "cniVersion": "0.4.0",
    "interfaces": [{"name": "eth0", "mac": "02:11:22:33:44:55", "sandbox": "/run/netns/c1"}],
    "ips": [{"version": "4", "address": "10.1.2.3/24", "gateway": "10.1.2.1", "interface": 0}],
    "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.2.1"}],
}
PREVIOUS_02: dict[str, Any] = {
    "cniVersion": "0.2.0",
    "ip4": {"ip": "10.1.2.3/24", "gateway": "10.1.2.1", "routes": [{"dst": "0.0.0.0/0"}]},
    "ip6": {"ip": "fd12::3/64"},
    "dns": {"nameservers": ["10.1.2.1"]},
}

CASES: tuple[Case, ...] = (
    Case(name="loopback", conf=conf("loopback"), steps=DELETED_TWICE),
    Case(name="loopback-any-ifname", conf=conf("loopback"), steps=life(ifname="eth7")),
    Case(name="loopback-up-before", conf=conf("loopback"), pod="ip link set lo up"),
    Case(name="loopback-further-own-address", conf=conf("loopback"), pod="ip addr add 127.0.0.2/8 dev lo"),
    Case(
        name="loopback-without-ipv6",
        conf=conf("loopback"),
        pod="echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6",
    ),
    Case(name="loopback-chained", conf=conf("loopback", prevResult=PREVIOUS)),
    Case(name="loopback-chained-0.4.0", conf=conf("loopback", "0.4.0", prevResult=PREVIOUS_04)),
    Case(
        name="loopback-chained-0.3.1",
        conf=conf("loopback", "0.3.1", prevResult={**PREVIOUS_04, "cniVersion": "0.3.1"}),
    ),
    Case(name="loopback-chained-0.2.0", conf=conf("loopback", "0.2.0", prevResult=PREVIOUS_02)),
    Case(
        name="loopback-chained-version-of-conf",
        conf=conf("loopback", "1.0.0", prevResult={k: v for k, v in PREVIOUS.items() if k != "cniVersion"}),
    ),
    Case(name="loopback-check-down", conf=conf("loopback"), steps=(check(),), fails=(1,)),
    Case(
        name="loopback-delete-netns-gone",
        conf=conf("loopback"),
        steps=(delete(netns="/run/netns/gone"), delete(netns="")),
    ),
    Case(
        name="loopback-prev-result-of-other-version",
        conf=conf("loopback", "0.4.0", prevResult=PREVIOUS),
        steps=(add(),),
        fails=(1,),
    ),
)
