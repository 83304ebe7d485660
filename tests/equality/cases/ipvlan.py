"""Rows of ipvlan. Those that make one want a kernel that has it, where time is dear: each has several things."""

from __future__ import annotations

from typing import Any

from tests.equality.case import DELETED_TWICE, RUN, Case, Step, add, check, delete, life
from tests.equality.cases.failures import ONCE, refused
from tests.equality.cases.macvlan import MASTER
from tests.equality.cases.parts import DUAL, RESOLV_CONF, SUBNET4, V4, V6, conf, host_local, static


def ipvlan(**keys: Any) -> dict[str, Any]:
    return conf("ipvlan", **{"master": "up0", **keys})


def before(*interfaces: str, **keys: Any) -> dict[str, Any]:
    return {"cniVersion": "1.1.0", "interfaces": [{"name": name} for name in interfaces], **keys}


PLAIN = ipvlan(ipam=V4)
OLDER = conf("ipvlan", "0.4.0", master="up0", ipam=V4)
CHAINED = {
    **conf("ipvlan", mode="l3s"),
    "prevResult": before(
        "up0",
        ips=[{"address": "10.1.2.77/24", "gateway": "10.1.2.1", "interface": 0}],
        routes=[{"dst": "10.9.0.0/16"}],
    ),
}
ROUTED = f"{MASTER}; ip addr add 10.200.0.2/24 dev up0; ip route add default via 10.200.0.1"

CASES: tuple[Case, ...] = (
    Case(
        name="ipvlan-everything",
        conf=ipvlan(
            mode="l3",
            mtu=1400,
            dns={"nameservers": ["10.0.0.1"]},
            ipam={**DUAL, "routes": [{"dst": "192.168.0.0/16", "gw": "10.1.2.7"}]},
        ),
        host=f"{MASTER}; ip link add eth0 type bridge",
        steps=DELETED_TWICE,
        uml=True,
    ),
    Case(
        name="ipvlan-two-containers",
        conf=PLAIN,
        host=f"{MASTER}; ip link set up0 mtu 1480",
        containers=("c1", "c2"),
        steps=(
            Step(verb="STATUS"),
            add(),
            add(container="c2", conf=OLDER),
            check(),
            delete(),
            check(container="c2", conf=OLDER),
            delete(container="c2", conf=OLDER, netns="/run/netns/gone"),
        ),
        uml=True,
    ),
    Case(name="ipvlan-chained", conf=CHAINED, host=MASTER, steps=(add(), delete(prev=False)), uml=True),
    Case(
        name="ipvlan-link-in-container",
        conf=ipvlan(linkInContainer=True, ipam=V6),
        pod=MASTER,
        steps=life(ifname="net1"),
        uml=True,
    ),
    Case(
        name="ipvlan-master-of-default-route",
        conf=conf("ipvlan", ipam=host_local(SUBNET4, resolvConf=f"{RUN}/resolv.conf")),
        host=ROUTED,
        files={"resolv.conf": RESOLV_CONF},
        fails=(2,),
        uml=True,
    ),
    Case(
        name="ipvlan-check-fails",
        conf=PLAIN,
        host=MASTER,
        steps=(
            add(),
            *(check(conf={**PLAIN, **other}) for other in ({"mode": "l3"}, {"master": "up9"})),
            delete(),
        ),
        fails=(2, 3),
        uml=True,
    ),
    refused(
        "ipvlan-refuses-ifname-taken",
        PLAIN,
        (add(),),
        host=MASTER,
        pod="ip link add eth0 type bridge",
        uml=True,
    ),
    refused("ipvlan-refuses-ipam-without-addresses", ipvlan(ipam=static()), host=MASTER, uml=True),
    # Nothing is made from here on.
    Case(name="ipvlan-says-versions", conf=PLAIN, steps=(Step(verb="VERSION"),)),
    Case(name="ipvlan-delete-nothing", conf=PLAIN, steps=(delete(), delete(netns=""))),
    Case(name="ipvlan-delete-no-default-route", conf=conf("ipvlan", ipam=V4), steps=(delete(),), fails=(1,)),
    refused("ipvlan-refuses-no-default-route", conf("ipvlan", ipam=V4), ONCE, fails=(1, 2)),
    refused("ipvlan-refuses-mode", ipvlan(mode="l4", ipam=V4), host=MASTER),
    refused("ipvlan-refuses-master", PLAIN),
    refused("ipvlan-refuses-no-addresses", ipvlan(), host=MASTER),
    refused(
        "ipvlan-refuses-two-before",
        {**conf("ipvlan"), "prevResult": before("up0", "up1", ips=[{"address": "10.1.2.77/24"}])},
        host=MASTER,
        fails=(1, 2),
    ),
    refused("ipvlan-refuses-netns-missing", PLAIN, (add(netns="/run/netns/gone"),), host=MASTER),
)
