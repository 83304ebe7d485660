"""Rows of tap."""

from __future__ import annotations

from typing import Any

from tests.equality.case import DELETED_TWICE, RUN, Case, add, check, delete, life
from tests.equality.cases.parts import DUAL, FAMILIES, RESOLV_CONF, SUBNET4, V4, conf, host_local

MAC, MAC2, MAC3 = "02:11:22:33:44:55", "02:11:22:33:44:66", "02:11:22:33:44:77"
CONTEXT = "system_u:system_r:container_t:s0"


def tap(**keys: Any) -> dict[str, Any]:
    return conf("tap", **keys)


CASES: tuple[Case, ...] = (
    Case(name="tap-l2", conf=tap()),
    *(
        Case(name=f"tap-{name}", conf=tap(ipam=ipam), steps=DELETED_TWICE)
        for name, ipam in FAMILIES.items()
        if name != "dual"
    ),
    *(
        Case(name=f"tap-{name}", conf=tap(**keys))
        for name, keys in {
            "multi-queue": {"multiQueue": True},
            "owner": {"owner": 107},
            "group": {"group": 108},
            "owner-and-group": {"owner": 107, "group": 108},
            "owner-and-group-zero": {"owner": 0, "group": 0},
            "owner-multi-queue": {"owner": 107, "multiQueue": True},
            "owner-and-group-multi-queue": {"owner": 107, "group": 108, "multiQueue": True},
            "mtu": {"mtu": 1400},
            "mtu-large": {"mtu": 9000, "multiQueue": True},
            "mac-of-conf": {"mac": MAC},
            "mac-runtime": {"mac": MAC, "runtimeConfig": {"mac": MAC2}},
            "mac-and-mtu-for-an-owner": {"owner": 107, "mac": MAC, "mtu": 1400},
            "mac-and-mtu-for-owner-and-group": {"owner": 107, "group": 108, "mac": MAC, "mtu": 1400},
        }.items()
    ),
    Case(name="tap-mac-cni-args", conf=tap(mac=MAC), steps=life(args=f"MAC={MAC2}")),
    Case(
        name="tap-mac-all-sources",
        conf=tap(mac=MAC, runtimeConfig={"mac": MAC3}, ipam=V4),
        steps=life(args=f"IgnoreUnknown=1;MAC={MAC2}"),
    ),
    Case(
        name="tap-bridge",
        conf=tap(bridge="br0", mac=MAC),
        # It may take the tap's carrier for one for a moment, and make itself a link-local address.
        pod=f"ip link add br0 address {MAC3} type bridge; echo 1 > /proc/sys/net/ipv6/conf/br0/disable_ipv6;"
        "ip link set br0 up",
    ),
    Case(name="tap-other-ifname", conf=tap(ipam=V4), steps=life(ifname="net1")),
    Case(name="tap-host-has-that-name", conf=tap(ipam=V4), host="ip link add eth0 type bridge"),
    Case(
        name="tap-routes",
        conf=tap(
            ipam=host_local(
                SUBNET4, routes=[{"dst": "0.0.0.0/0"}, {"dst": "192.168.0.0/16", "gw": "10.1.2.7"}]
            )
        ),
    ),
    Case(name="tap-dns-of-conf", conf=tap(dns={"nameservers": ["10.0.0.1"]}, ipam=V4)),
    Case(
        name="tap-dns-of-ipam",
        conf=tap(ipam=host_local(SUBNET4, resolvConf=f"{RUN}/resolv.conf")),
        files={"resolv.conf": RESOLV_CONF},
    ),
    Case(
        name="tap-two-containers",
        conf=tap(ipam=DUAL),
        containers=("c1", "c2"),
        steps=(add(), add(container="c2"), check(), delete(), check(container="c2"), delete(container="c2")),
    ),
    Case(name="tap-delete-nothing", conf=tap(ipam=V4), steps=(delete(), delete(netns=""))),
    Case(
        name="tap-delete-netns-gone",
        conf=tap(ipam=V4),
        steps=(add(), delete(netns="/run/netns/gone"), delete()),
    ),
    Case(
        name="tap-delete-unknown-args",
        conf=tap(),
        steps=(add(), delete(args="A=1"), delete()),
        fails=(2,),
    ),
    # Refused by both.
    Case(name="tap-refuses-bridge", conf=tap(bridge="br7"), steps=(add(), delete()), fails=(1,)),
    Case(name="tap-refuses-context", conf=tap(selinuxContext=CONTEXT), steps=(add(), delete()), fails=(1,)),
    Case(name="tap-refuses-mtu", conf=tap(mtu=67), steps=(add(), delete()), fails=(1,)),
    Case(name="tap-refuses-mac", conf=tap(mac="ten"), steps=(add(), delete()), fails=(1,)),
    Case(name="tap-refuses-netns-missing", conf=tap(), steps=(add(netns="/run/netns/gone"),), fails=(1,)),
    Case(
        name="tap-refuses-ipam-without-addresses",
        conf=tap(ipam={"type": "static"}),
        steps=(add(), delete()),
        fails=(1,),
    ),
)
