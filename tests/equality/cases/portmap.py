"""Rows of portmap, with both backends."""

from __future__ import annotations

from typing import Any

from tests.equality.case import Case, add, check, delete, life
from tests.equality.cases.chained import PREVIOUS, PREVIOUS_04
from tests.equality.cases.parts import conf

BRIDGE = "ip link add br0 type bridge; ip addr add 10.1.2.1/24 dev br0; ip link set br0 up"
"""The way to the container, for route_localnet."""

BACKENDS = ("iptables", "nftables")

WEB = {"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}
DNS = {"hostPort": 53, "containerPort": 5353, "protocol": "udp"}
DIAMETER = {"hostPort": 3868, "containerPort": 3868, "protocol": "sctp"}
OF_CONTAINERD = {"HostPort": 8080, "ContainerPort": 80, "Protocol": "tcp", "HostIP": ""}
HOST_IPS = [
    {**WEB, "hostIP": address, "hostPort": 8000 + number}
    for number, address in enumerate(("192.0.2.1", "0.0.0.0", "127.0.0.1", "fd12:9::1", "::", "::1"))
]
MANY = [{**WEB, "hostPort": 8000 + number} for number in range(33)]

V4_ONLY = {**PREVIOUS, "ips": PREVIOUS["ips"][:1]}
V6_ONLY = {**PREVIOUS, "ips": PREVIOUS["ips"][1:]}
OTHERS_FIRST = {
    **PREVIOUS,
    "ips": [
        {"address": "10.9.9.9/24", "interface": 0},
        *PREVIOUS["ips"],
        {"address": "10.1.2.4/24", "interface": 1},
    ],
}
SECOND = {
    **PREVIOUS,
    "interfaces": [{"name": "eth0", "sandbox": "/run/netns/c2"}],
    "ips": [{"address": "10.1.2.7/24", "interface": 0}],
}


def portmap(
    backend: str | None, *mappings: dict[str, Any], version: str = "1.1.0", **keys: Any
) -> dict[str, Any]:
    more = {} if backend is None else {"backend": backend}
    whole = {"prevResult": PREVIOUS, "runtimeConfig": {"portMappings": list(mappings or (WEB, DNS))}}
    return conf("portmap", version, **more, **{**whole, **keys})


def row(name: str, given: dict[str, Any], **more: Any) -> Case:
    return Case(name=f"portmap-{name}", conf=given, **{"host": BRIDGE, **more})


def refused(name: str, given: dict[str, Any], **more: Any) -> Case:
    return row(f"refuses-{name}", given, **{"steps": (add(), delete()), "fails": (1, 2), **more})


def of_both(backend: str) -> tuple[Case, ...]:
    other = portmap(backend, {**WEB, "hostPort": 9090}, prevResult=SECOND)
    return (
        row(f"{backend}-plain", portmap(backend, WEB, DNS, DIAMETER), steps=(*life(), delete())),
        row(f"{backend}-host-ips", portmap(backend, *HOST_IPS)),
        row(f"{backend}-no-snat", portmap(backend, WEB, snat=False), steps=(add(), delete())),
        row(f"{backend}-v6", portmap(backend, prevResult=V6_ONLY), host=""),
        row(
            f"{backend}-two-containers",
            portmap(backend, prevResult=V4_ONLY),
            containers=("c1", "c2"),
            steps=(
                add(),
                add(container="c2", conf=other),
                delete(),
                check(container="c2", conf=other),
                delete(container="c2", conf=other),
            ),
        ),
        row(
            f"{backend}-check-fails",
            portmap(backend, prevResult=V4_ONLY),
            steps=(add(), delete(), check()),
            fails=(3,),
        ),
    )


CASES: tuple[Case, ...] = (
    *(case for backend in BACKENDS for case in of_both(backend)),
    row("automatic", portmap(None, OF_CONTAINERD, prevResult=V4_ONLY)),
    row("addresses-of-others", portmap("nftables", prevResult=OTHERS_FIRST)),
    row("no-address", portmap("nftables", prevResult={"cniVersion": "1.1.0"})),
    row("no-mappings", portmap("nftables", runtimeConfig={"portMappings": []})),
    row("delete-nothing", portmap("nftables"), steps=(delete(),)),
    row("iptables-many", portmap("iptables", *MANY, DNS, prevResult=V6_ONLY), steps=(add(), delete())),
    row("iptables-add-twice", portmap("iptables", prevResult=V4_ONLY), steps=(add(), add(), delete())),
    row("nftables-add-twice", portmap("nftables"), steps=(add(), add(), delete())),
    row("iptables-masquerade-all", portmap("iptables", masqAll=True), steps=(add(), delete())),
    row("nftables-masquerade-all", portmap("nftables", WEB, masqAll=True)),
    row(
        "iptables-two-mark-bits",
        portmap("iptables", prevResult=V4_ONLY, markMasqBit=31),
        steps=(add(), add(container="c2", conf=portmap("iptables", prevResult=SECOND, markMasqBit=0))),
        containers=("c1", "c2"),
    ),
    row(
        "iptables-set-mark-chain",
        portmap("iptables", externalSetMarkChain="KUBE-MARK-MASQ"),
        host=f"{BRIDGE}; iptables -t nat -N KUBE-MARK-MASQ; ip6tables -t nat -N KUBE-MARK-MASQ",
    ),
    row(
        "iptables-conditions",
        portmap(
            "iptables",
            conditionsV4=["!", "-s", "192.0.2.0/24", "-m", "comment", "--comment", 'a "b" c'],
            conditionsV6=["-i", "br0"],
        ),
        steps=(add(), delete()),
    ),
    row(
        "nftables-conditions",
        portmap("nftables", conditionsV4=["ip", "saddr", "!=", "192.0.2.0/24"], conditionsV6=["iifname br0"]),
    ),
    row("version-0.4.0", portmap("nftables", version="0.4.0", prevResult=PREVIOUS_04)),
    refused("two-marks", portmap("iptables", markMasqBit=3, externalSetMarkChain="X")),
    refused("conditions-of-nftables-unasked", portmap(None, conditionsV4=["iifname", "br0"])),
    refused("no-prev-result", portmap("nftables", prevResult=None), fails=(1,)),
    refused("host-port", portmap("iptables", {**WEB, "hostPort": 0})),
)
