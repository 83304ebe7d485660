"""CHECK sees each kind of damage, and a DEL afterwards clears what is left all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.delegates.damage import ADDRESS_REMOVED, WRONG, Damage, each, in_pod, is_seen_and_goes
from tests.faults import facts
from tests.support.netns import Netns
from tests.support.plugins import Attachment, refusal

pytestmark = pytest.mark.kernel


def conf(ipam: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {
        "cniVersion": "1.1.0", "name": "net", "type": "bridge", "bridge": "br0", "isDefaultGateway": True,
        "ipMasq": True, "ipMasqBackend": "nftables", "macspoofchk": True, "ipam": ipam, **keys,
    }  # fmt: skip


def on_host(*words: str) -> Callable[[Attachment], object]:
    return lambda one: one.host.run(*(one.host_end if word == "FAR" else word for word in words))


def replaced(one: Attachment) -> None:
    one.pod.ip("link", "delete", "eth0")
    one.pod.ip("link", "add", "eth0", "type", "bridge")


def another_pair(one: Attachment) -> None:
    """The same MAC and a port of the same bridge, but not the pair that was made."""
    mac = one.pod.json("ip", "-j", "link", "show", "eth0")[0]["address"]
    one.pod.ip("link", "delete", "eth0")
    one.host.ip("link", "add", "veth0", "type", "veth", "peer", "name", "eth0", "netns", one.pod.name)
    one.host.ip("link", "set", "veth0", "master", "br0")
    one.pod.ip("link", "set", "eth0", "address", mac)


def forget_address(one: Attachment) -> None:
    one.host.run("rm", f"{one.conf['ipam']['dataDir']}/net/{one.address}")


PORT_GONE = "CNI veth created for bridge br0 was not found"

DAMAGES = [
    ADDRESS_REMOVED,
    Damage(
        what="an address has another length",
        do=lambda one: [
            one.pod.ip("addr", verb, f"fd01:2::2/{length}", "dev", "eth0")
            for verb, length in (("delete", 64), ("add", 80))
        ],
        said="Failed to match addr fd01:2::2/64 on interface eth0",
    ),
    Damage(
        what="the route to the subnet was removed",
        do=in_pod("route", "delete", "10.1.2.0/24"),
        said="Failed to find Gateway 10.1.2.1 for interface eth0",
    ),
    Damage(
        what="the IPv4 default route was removed",
        do=in_pod("route", "delete", "default"),
        said="Expected Route {Dst:{IP:0.0.0.0 Mask:00000000} GW:10.1.2.1 MTU:0 AdvMSS:0 Priority:0 "
        "Table:<nil> Scope:<nil>} not found in routing table",
    ),
    Damage(
        what="the IPv6 default route was removed",
        do=in_pod("-6", "route", "delete", "default"),
        said="Expected Route {Dst:{IP::: Mask:00000000000000000000000000000000} GW:fd01:2::1 MTU:0 AdvMSS:0 "
        "Priority:0 Table:<nil> Scope:<nil>} not found in routing table",
    ),
    Damage(
        what="a route leads elsewhere",
        do=in_pod("route", "replace", "10.9.0.0/16", "via", "10.1.2.8"),
        said="Expected Route {Dst:{IP:10.9.0.0 Mask:ffff0000} GW:10.1.2.9 MTU:0 AdvMSS:0 Priority:0 "
        "Table:<nil> Scope:<nil>} not found in routing table",
    ),
    Damage(
        what="a route was removed from another table",
        do=in_pod("route", "delete", "10.8.0.0/16", "table", "100"),
        said="Expected Route {Dst:{IP:10.8.0.0 Mask:ffff0000} GW:10.1.2.9 MTU:0 AdvMSS:0 Priority:0 "
        "Table:100 Scope:<nil>} not found in routing table",
    ),
    Damage(
        what="the container's MAC was changed",
        do=in_pod("link", "set", "eth0", "address", WRONG),
        said=f"Interface eth0 Mac NEAR doesn't match container Mac: {WRONG}",
    ),
    Damage(
        what="the host's end has another MAC",
        do=on_host("ip", "link", "set", "FAR", "address", WRONG),
        said=PORT_GONE,
    ),
    Damage(
        what="the port was taken from the bridge",
        do=on_host("ip", "link", "set", "FAR", "nomaster"),
        said=PORT_GONE,
    ),
    Damage(
        what="the interface was removed", do=in_pod("link", "delete", "eth0"), said="Interface eth0 not found"
    ),
    Damage(
        what="the interface is of another kind",
        do=replaced,
        said="Error: Container interface eth0 not of type veth",
    ),
    Damage(what="the interface is of another pair", do=another_pair, said=PORT_GONE),
    Damage(
        what="the bridge was removed",
        do=on_host("ip", "link", "delete", "br0"),
        said="Interface br0 not found",
    ),
    Damage(
        what="the bridge has another MAC",
        do=on_host("ip", "link", "set", "br0", "address", WRONG),
        said=f"Bridge interface br0 Mac doesn't match: {WRONG}",
    ),
    Damage(
        what="the bridge became promiscuous",
        do=on_host("ip", "link", "set", "br0", "promisc", "on"),
        said="Bridge interface br0 configured Promisc Mode false doesn't match current state: true",
    ),
    Damage(
        what="the address is no longer reserved",
        do=forget_address,
        said="[host-local]: host-local: 10.1.2.2 is not reserved for container c1 interface eth0",
    ),
    Damage(
        what="the masquerading was flushed",
        do=on_host("nft", "flush", "table", "inet", "cni_plugins_masquerade"),
        said="10.1.2.2, fd01:2::2 of eth0 should be masqueraded and is not",
    ),
    Damage(
        what="the spoof check was removed",
        do=on_host("nft", "delete", "table", "bridge", "nat"),
        said="the MAC spoof check of eth0 is not as ADD made it",
    ),
]


@each(*DAMAGES)
def test_damage_is_seen_and_cleared_up_after(damage: Damage, attach, pod: Netns, host: Netns, ranges, state):
    routes = [
        {"dst": "10.9.0.0/16", "gw": "10.1.2.9"},
        {"dst": "10.8.0.0/16", "gw": "10.1.2.9", "table": 100},
    ]
    one = attach(pod, conf(ranges("10.1.2.0/24", "fd01:2::/64", routes=routes))).add()
    is_seen_and_goes(damage, one)
    assert "eth0" not in pod.links()
    assert {name for name in host.links() if name.startswith("veth")} <= {"veth0"}
    assert [fact for fact in facts.of_host(host) if fact.startswith("nft") and "eth0" in fact] == []
    assert [
        file.name for file in (state / "net").iterdir() if file.name[0].isdigit() or ":" in file.name
    ] == []


def test_a_bridge_that_is_to_be_promiscuous_and_is_not_is_seen(attach, pod, host: Netns):
    one = attach(
        pod, {"cniVersion": "1.1.0", "name": "net", "type": "bridge", "bridge": "br0", "promiscMode": True}
    ).add()
    one.check()
    host.ip("link", "set", "br0", "promisc", "off")
    assert refusal(one.check) == (
        "Bridge interface br0 configured Promisc Mode true doesn't match current state: false"
    )


def test_a_result_that_another_made_is_refused(attach, pod, ranges):
    one = attach(pod, conf(ranges("10.1.2.0/24"))).add()
    whole = one.result
    ends = whole["interfaces"]
    one.result = {**whole, "interfaces": ends[1:], "ips": []}
    assert refusal(one.check) == "Interface br0 not found"
    one.result = {**whole, "interfaces": [*ends[:2], {**ends[2], "sandbox": "/run/netns/another"}]}
    assert refusal(one.check) == f"Sandbox in prevResult  doesn't match configured netns: {pod.path}"
    one.result = {}
    assert refusal(lambda: one.call("CHECK", {})) == "Required prevResult missing"
