"""Rows of vlan. Those that make one want a kernel with 8021q, where time is dear: each has several things."""

from __future__ import annotations

from typing import Any

from tests.equality.case import DELETED_TWICE, RUN, Case, Step, add, check, delete, life
from tests.equality.cases.failures import ONCE, refused
from tests.equality.cases.macvlan import MASTER
from tests.equality.cases.parts import DUAL, RESOLV_CONF, SUBNET4, V4, V6, conf, host_local, static


def vlan(**keys: Any) -> dict[str, Any]:
    return conf("vlan", **{"master": "up0", "vlanId": 100, **keys})


PLAIN = vlan(ipam=V4)
NO_ID = conf("vlan", "0.4.0", master="up0", ipam=V4)
WITH_MTU = vlan(mtu=1400, ipam=V4)

CASES: tuple[Case, ...] = (
    Case(
        name="vlan-everything",
        conf=vlan(
            vlanId=4094,
            mtu=1400,
            dns={"nameservers": ["10.0.0.1"]},
            ipam={**DUAL, "routes": [{"dst": "0.0.0.0/0"}, {"dst": "192.168.0.0/16", "gw": "10.1.2.7"}]},
        ),
        host=f"{MASTER}; ip link add eth0 type bridge",
        steps=DELETED_TWICE,
        uml=True,
    ),
    Case(
        name="vlan-two-containers",
        conf=PLAIN,
        host=f"{MASTER}; ip link set up0 mtu 1480",
        containers=("c1", "c2"),
        steps=(
            Step(verb="STATUS"),
            add(),
            add(container="c2", conf=NO_ID),
            check(),
            delete(),
            check(container="c2", conf=NO_ID),
            delete(container="c2", conf=NO_ID, netns="/run/netns/gone"),
        ),
        uml=True,
    ),
    Case(
        name="vlan-link-in-container",
        conf=vlan(linkInContainer=True, ipam=V6),
        pod=MASTER,
        steps=life(ifname="net1"),
        uml=True,
    ),
    Case(
        name="vlan-dns-of-ipam",
        conf=vlan(ipam=host_local(SUBNET4, resolvConf=f"{RUN}/resolv.conf")),
        host=MASTER,
        files={"resolv.conf": RESOLV_CONF},
        uml=True,
    ),
    Case(
        name="vlan-check-fails",
        conf=WITH_MTU,
        host=MASTER,
        steps=(
            add(),
            *(
                check(conf={**WITH_MTU, **other})
                for other in ({"vlanId": 200}, {"mtu": 1300}, {"master": "up9"})
            ),
            delete(),
        ),
        fails=(2, 3, 4),
        uml=True,
    ),
    refused(
        "vlan-refuses-ifname-taken",
        PLAIN,
        (add(),),
        host=MASTER,
        pod="ip link add eth0 type bridge",
        uml=True,
    ),
    refused("vlan-refuses-ipam-without-addresses", vlan(ipam=static()), host=MASTER, uml=True),
    # Nothing is made from here on.
    Case(name="vlan-says-versions", conf=PLAIN, steps=(Step(verb="VERSION"),)),
    Case(name="vlan-delete-nothing", conf=PLAIN, host=MASTER, steps=(delete(), delete(netns=""))),
    Case(name="vlan-delete-no-master", conf=PLAIN, steps=(delete(),), fails=(1,)),
    refused("vlan-refuses-no-master", conf("vlan", vlanId=100, ipam=V4), fails=(1, 2)),
    refused("vlan-refuses-master", PLAIN, ONCE, fails=(1, 2)),
    refused("vlan-refuses-id", vlan(vlanId=4095, ipam=V4), host=MASTER, fails=(1, 2)),
    refused("vlan-refuses-negative-id", vlan(vlanId=-1, ipam=V4), host=MASTER, fails=(1, 2)),
    refused("vlan-refuses-mtu", vlan(mtu=1501, ipam=V4), host=MASTER, fails=(1, 2)),
    refused("vlan-refuses-no-ipam", vlan(), host=MASTER, fails=(1, 2)),
    refused("vlan-refuses-netns-missing", PLAIN, (add(netns="/run/netns/gone"),), host=MASTER),
)
