"""Rows of flannel. The reference's program knows no version from 1.0.0 on: see tests/peers/flannel."""

from __future__ import annotations

from typing import Any

from tests.equality.case import DELETED_TWICE, RUN, Case, add, delete, life
from tests.equality.cases.parts import conf

IPV4 = "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.3.1/24\n"
IPV6 = "FLANNEL_IPV6_NETWORK=fd01::/48\nFLANNEL_IPV6_SUBNET=fd01:0:0:3::1/64\n"
REST = "FLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n"
MASQUERADE = "FLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n"


def flannel(version: str = "0.4.0", **keys: Any) -> dict[str, Any]:
    return conf("flannel", version, **{"subnetFile": f"{RUN}/subnet.env", **keys})


def row(name: str, given: dict[str, Any], env: str = IPV4 + REST, **more: Any) -> Case:
    return Case(name=f"flannel-{name}", conf=given, **{"files": {"subnet.env": env}, **more})


def refused(name: str, given: dict[str, Any], env: str = IPV4 + REST, **more: Any) -> Case:
    return row(f"refuses-{name}", given, env, **{"steps": (add(), delete()), "fails": (1,), **more})


def with_runtime(**said: Any) -> dict[str, Any]:
    return flannel(runtimeConfig=said, capabilities=dict.fromkeys(said, True))


CASES: tuple[Case, ...] = (
    row("plain", flannel(), steps=DELETED_TWICE),
    row("no-version", {key: said for key, said in flannel().items() if key != "cniVersion"}, fails=(2,)),
    row("dual", flannel(), IPV4 + IPV6 + REST),
    row("masquerade", flannel(), IPV4 + MASQUERADE),
    row(
        "as-installed",
        flannel("0.3.1", delegate={"hairpinMode": True, "isDefaultGateway": True}),
        IPV4 + IPV6 + REST,
        fails=(2,),
    ),
    row(
        "delegate-says-it-itself",
        flannel(delegate={"bridge": "fl0", "mtu": 1300, "ipMasq": True, "isGateway": False}),
    ),
    row("delegate-without-mtu", flannel(delegate={"mtu": None})),
    row("delegate-ptp", flannel(delegate={"type": "ptp"})),
    row(
        "delegate-macvlan",
        flannel(delegate={"type": "macvlan", "master": "up0"}),
        host="ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up",
    ),
    row(
        "ipam-routes",
        flannel(
            ipam={"routes": [{"dst": "10.96.0.0/12"}, {"dst": "10.9.0.0/16", "gw": "10.244.3.7"}]},
            delegate={"isDefaultGateway": True},
        ),
    ),
    row("ipam-ranges-replaced", flannel(ipam={"ranges": [[{"subnet": "10.7.0.0/24"}]]})),
    row(
        "ipam-static",
        flannel(ipam={"type": "static", "addresses": [{"address": "10.244.3.9/24"}]}),
    ),
    row("runtime-mac", with_runtime(mac="02:00:00:00:00:77")),
    row("further-interface", flannel(), steps=life(ifname="net1")),
    row("env-odd", flannel(), f"# flannel\n\n{IPV4}{REST}FLANNEL_MTU=1400\nFLANNEL_IPMASQ=yes\n"),
    row("delete-nothing", flannel(), steps=(delete(), delete(netns="/run/netns/gone"))),
    refused("no-subnet", flannel(subnetFile=f"{RUN}/nothing.env")),
    refused("subnet-incomplete", flannel(), IPV4),
    refused("name", flannel(delegate={"name": "other"})),
    refused("ipam-of-delegate", flannel(delegate={"ipam": {"type": "static"}})),
    refused("unknown-delegate", flannel(delegate={"type": "no-such-plugin"}), fails=(1, 2)),
    refused("hairpin-and-promisc", flannel(delegate={"hairpinMode": True, "promiscMode": True})),
    refused("routes-that-are-none", flannel(ipam={"routes": [{"dst": "here"}]})),
)
