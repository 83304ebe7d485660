"""Rows of bridge: the link, the port, MACs, sharing; gateways and masquerading are in ``bridge_gateway``."""

from __future__ import annotations

from typing import Any

from tests.equality.case import DELETED_TWICE, RUN, Case, add, check, delete, life
from tests.equality.cases.parts import (
    DUAL,
    FAMILIES,
    RESOLV_CONF,
    SUBNET4,
    V4,
    V6,
    conf,
    host_local,
    static,
)

MAC, MAC2, MAC3 = "02:11:22:33:44:55", "02:11:22:33:44:66", "02:11:22:33:44:77"


def bridge(**keys: Any) -> dict[str, Any]:
    return conf("bridge", bridge="br0", **keys)


def two(name: str, given: dict[str, Any], **more: Any) -> Case:
    """Two containers on one bridge: the first goes while the second stays."""
    return Case(
        name=name,
        conf=given,
        containers=("c1", "c2"),
        steps=(
            add(),
            add(container="c2"),
            check(),
            check(container="c2"),
            delete(),
            check(container="c2"),
            delete(container="c2"),
        ),
        **more,
    )


# A bridge that nobody gave a MAC takes the lowest of its ports', which are dice. One that was there before
# with a MAC of its own keeps it, so that two ports on a bridge without a gateway compare.
OWN_MAC = "ip link add br0 address 02:00:00:00:00:01 type bridge"

