"""Rows of bridge: gateway addresses, default routes, forwarding, masquerading."""

from __future__ import annotations

from tests.equality.case import DELETED_TWICE, Case, add, check, delete
from tests.equality.cases.bridge import bridge, two
from tests.equality.cases.parts import (
    DUAL,
    FAMILIES,
    SECOND4,
    SECOND6,
    SUBNET4,
    SUBNET6,
    V4,
    V6,
    host_local,
    static,
)

CASES: tuple[Case, ...] = (
    *(
        Case(name=f"bridge-gateway-{name}", conf=bridge(isGateway=True, ipam=ipam))
        for name, ipam in FAMILIES.items()
    ),
    *(
        Case(name=f"bridge-default-gateway-{name}", conf=bridge(isDefaultGateway=True, ipam=ipam))
        for name, ipam in FAMILIES.items()
    ),
    Case(
        name="bridge-default-gateway-mtu-promisc",
        conf=bridge(isDefaultGateway=True, mtu=1400, promiscMode=True, hairpinMode=False, ipam=DUAL),
    ),
    Case(
        name="bridge-default-gateway-has-a-route",
        conf=bridge(
            isDefaultGateway=True,
            ipam=host_local(SUBNET4, SUBNET6, routes=[{"dst": "0.0.0.0/0", "gw": "10.1.2.99"}]),
        ),
    ),
    Case(
        name="bridge-default-gateway-has-a-route-without-gateway",
        conf=bridge(isDefaultGateway=True, ipam=host_local(SUBNET6, routes=[{"dst": "::/0", "priority": 9}])),
    ),
    Case(
        name="bridge-gateway-of-range",
        conf=bridge(isGateway=True, ipam=host_local({"subnet": SUBNET4, "gateway": "10.1.2.200"})),
    ),
    Case(
        name="bridge-gateway-of-static",
        conf=bridge(isGateway=True, ipam=static({"address": "10.7.7.7/24", "gateway": "10.7.7.99"})),
    ),
    Case(
        name="bridge-gateway-guessed",
        conf=bridge(isDefaultGateway=True, ipam=static("10.7.7.7/20", "fd77::7/64")),
    ),
    Case(
        name="bridge-two-gateways-a-family",
        conf=bridge(isGateway=True, forceAddress=False, ipam=host_local(SUBNET6, SECOND6)),
    ),
    Case(
        name="bridge-two-gateways-forced",
        conf=bridge(isGateway=True, forceAddress=True, ipam=host_local(SUBNET4, SECOND4)),
    ),
    # An address that is there already: the same, another, an overlapping one.
    Case(
        name="bridge-gateway-there-before",
        conf=bridge(isGateway=True, ipam=V4),
        host="ip link add br0 type bridge; ip addr add 10.1.2.1/24 dev br0",
    ),
    Case(
        name="bridge-force-address-v4",
        conf=bridge(isGateway=True, forceAddress=True, ipam=V4),
        host="ip link add br0 type bridge; ip addr add 10.9.9.1/24 dev br0",
    ),
    Case(
        name="bridge-force-address-v6",
        conf=bridge(isGateway=True, forceAddress=True, ipam=V6),
        host="ip link add br0 type bridge; ip link set br0 up; ip addr add fd12:5::77/64 dev br0 nodad;"
        "ip addr add fd99::1/64 dev br0 nodad",
    ),
    Case(
        name="bridge-other-v6-address-stays",
        conf=bridge(isGateway=True, ipam=V6),
        host="ip link add br0 type bridge; ip link set br0 up; ip addr add fd99::1/64 dev br0 nodad",
    ),
    Case(
        name="bridge-already-forwarding",
        conf=bridge(isGateway=True, ipam=DUAL),
        host="echo 1 >/proc/sys/net/ipv4/ip_forward; echo 2 >/proc/sys/net/ipv6/conf/all/forwarding",
    ),
    two("bridge-two-containers-gateway", bridge(isDefaultGateway=True, ipam=DUAL)),
    # Masquerading, either way, and by whichever is chosen when none is named.
    *(
        Case(
            name=f"bridge-masquerade-{backend}-{name}",
            conf=bridge(ipMasq=True, ipMasqBackend=backend, isGateway=True, ipam=ipam),
            steps=DELETED_TWICE,
        )
        for backend in ("iptables", "nftables")
        for name, ipam in FAMILIES.items()
    ),
    Case(name="bridge-masquerade-any", conf=bridge(ipMasq=True, ipam=V4)),
    *(
        two(
            f"bridge-masquerade-{backend}-two",
            bridge(ipMasq=True, ipMasqBackend=backend, isGateway=True, ipam=DUAL),
        )
        for backend in ("iptables", "nftables")
    ),
    Case(
        name="bridge-masquerade-nftables-two-interfaces",
        conf=bridge(ipMasq=True, ipMasqBackend="nftables", isGateway=True, ipam=host_local(SUBNET4)),
        steps=(add(), add(ifname="net1"), check(), delete(), check(ifname="net1"), delete(ifname="net1")),
    ),
    Case(
        name="bridge-masquerade-iptables-rules-there-before",
        conf=bridge(ipMasq=True, ipMasqBackend="iptables", ipam=V4),
        host="iptables -t nat -A POSTROUTING -s 172.16.0.0/12 -j MASQUERADE; iptables -A FORWARD -j ACCEPT",
    ),
    *(
        Case(
            name=f"bridge-masquerade-{backend}-two-subnets",
            conf=bridge(ipMasq=True, ipMasqBackend=backend, ipam=host_local(SUBNET4, SECOND4, SUBNET6)),
            fails=fails,
        )
        for backend, fails in (("iptables", (3,)), ("nftables", ()))
    ),
    # The namespace is gone when DEL comes; and one network twice in a pod.
    *(
        Case(
            name=f"bridge-masquerade-{backend}-netns-gone",
            conf=bridge(ipMasq=True, ipMasqBackend=backend, ipam=DUAL),
            steps=(add(), delete(netns="/run/netns/gone")),
        )
        for backend in ("iptables", "nftables")
    ),
    Case(
        name="bridge-masquerade-iptables-two-interfaces",
        conf=bridge(ipMasq=True, ipMasqBackend="iptables", isGateway=True, ipam=V4),
        steps=(add(), add(ifname="net1"), delete(), delete(ifname="net1")),
        fails=(3,),
    ),
    Case(
        name="bridge-everything",
        conf=bridge(
            isDefaultGateway=True,
            forceAddress=True,
            ipMasq=True,
            ipMasqBackend="nftables",
            mtu=1380,
            hairpinMode=True,
            macspoofchk=True,
            portIsolation=True,
            dns={"nameservers": ["10.1.2.1"]},
            runtimeConfig={"mac": "02:11:22:33:44:55", "ips": ["10.1.2.20", "fd12:5::20"]},
            capabilities={"mac": True, "ips": True},
            ipam={**DUAL, "routes": [{"dst": "192.168.0.0/16"}]},
        ),
    ),
)
