"""bandwidth on the real kernel: what is left behind, told and refused, and the decisions of its README.md."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from multinet.errors import PluginFailed
from tests.support.netns import Netns
from tests.support.plugins import Attachment, reference

pytestmark = pytest.mark.kernel

LIMITS = {"ingressRate": 8_000_000, "ingressBurst": 800_000, "egressRate": 16_000_000, "egressBurst": 400_000}
Limit = Callable[..., Attachment]


def ifb_of(network: str, container: str) -> str:
    """As the reference calls it."""
    return "bwp" + hashlib.sha512((network + container).encode()).hexdigest()[:12]


@pytest.fixture
def below(pod: Netns, on_bridge: Callable[..., Attachment]) -> Attachment:
    """What is to be limited."""
    return on_bridge(pod, mtu=1400)


@pytest.fixture
def limit(chained: Callable[..., Attachment], below: Attachment) -> Limit:
    """``limit(ingressRate=..., ingressBurst=...)``: not added yet."""
    return lambda **conf: chained(below, type="bandwidth", **conf)


def refused(act: Callable[[], object]) -> str:
    """``message (hint)``"""
    with pytest.raises(PluginFailed) as caught:
        act()
    return f"{caught.value.message} ({caught.value.details})"


def queues(host: Netns) -> list[str]:
    """``vethX tbf 1:``, of all but the kernel's own."""
    shown = host.json("tc", "-j", "qdisc", "show")
    return sorted(
        f"{one['dev']} {one['kind']} {one['handle']}"
        for one in shown
        if one["kind"] not in ("noqueue", "noop")
    )


def ifbs(host: Netns) -> dict[str, str]:
    """Name -> alias."""
    shown = host.json("ip", "-d", "-j", "link", "show", "type", "ifb")
    return {one["ifname"]: one.get("ifalias", "") for one in shown}


def test_both_directions_are_limited_and_the_result_tells_of_the_ifb(
    limit: Limit, below: Attachment, host: Netns
):
    one = limit(**LIMITS).add()
    name = ifb_of("net", "c1")
    (shown,) = host.json("ip", "-d", "-j", "link", "show", name)
    assert (shown["mtu"], shown.get("txqlen", 0), shown["ifalias"]) == (1400, 0, "net c1 eth0")
    assert {"UP", "LOWER_UP"} <= set(shown["flags"])
    assert one.result == {
        **below.result,
        "interfaces": [*below.result["interfaces"], {"name": name, "mac": shown["address"]}],
    }
    veth = below.host_end
    assert queues(host) == sorted([f"{name} tbf 1:", f"{veth} ingress ffff:", f"{veth} tbf 1:"])
    one.check()
    one.delete()
    assert (queues(host), ifbs(host)) == ([], {})


def test_only_one_direction_is_limited_where_only_one_is_asked_for(
    limit: Limit, below: Attachment, host: Netns
):
    one = limit(ingressRate=8_000_000, ingressBurst=800_000).add()
    assert (queues(host), one.result) == ([f"{below.host_end} tbf 1:"], below.result)
    one.check()
    one.delete()
    other = limit(egressRate=8_000_000, egressBurst=800_000).add()
    name = ifb_of("net", "c1")
    assert queues(host) == sorted([f"{name} tbf 1:", f"{below.host_end} ingress ffff:"])
    other.check()
    other.delete()
    assert queues(host) == []


@pytest.mark.parametrize(
    "none", [{}, dict.fromkeys(LIMITS, 0), {"unshapedSubnets": ["10.0.0.0/8"]}, {"runtimeConfig": {}}]
)
def test_without_limits_the_result_is_passed_on(
    none: dict[str, Any], limit: Limit, below: Attachment, host: Netns
):
    one = limit(**none).add()
    one.check()
    assert (one.result, queues(host)) == (below.result, [])


def test_what_the_runtime_says_counts_where_the_configuration_says_nothing(limit: Limit, host: Netns):
    """containerd 1.6 wrote the names of Go's fields."""

    def rate(**conf: Any) -> list[int]:
        one = limit(**conf).add()
        one.check()
        shown = host.json("tc", "-j", "qdisc", "show")
        one.delete()
        return [each["options"]["rate"] for each in shown if each["kind"] == "tbf"]

    runtime = {"runtimeConfig": {"bandwidth": {"IngressRate": 8_000_000, "ingressburst": 80_000}}}
    assert rate(**runtime) == [1_000_000]
    assert rate(**runtime, ingressRate=16_000_000, ingressBurst=160_000) == [2_000_000]
    assert rate(**runtime, ingressRate=0) == []
    assert rate(runtimeConfig={"BANDWIDTH": {"egressRate": 800_000, "egressBurst": 80_000}}) == [100_000]


def test_subnets_of_the_configuration_go_with_the_rates_of_the_runtime(limit: Limit, host: Netns):
    rates = {"bandwidth": {"ingressRate": 8_000_000, "ingressBurst": 80_000}}
    one = limit(runtimeConfig=rates, unshapedSubnets=["10.0.0.0/8"]).add()
    assert [line.partition(" ")[2] for line in queues(host)] == ["bfifo 2:", "htb 1:"]
    one.check()


@pytest.mark.parametrize("key", ["shapedSubnets", "unshapedSubnets"])
def test_limits_of_subnets_are_checked_and_taken_off(key: str, limit: Limit, below: Attachment, host: Netns):
    subnets = ["10.9.0.0/16", "fd09::/32", "192.0.2.7/32", "10.1.2.9/24", "::/0"]
    one = limit(**LIMITS, **{key: subnets}).add()
    one.check()
    veth = below.host_end
    host.run("tc", "filter", "del", "dev", veth, "parent", "1:", "prio", "2")
    assert refused(one.check).startswith(f"Filters of {veth} don't match")
    one.delete()
    assert (queues(host), ifbs(host)) == ([], {})