CASES: tuple[Case, ...] = (
    # No CHECK in the rows without IPAM but one: the reference's fails there (D-7).
    Case(name="bridge-l2", conf=bridge(), steps=(add(), delete(), delete())),
    Case(name="bridge-l2-check", conf=bridge(), fails=(2,)),
    Case(name="bridge-default-name", conf=conf("bridge", ipam=V4)),
    *(
        Case(name=f"bridge-{family}", conf=bridge(ipam=ipam), steps=DELETED_TWICE)
        for family, ipam in FAMILIES.items()
    ),
    Case(name="bridge-other-ifname", conf=bridge(ipam=V4), steps=life(ifname="net1")),
    Case(name="bridge-mtu", conf=bridge(mtu=1400, ipam=V4)),
    Case(name="bridge-mtu-below-ipv6", conf=bridge(mtu=1000, ipam=V4)),
    Case(
        name="bridge-there-before",
        conf=bridge(mtu=1400, ipam=V4),
        host="ip link add br0 mtu 1300 type bridge; ip link set br0 promisc on",
        # It is promiscuous though the configuration doesn't ask for that: no CHECK.
        steps=(add(), delete()),
    ),
    Case(
        name="bridge-there-before-with-addresses",
        conf=bridge(ipam=DUAL),
        host="ip link add br0 type bridge; ip link set br0 up; ip addr add 10.9.9.1/24 dev br0;"
        "ip -6 addr add fd99::1/64 dev br0 nodad",
    ),
    Case(name="bridge-hairpin", conf=bridge(hairpinMode=True, ipam=V4)),
    Case(name="bridge-promisc", conf=bridge(promiscMode=True, ipam=V4)),
    Case(name="bridge-port-isolation", conf=bridge(portIsolation=True, ipam=V4)),
    Case(
        name="bridge-hairpin-isolated", conf=bridge(hairpinMode=True, portIsolation=True, mtu=1450, ipam=DUAL)
    ),
    Case(
        name="bridge-disabled-interface",
        conf=bridge(disableContainerInterface=True),
        steps=(add(), delete(), delete()),
    ),
    Case(name="bridge-macspoofchk", conf=bridge(macspoofchk=True, ipam=V4)),
    Case(name="bridge-macspoofchk-l2", conf=bridge(macspoofchk=True), steps=(add(), delete(), delete())),
    two("bridge-macspoofchk-two", bridge(macspoofchk=True, ipam=V4), host=OWN_MAC),
    Case(
        name="bridge-macspoofchk-names-that-clash",
        conf=bridge(macspoofchk=True),
        host=OWN_MAC,
        steps=(add(ifname="net1"), add(ifname="net1-mac"), delete(ifname="net1"), delete(ifname="net1-mac")),
    ),
    # Each source of a MAC, and which of them is heard last.
    Case(
        name="bridge-mac-runtime",
        conf=bridge(runtimeConfig={"mac": MAC}, capabilities={"mac": True}, ipam=V4),
    ),
    Case(name="bridge-mac-args-cni", conf=bridge(args={"cni": {"mac": MAC}}, ipam=V4)),
    Case(name="bridge-mac-cni-args", conf=bridge(), steps=(add(args=f"MAC={MAC}"), delete())),
    Case(
        name="bridge-mac-cni-args-with-ipam",
        conf=bridge(ipam=V4),
        steps=life(args=f"IgnoreUnknown=1;MAC={MAC}"),
    ),
    Case(
        name="bridge-mac-all-sources",
        conf=bridge(runtimeConfig={"mac": MAC3}, args={"cni": {"mac": MAC2}}, ipam=V4),
        steps=life(args=f"IgnoreUnknown=true;MAC={MAC};K8S_POD_NAME=pod"),
    ),
    Case(
        name="bridge-mac-two-sources",
        conf=bridge(args={"cni": {"mac": MAC2}}, ipam=V4),
        steps=life(args=f"IgnoreUnknown=true;MAC={MAC}"),
    ),
    Case(name="bridge-mac-dashes", conf=bridge(runtimeConfig={"mac": "02-AA-BB-CC-DD-EE"}, ipam=V4)),
    # Duplicate address detection as the kernel does it by itself.
    Case(name="bridge-dad", conf=bridge(enabledad=True, ipam=V6), kernel_dad=True),
    Case(name="bridge-no-dad", conf=bridge(ipam=V6), kernel_dad=True),
    Case(name="bridge-dad-quick", conf=bridge(enabledad=True, isGateway=True, ipam=DUAL)),
    Case(
        name="bridge-ipv6-switched-off",
        conf=bridge(ipam=DUAL),
        pod="for each in all default; do echo 1 >/proc/sys/net/ipv6/conf/$each/disable_ipv6; done",
    ),
    # Who says what in dns.
    Case(
        name="bridge-dns-of-conf",
        conf=bridge(dns={"nameservers": ["10.0.0.1"], "search": ["a", "b"]}, ipam=V4),
    ),
    Case(
        name="bridge-dns-of-ipam",
        conf=bridge(dns={}, ipam=host_local(SUBNET4, resolvConf=f"{RUN}/resolv.conf")),
        files={"resolv.conf": RESOLV_CONF},
    ),
    Case(
        name="bridge-dns-of-both",
        conf=bridge(dns={"domain": "example.com"}, ipam=host_local(SUBNET4, resolvConf=f"{RUN}/resolv.conf")),
        files={"resolv.conf": RESOLV_CONF},
    ),
    Case(
        name="bridge-keys-in-any-case",
        conf=bridge(HairPinMode=True, MTU=1300, RuntimeConfig={"MAC": MAC}, IPAM=V4),
    ),
    Case(name="bridge-unknown-keys", conf=bridge(ipam={**V4, "colour": "red"}, flavour="sweet")),
    Case(
        name="bridge-nulls",
        conf=bridge(mtu=None, hairpinMode=None, dns=None, args=None, runtimeConfig=None, ipam=V4),
    ),
    # Routes, as IPAM hands them on.
    Case(
        name="bridge-routes",
        conf=bridge(
            ipam=host_local(
                SUBNET4,
                routes=[
                    {"dst": "0.0.0.0/0"},
                    {"dst": "192.168.0.0/16", "gw": "10.1.2.77"},
                    {"dst": "192.168.7.0/24", "priority": 50},
                    {"dst": "10.50.0.0/16", "gw": "10.1.2.78", "scope": 0},
                    {"dst": "10.51.0.0/16", "table": 1001},
                    {"dst": "10.52.0.0/16", "table": 1001, "priority": 7},
                ],
            )
        ),
        # A route with a table of its own fails the reference's CHECK (D-3).
        steps=(add(), delete(), delete()),
    ),
    Case(
        name="bridge-route-default-v4", conf=bridge(ipam=host_local(SUBNET4, routes=[{"dst": "0.0.0.0/0"}]))
    ),
    Case(
        name="bridge-route-default-v6", conf=bridge(ipam=host_local("fd12:5::/64", routes=[{"dst": "::/0"}]))
    ),
    Case(
        name="bridge-route-no-gateway",
        conf=bridge(
            ipam=static("10.7.7.7/24", routes=[{"dst": "10.8.0.0/16"}, {"dst": "10.9.0.1/32", "scope": 253}])
        ),
    ),
    Case(
        name="bridge-routes-v6",
        conf=bridge(
            ipam=host_local(
                "fd12:5::/64",
                routes=[
                    {"dst": "fd20::/48"},
                    {"dst": "fd21::/48", "gw": "fd12:5::9"},
                    {"dst": "fd22::/48", "priority": 5},
                ],
            )
        ),
    ),
    Case(
        name="bridge-route-v6-two-next-hops",
        conf=bridge(
            ipam=host_local(
                "fd12:5::/64",
                routes=[{"dst": "fd21::/48", "gw": "fd12:5::9"}, {"dst": "fd21::/48", "gw": "fd12:5::a"}],
            )
        ),
        fails=(2,),
    ),
    Case(
        name="bridge-route-metrics",
        conf=bridge(ipam=host_local(SUBNET4, routes=[{"dst": "10.60.0.0/16", "mtu": 1300, "advmss": 1200}])),
    ),
    Case(
        name="bridge-route-table-check",
        conf=bridge(ipam=host_local(SUBNET4, routes=[{"dst": "10.51.0.0/16", "table": 1001}])),
        fails=(2,),
    ),
    Case(name="bridge-host-address", conf=bridge(ipam=static("10.7.7.7/32", "fd77::7/128")), fails=(2,)),
    Case(name="bridge-point-to-point-length", conf=bridge(ipam=static("10.7.7.6/31", "fd77::6/127"))),
    # Sharing a bridge.
    two("bridge-two-containers-l2", bridge(ipam=DUAL), host=OWN_MAC),
    Case(
        name="bridge-two-interfaces",
        conf=bridge(ipam=static()),
        host=OWN_MAC,
        steps=(
            add(conf=bridge(ipam=static("10.1.2.2/24"))),
            add(conf=bridge(ipam=static("10.1.3.2/24", "fd12::2/64")), ifname="net1"),
            check(conf=bridge(ipam=static("10.1.2.2/24"))),
            delete(conf=bridge(ipam=static("10.1.2.2/24"))),
            check(conf=bridge(ipam=static("10.1.3.2/24", "fd12::2/64")), ifname="net1"),
            delete(conf=bridge(ipam=static("10.1.3.2/24", "fd12::2/64")), ifname="net1"),
        ),
    ),
    # DEL in all weathers.
    Case(name="bridge-delete-nothing", conf=bridge(ipam=V4), steps=(delete(), delete(netns=""), delete())),
    Case(
        name="bridge-delete-netns-gone",
        conf=bridge(ipam=V4),
        steps=(add(), delete(netns="/run/netns/gone"), delete(netns=""), delete()),
    ),
    Case(
        name="bridge-delete-unknown-args",
        conf=bridge(ipam=V4),
        steps=(delete(args="COLOUR=red"), delete(args="no-pair")),
        fails=(1, 2),
    ),
    Case(name="bridge-delete-without-prev-result", conf=bridge(ipam=DUAL), steps=(add(), delete(prev=False))),
    Case(
        name="bridge-check-without-prev-result",
        conf=bridge(ipam=V4),
        steps=(add(), check(prev=False), delete()),
        fails=(2,),
    ),
)
