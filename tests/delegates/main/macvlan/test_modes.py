"""What each mode is for, by traffic: a switch that sends frames back, a container that owns the card, a broadcast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from multinet.errors import PluginFailed
from tests.support.netns import Netns
from tests.support.plugins import pings, refusal
from tests.support.wait import until

pytestmark = pytest.mark.kernel


@pytest.fixture
def switch(host: Netns, netns: Callable[..., Netns]) -> Netns:
    """What the master ``up0`` leads to: a switch with the address 10.1.2.200, which may send frames back."""
    made = netns("switch")
    host.ip("link", "add", "up0", "type", "veth", "peer", "name", "port1", "netns", made.name)
    made.ip("link", "add", "br0", "type", "bridge")
    made.ip("link", "set", "port1", "master", "br0", "up")
    made.ip("addr", "add", "10.1.2.200/24", "dev", "br0")
    made.ip("link", "set", "br0", "up")
    host.ip("link", "set", "up0", "up")
    return made


def macvlan(mode: str, **keys: Any) -> dict[str, Any]:
    return {"cniVersion": "1.1.0", "name": "net", "type": "macvlan", "master": "up0", "mode": mode, **keys}


@pytest.mark.parametrize(("mode", "neighbours"), [("vepa", True), ("private", False)])
def test_a_switch_that_sends_frames_back_joins_neighbours_in_vepa_mode_and_never_in_private(
    attach, pods, switch: Netns, ranges, mode: str, neighbours: bool
):
    switch.run("bridge", "link", "set", "dev", "port1", "hairpin", "on")
    first, second = pods(2)
    conf = macvlan(mode, ipam=ranges("10.1.2.0/24"))
    attach(first, conf).add().check()
    other = attach(second, conf, "c2").add()
    until(lambda: pings(first, "10.1.2.200") and pings(second, "10.1.2.200"), what="pings to the switch")
    if neighbours:
        until(lambda: pings(first, other.address), what="a ping by way of the switch")
    else:
        assert not pings(first, other.address, seconds=0.3)


def test_a_master_in_passthru_mode_serves_one_container_at_a_time(attach, pods, switch, ranges, state):
    first, second = pods(2)
    conf = macvlan("passthru", ipam=ranges("10.1.2.0/24"))
    one = attach(first, conf).add()
    other = attach(second, conf, "c2")
    with pytest.raises(PluginFailed) as caught:
        other.add()
    assert (caught.value.sentence, caught.value.details) == (
        "could not make macvlan eth0: Invalid argument",
        "see whether another container has this master in passthru mode, which serves one alone",
    )
    assert second.links() == []
    one.delete()
    other.add().check()
    until(lambda: pings(second, "10.1.2.200"), what="a ping of the next one")


def test_modes_can_not_be_mixed_with_passthru(attach, pods, switch):
    first, second = pods(2)
    attach(first, macvlan("bridge")).add()
    one = attach(second, macvlan("passthru"), "c2")
    assert refusal(one.add) == "could not make macvlan eth0: Invalid argument"
    assert second.links() == []


def test_private_and_bridge_stand_on_one_master_and_do_not_hear_each_other(attach, pods, switch, ranges):
    first, second = pods(2)
    ipam = ranges("10.1.2.0/24")
    attach(first, macvlan("private", ipam=ipam)).add().check()
    other = attach(second, macvlan("bridge", ipam=ipam), "c2").add()
    other.check()
    until(lambda: pings(second, "10.1.2.200"), what="a ping to the switch")
    assert not pings(first, other.address, seconds=0.3)


@pytest.mark.parametrize("mode", ["bridge", "private", "vepa", "passthru"])
def test_every_mode_stands_on_a_master_in_the_container(attach, pod: Netns, host, switch, ranges, mode: str):
    host.ip("link", "set", "up0", "netns", pod.name)
    pod.ip("link", "set", "up0", "up")
    conf = macvlan(mode, linkInContainer=True, ipam=ranges("10.1.2.0/24"))
    one = attach(pod, conf, ifname="net1").add()
    one.check()
    (link,) = pod.json("ip", "-d", "-j", "link", "show", "net1")
    assert (link["link"], link["linkinfo"]["info_data"]["mode"]) == ("up0", mode)
    until(lambda: pings(pod, "10.1.2.200"), what="a ping to the switch")
    one.delete()
    assert pod.links() == ["up0"]


def test_del_leaves_a_master_in_the_container_alone_and_does_not_miss_it(attach, pod: Netns, host, switch):
    host.ip("link", "set", "up0", "netns", pod.name)
    one = attach(pod, macvlan("bridge", linkInContainer=True), ifname="net1").add()
    pod.ip("link", "delete", "up0")
    one.delete()
    assert pod.links() == []


def test_the_queue_for_broadcasts_is_as_long_as_the_longest_that_was_asked_for(attach, pods, switch):
    first, second = pods(2)
    for pod, length, container in ((first, 77, "c1"), (second, 2000, "c2")):
        attach(pod, macvlan("bridge", bcqueuelen=length), container).add().check()
    found = [
        pod.json("ip", "-d", "-j", "link", "show", "eth0")[0]["linkinfo"]["info_data"]
        for pod in (first, second)
    ]
    assert [data["bcqueuelen"] for data in found] == [77, 2000]
    assert {data["usedbcqueuelen"] for data in found} == {2000}
