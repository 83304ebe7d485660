"""What gets through, by ping: both backends do the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.netns import Netns
from tests.support.plugins import Attachment, pings
from tests.support.wait import until

pytestmark = pytest.mark.kernel

Attach = Callable[..., Attachment]

BACKENDS = pytest.mark.parametrize("backend", ["iptables", "nftables"])
SHORT_SECONDS = 0.25
"""For what is not to be answered."""

DROP_BY_DEFAULT = {
    "iptables": "iptables -P FORWARD DROP; ip6tables -P FORWARD DROP",
    "nftables": "nft add table inet multinet_firewall; nft add chain inet multinet_firewall forward "
    "'{ type filter hook forward priority filter ; policy drop ; }'",
}
ADMIN_DROPS = {
    "iptables": "iptables -A CNI-ADMIN -s {} -j DROP",
    "nftables": "nft add rule inet multinet_firewall CNI-ADMIN ip saddr {} drop",
}


def reaches(pod: Netns, address: str) -> None:
    until(lambda: pings(pod, address), what=f"an answer from {address}")


def silent(pod: Netns, address: str) -> bool:
    return not pings(pod, address, seconds=SHORT_SECONDS)


@BACKENDS
def test_where_nothing_is_forwarded_by_default_a_pod_gets_through_from_add_to_del(
    walled: Attach, on_bridge: Attach, pods: Callable[[int], list[Netns]], host: Netns, backend: str
):
    """It reaches others and is answered; it is not reached. So says the reference, too."""
    host.run("sh", "-c", DROP_BY_DEFAULT[backend])
    pod, other = pods(2)
    one = walled(pod, "10.1.2.0/24", "fd01:2::/64", backend=backend)
    far = on_bridge(other, "10.1.3.0/24", "fd01:3::/64", bridge="br1", container="c2", isDefaultGateway=True)
    address, address6 = far.address, far.addresses[1].partition("/")[0]
    assert silent(pod, address)
    one.add().check()
    reaches(pod, address)
    reaches(pod, address6)
    assert silent(other, one.address)
    one.delete()
    assert silent(pod, address)
    assert silent(pod, address6)


@BACKENDS
def test_the_administrator_s_rules_come_first(
    walled: Attach, on_bridge: Attach, pods: Callable[[int], list[Netns]], host: Netns, backend: str
):
    pod, other = pods(2)
    one = walled(pod, backend=backend).add()
    far = on_bridge(other, "10.1.3.0/24", bridge="br1", container="c2", isDefaultGateway=True)
    reaches(pod, far.address)
    host.run("sh", "-c", ADMIN_DROPS[backend].format(one.address))
    assert silent(pod, far.address)
    one.add()
    assert silent(pod, far.address)


@BACKENDS
def test_same_bridge_lets_neighbours_talk_and_keeps_bridges_apart(
    walled: Attach, pods: Callable[[int], list[Netns]], host: Netns, backend: str
):
    first, neighbour, stranger, unwalled = pods(4)
    keys = {"backend": backend, "ingressPolicy": "same-bridge"}
    one = walled(first, **keys).add()
    near = walled(neighbour, container="c2", **keys).add()
    far = walled(stranger, "10.1.3.0/24", bridge="br1", container="c3", **keys).add()
    free = walled(unwalled, "10.1.4.0/24", bridge="br2", container="c4", backend=backend).add()
    reaches(first, near.address)
    reaches(neighbour, one.address)
    reaches(first, free.address)
    assert silent(first, far.address)
    assert silent(stranger, one.address)
    for attachment in (one, near, far, free):
        attachment.check()


@BACKENDS
def test_isolated_keeps_neighbours_apart_as_well(
    walled: Attach, pods: Callable[[int], list[Netns]], host: Netns, backend: str
):
    first, neighbour, stranger = pods(3)
    keys = {"backend": backend, "ingressPolicy": "isolated"}
    one = walled(first, **keys).add()
    near = walled(neighbour, container="c2", **keys).add()
    far = walled(stranger, "10.1.3.0/24", bridge="br1", container="c3", **keys).add()
    reaches(first, "10.1.2.1")
    assert silent(first, near.address)
    assert silent(neighbour, one.address)
    assert silent(first, far.address)
    assert silent(stranger, one.address)
    one.check()


def test_isolated_by_nftables_needs_no_help_of_the_bridge_s(
    walled: Attach, pods: Callable[[int], list[Netns]], host: Netns
):
    """Where bridges don't show their traffic to the IP firewall, iptables can't see it."""
    first, neighbour = pods(2)
    one = walled(first, backend="nftables", ingressPolicy="isolated")
    walled(neighbour, container="c2")
    here, there = "10.1.2.2", "10.1.2.3"
    script = "for one in ip ip6; do echo 0 >/proc/sys/net/bridge/bridge-nf-call-${one}tables; done"
    host.run("sh", "-c", script)
    reaches(first, there)
    one.add()
    assert silent(first, there)
    assert silent(neighbour, here)
    reaches(first, "10.1.2.1")
    one.delete()
    reaches(first, there)