def test_del_needs_nothing_but_the_names(limit: Limit, below: Attachment, host: Netns, pod: Netns):
    one = limit(**LIMITS).add()
    pod.ip("link", "delete", "eth0")
    assert list(ifbs(host)) == [ifb_of("net", "c1")]
    gone = one.but(pod=Netns(name="gone"), conf={"cniVersion": "1.1.0", "name": "net", "type": "bandwidth"})
    gone.but(result={}).delete(ingressRate="none")
    assert ifbs(host) == {}
    gone.delete()


def test_two_attachments_of_a_pod_to_one_network_have_an_ifb_each(
    limit: Limit,
    on_bridge: Callable[..., Attachment],
    chained: Callable[..., Attachment],
    pod: Netns,
    host: Netns,
):
    """D-5"""
    one = limit(**LIMITS).add()
    two = chained(
        on_bridge(pod, "10.1.3.0/24", bridge="br1", ifname="net1"), type="bandwidth", **LIMITS
    ).add()
    first = ifb_of("net", "c1")
    assert sorted(ifbs(host).values()) == ["net c1 eth0", "net c1 net1"]
    assert ifbs(host)[first] == "net c1 eth0"
    one.check()
    two.check()
    two.delete()
    assert ifbs(host) == {first: "net c1 eth0"}
    one.check()
    two = two.but(result={}, conf=two.conf).add()
    one.delete()
    assert list(ifbs(host).values()) == ["net c1 net1"]
    two.check()
    two.delete()
    assert ifbs(host) == {}


def test_an_earlier_add_without_its_del_is_told(limit: Limit, below: Attachment, host: Netns):
    limit(egressRate=8_000_000, egressBurst=80_000).add()
    before = queues(host)
    again = limit(egressRate=8_000_000, egressBurst=80_000)
    assert refused(again.add) == (
        f"adding link: there is an interface '{ifb_of('net', 'c1')}' already "
        "(an earlier ADD was not followed by its DEL)"
    )
    assert queues(host) == before


def test_a_queue_of_somebody_else_stays(limit: Limit, below: Attachment, host: Netns):
    veth = below.host_end
    host.run("tc", "qdisc", "add", "dev", veth, "clsact")
    assert refused(limit(**LIMITS).add) == (
        f"could not catch what {veth} receives: File exists (Exclusivity flag on, cannot modify) "
        f"(see `tc qdisc show dev {veth}`: it has one already)"
    )
    assert (queues(host), ifbs(host)) == ([f"{veth} clsact ffff:"], {})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("tc qdisc del dev VETH root", "Failed to find qdisc (VETH has noqueue and not tbf"),
        (
            "tc qdisc change dev VETH root handle 1: tbf rate 1mbit burst 100kb limit 125000",
            "Rate doesn't match (VETH has 125000 and not 1000000)",
        ),
        (
            "tc qdisc change dev VETH root handle 1: tbf rate 8mbit burst 100000 limit 7000",
            "Limit doesn't match (VETH has 7000 and not 125000)",
        ),
        (
            "tc qdisc change dev VETH root handle 1: tbf rate 8mbit burst 9kb limit 125000",
            "Buffer doesn't match (VETH has 144000 and not 1562500)",
        ),
        ("tc qdisc del dev VETH ingress", "Filters of VETH don't match (1 were made and 0 are there;"),
        ("ip link delete IFB", "get ifb device: there is no link IFB (something removed it)"),
        ("tc qdisc del dev IFB root", "Failed to find qdisc (IFB has noqueue and not tbf"),
    ],
)
def test_check_sees_what_was_changed(change: str, said: str, limit: Limit, below: Attachment, host: Netns):
    one = limit(**LIMITS).add()
    words = {"VETH": below.host_end, "IFB": ifb_of("net", "c1")}
    for word, name in words.items():
        change, said = change.replace(word, name), said.replace(word, name)
    host.run(*change.split())
    assert refused(one.check).startswith(said)
    one.delete()


def test_gc_removes_the_ifbs_of_the_network_alone(
    on_bridge: Callable[..., Attachment],
    chained: Callable[..., Attachment],
    pods: Callable[[int], list[Netns]],
    host: Netns,
):
    long = "n" * 200
    made = {}
    for number, (pod, name) in enumerate(zip(pods(4), ["net", "net", "net2", long], strict=True)):
        below = on_bridge(pod, container=f"c{number}")
        made[number] = chained(below, type="bandwidth", **{**LIMITS, "name": name}).add()
    host.ip("link", "add", "bwp0123456789ab", "type", "ifb")
    made[0].gc(("c1", "eth0"))
    unreadable = hashlib.sha512(long.encode()).hexdigest()[:80]
    assert sorted(ifbs(host).values()) == sorted(["", "net c1 eth0", "net2 c2 eth0", f"{unreadable} c3 eth0"])
    made[3].gc(("c3", "eth0"))
    made[3].check()
    made[3].gc()
    made[2].gc()
    assert sorted(ifbs(host).values()) == ["", "net c1 eth0"]


@pytest.mark.peer
def test_either_deletes_what_the_other_made(limit: Limit, host: Netns, pod: Netns, peers: Path):
    theirs = limit(**LIMITS).but(by=reference(peers)).add()
    ours = theirs.but(by=limit().by)
    ours.check()
    ours.delete()
    assert (queues(host), ifbs(host)) == ([], {})
    mine = limit(**LIMITS).add()
    mine.but(by=theirs.by).check()
    mine.but(by=theirs.by).delete()
    assert ifbs(host) == {}
