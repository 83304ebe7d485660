"""Rows of ptp."""

from __future__ import annotations

from typing import Any

from tests.equality.case import DELETED_TWICE, RUN, Case, add, check, delete, life
from tests.equality.cases.parts import (
    DUAL,
    FAMILIES,
    RESOLV_CONF,
    SECOND4,
    SUBNET4,
    SUBNET6,
    V4,
    V6,
    conf,
    host_local,
    static,
)


def ptp(**keys: Any) -> dict[str, Any]:
    return conf("ptp", **keys)


CASES: tuple[Case, ...] = (
    *(Case(name=f"ptp-{name}", conf=ptp(ipam=ipam), steps=DELETED_TWICE) for name, ipam in FAMILIES.items()),
    Case(name="ptp-mtu", conf=ptp(mtu=1400, ipam=DUAL)),
    Case(name="ptp-other-ifname", conf=ptp(ipam=V4), steps=life(ifname="net1")),
    Case(name="ptp-kernel-dad", conf=ptp(ipam=V6), kernel_dad=True),
    Case(name="ptp-two-addresses-a-family", conf=ptp(ipam=host_local(SUBNET4, SECOND4))),
    Case(
        name="ptp-default-routes",
        conf=ptp(ipam=host_local(SUBNET4, SUBNET6, routes=[{"dst": "0.0.0.0/0"}, {"dst": "::/0"}])),
    ),
    Case(
        name="ptp-routes",
        conf=ptp(
            ipam=host_local(
                SUBNET4,
                routes=[{"dst": "192.168.0.0/16"}, {"dst": "10.70.0.0/16", "gw": "10.1.2.1", "priority": 3}],
            )
        ),
    ),
    Case(name="ptp-static", conf=ptp(ipam=static({"address": "10.7.7.7/24", "gateway": "10.7.7.1"}))),
    Case(
        name="ptp-static-gateway-outside",
        conf=ptp(ipam=static({"address": "10.7.7.7/32", "gateway": "169.254.1.1"})),
        fails=(1, 2),
    ),
    Case(
        name="ptp-dns-of-conf", conf=ptp(dns={"nameservers": ["10.0.0.1"], "options": ["ndots:2"]}, ipam=V4)
    ),
    Case(
        name="ptp-dns-of-ipam",
        conf=ptp(ipam=host_local(SUBNET4, resolvConf=f"{RUN}/resolv.conf")),
        files={"resolv.conf": RESOLV_CONF},
    ),
    *(
        Case(
            name=f"ptp-masquerade-{backend}-{name}",
            conf=ptp(ipMasq=True, ipMasqBackend=backend, ipam=ipam),
            steps=DELETED_TWICE,
        )
        for backend in ("iptables", "nftables")
        for name, ipam in FAMILIES.items()
    ),
    Case(name="ptp-masquerade-any", conf=ptp(ipMasq=True, ipam=DUAL)),
    Case(
        name="ptp-two-containers",
        conf=ptp(ipam=DUAL),
        containers=("c1", "c2"),
        steps=(add(), add(container="c2"), check(), delete(), check(container="c2"), delete(container="c2")),
    ),
    Case(name="ptp-delete-nothing", conf=ptp(ipam=V4), steps=(delete(), delete(netns=""))),
    Case(
        name="ptp-delete-netns-gone",
        conf=ptp(ipam=V4),
        steps=(add(), delete(netns="/run/netns/gone"), delete(netns=""), delete()),
    ),
    Case(
        name="ptp-ignores-cni-args",
        conf=ptp(ipam=static({"address": "10.7.7.7/24", "gateway": "10.7.7.1"})),
        steps=life(args="IgnoreUnknown=1;MAC=02:11:22:33:44:55"),
    ),
)
