"""Rows of macvlan. The master is one end of a veth pair, since that is had everywhere."""

from __future__ import annotations

from typing import Any

from tests.equality.case import DELETED_TWICE, RUN, Case, add, check, delete, life
from tests.equality.cases.parts import DUAL, FAMILIES, RESOLV_CONF, SUBNET4, V4, conf, host_local

MAC, MAC2, MAC3 = "02:11:22:33:44:55", "02:11:22:33:44:66", "02:11:22:33:44:77"

# A passthru macvlan takes its master's MAC, so the master has a given one.
MASTER = (
    "ip link add up0 address 02:00:00:00:00:01 type veth peer name up1 address 02:00:00:00:00:02;"
    "ip link set up0 up; ip link set up1 up"
)


def macvlan(**keys: Any) -> dict[str, Any]:
    return conf("macvlan", master="up0", **keys)


CASES: tuple[Case, ...] = (
    Case(name="macvlan-l2", conf=macvlan(), host=MASTER),
    *(
        Case(name=f"macvlan-{name}", conf=macvlan(ipam=ipam), host=MASTER, steps=DELETED_TWICE)
        for name, ipam in FAMILIES.items()
    ),
    *(
        Case(name=f"macvlan-{mode}", conf=macvlan(mode=mode, ipam=V4), host=MASTER)
        for mode in ("bridge", "private", "vepa", "passthru")
    ),
    Case(name="macvlan-other-ifname", conf=macvlan(ipam=V4), host=MASTER, steps=life(ifname="net1")),
    Case(name="macvlan-mtu", conf=macvlan(mtu=1400, ipam=V4), host=MASTER),
    Case(
        name="macvlan-mtu-of-master",
        conf=macvlan(mtu=9000, ipam=V4),
        host=f"{MASTER}; ip link set up0 mtu 9000",
    ),
    Case(name="macvlan-mtu-inherited", conf=macvlan(ipam=V4), host=f"{MASTER}; ip link set up0 mtu 1480"),
    Case(name="macvlan-bcqueuelen", conf=macvlan(bcqueuelen=200), host=MASTER),
    Case(name="macvlan-mac-of-conf", conf=macvlan(mac=MAC, ipam=V4), host=MASTER),
    Case(name="macvlan-mac-runtime", conf=macvlan(mac=MAC, runtimeConfig={"mac": MAC2}), host=MASTER),
    Case(name="macvlan-mac-cni-args", conf=macvlan(mac=MAC), host=MASTER, steps=life(args=f"MAC={MAC2}")),
    Case(
        name="macvlan-mac-all-sources",
        conf=macvlan(mac=MAC, runtimeConfig={"mac": MAC3}, ipam=V4),
        host=MASTER,
        steps=life(args=f"IgnoreUnknown=1;MAC={MAC2}"),
    ),
    Case(
        name="macvlan-master-of-default-route",
        conf=conf("macvlan", ipam=V4),
        host=f"{MASTER}; ip addr add 10.200.0.2/24 dev up0; ip route add default via 10.200.0.1",
    ),
    Case(
        name="macvlan-master-of-default-route-v6",
        conf=conf("macvlan", ipam=V4),
        host=f"{MASTER}; ip addr add fd20::2/64 dev up0 nodad; ip route add default via fd20::1",
    ),
    Case(
        name="macvlan-master-v4-before-v6",
        conf=conf("macvlan"),
        host=f"{MASTER}; ip addr add fd20::2/64 dev up1 nodad;"
        "ip route add default via fd20::1 dev up1 metric 1;"
        "ip addr add 10.200.0.2/24 dev up0; ip route add default via 10.200.0.1",
    ),
    Case(
        name="macvlan-link-in-container",
        conf=macvlan(linkInContainer=True, ipam=V4),
        pod=MASTER,
        steps=life(ifname="net1"),
    ),
    Case(
        name="macvlan-link-in-container-default-route",
        conf=conf("macvlan", linkInContainer=True, mode="private", mtu=1300, ipam=DUAL),
        pod=f"{MASTER}; ip addr add 10.200.0.2/24 dev up0; ip route add default via 10.200.0.1",
        steps=life(ifname="net1"),
    ),
    *(
        Case(
            name=f"macvlan-link-in-container-{mode}",
            conf=macvlan(mode=mode, linkInContainer=True, ipam=V4),
            pod=MASTER,
            steps=life(ifname="net1"),
        )
        for mode in ("private", "vepa", "passthru")
    ),
    Case(
        name="macvlan-passthru-mac",
        conf=macvlan(mode="passthru", mac=MAC, ipam=V4),
        host=MASTER,
    ),
    Case(
        name="macvlan-passthru-is-alone",
        conf=macvlan(mode="passthru"),
        host=MASTER,
        containers=("c1", "c2"),
        steps=(add(), add(container="c2"), check(), delete(), *life(container="c2")),
        fails=(2,),
    ),
    Case(
        name="macvlan-two-queues",
        conf=macvlan(bcqueuelen=77),
        host=MASTER,
        containers=("c1", "c2"),
        steps=(add(), add(container="c2", conf=macvlan(bcqueuelen=2000)), delete(), delete(container="c2")),
    ),
    Case(
        name="macvlan-master-gone",
        conf=macvlan(ipam=V4),
        host=MASTER,
        pod="ip link add up0 type veth peer name up1",
        steps=(add(), delete(conf=conf("macvlan", master="up7", ipam=V4))),
    ),
    Case(
        name="macvlan-routes",
        conf=macvlan(
            ipam=host_local(
                SUBNET4, routes=[{"dst": "0.0.0.0/0"}, {"dst": "192.168.0.0/16", "gw": "10.1.2.7"}]
            )
        ),
        host=MASTER,
    ),
    Case(name="macvlan-dns-of-conf", conf=macvlan(dns={"nameservers": ["10.0.0.1"]}, ipam=V4), host=MASTER),
    Case(
        name="macvlan-dns-of-ipam",
        conf=macvlan(ipam=host_local(SUBNET4, resolvConf=f"{RUN}/resolv.conf")),
        host=MASTER,
        files={"resolv.conf": RESOLV_CONF},
    ),
    Case(name="macvlan-kernel-dad", conf=macvlan(ipam=FAMILIES["v6"]), host=MASTER, kernel_dad=True),
    Case(
        name="macvlan-two-containers",
        conf=macvlan(ipam=DUAL),
        host=MASTER,
        containers=("c1", "c2"),
        steps=(add(), add(container="c2"), check(), delete(), check(container="c2"), delete(container="c2")),
    ),
    Case(
        name="macvlan-host-has-that-name",
        conf=macvlan(ipam=V4),
        host=f"{MASTER}; ip link add eth0 type bridge",
    ),
    Case(name="macvlan-delete-nothing", conf=macvlan(ipam=V4), steps=(delete(), delete(netns=""))),
    Case(
        name="macvlan-delete-netns-gone",
        conf=macvlan(ipam=V4),
        host=MASTER,
        steps=(add(), delete(netns="/run/netns/gone"), delete()),
    ),
)
