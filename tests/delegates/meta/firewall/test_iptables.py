"""Rules of iptables, which are the reference's: either clears up after the other."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from multinet import steps
from multinet.errors import KernelError
from tests.support.netns import Netns
from tests.support.plugins import OURS, Attachment, Implementation, refusal

pytestmark = pytest.mark.kernel

Attach = Callable[..., Attachment]
Pods = Callable[[int], list[Netns]]

BOTH = ("10.1.2.0/24", "fd01:2::/64")


def saved(host: Netns, *programs: str) -> list[str]:
    """The rules and chains of the filter tables, without counters and the time of day."""
    lines: list[str] = []
    for program in programs or ("iptables-save", "ip6tables-save"):
        text = host.run(program, "-t", "filter").stdout
        lines += [line.partition(" [")[0] for line in text.splitlines() if not line.startswith("#")]
    return lines


def passing(host: Netns) -> list[str]:
    """The rules of containers' addresses."""
    return [line for line in saved(host) if line.startswith("-A CNI-FORWARD -") and "admin" not in line]


@pytest.fixture
def old_iptables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`iptables` is the old kind, which keeps its rules outside of nf_tables."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("iptables", "ip6tables"):
        for suffix in ("", "-restore"):
            (folder / f"{name}{suffix}").symlink_to(f"/usr/sbin/{name}-legacy{suffix}")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.peer
def test_either_clears_up_after_the_other(
    walled: Attach, host: Netns, pod: Netns, of_reference: Implementation
):
    ours = walled(pod, *BOTH, backend="iptables", ingressPolicy="isolated").add()
    made = saved(host)
    ours.but(by=of_reference).check()
    ours.but(by=of_reference).delete()
    assert passing(host) == []
    theirs = ours.but(by=of_reference, conf={**ours.conf, "dataDir": "/nonexistent"}).add()
    assert saved(host) == made
    theirs.but(by=OURS).check()
    theirs.but(by=OURS).delete()
    assert passing(host) == []


@pytest.mark.peer
def test_without_a_result_the_addresses_are_those_of_the_interface(
    walled: Attach, host: Netns, pod: Netns, of_reference: Implementation
):
    """A container that the reference made, and nobody knows any more what it answered."""
    one = walled(pod, *BOTH, backend="iptables").but(by=of_reference).add()
    assert len(passing(host)) == 4
    one.but(by=OURS, conf={**one.conf, "prevResult": None}, result={}).delete()
    assert passing(host) == []


def test_many_at_once_leave_each_rule_once(walled: Attach, host: Netns, pods: Pods):
    together = [
        walled(pod, container=f"c{number}", backend="iptables", ingressPolicy="isolated")
        for number, pod in enumerate(pods(4), 1)
    ]
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(Attachment.add, together))
    lines = saved(host)
    rules = [line for line in lines if line.startswith("-A")]
    assert len(rules) == len(set(rules))
    assert len(passing(host)) == 8
    for one in together:
        one.check()
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(Attachment.delete, together))
    assert passing(host) == []


def test_who_makes_a_chain_meanwhile_does_not_lose_it(walled: Attach, host: Netns, pod: Netns):
    """Another program, which does not know our lock, is between our reading and our writing."""
    script = "iptables -N CNI-FORWARD; iptables -A CNI-FORWARD -s 192.0.2.1 -j ACCEPT"

    def listener(what: str) -> None:
        if what.startswith("let ") and "CNI-FORWARD" not in "".join(saved(host)):
            host.run("sh", "-c", script)

    steps.listen(listener)
    try:
        one = walled(pod, backend="iptables").add()
    finally:
        steps.listen(None)
    one.check()
    assert "-A CNI-FORWARD -s 192.0.2.1/32 -j ACCEPT" in passing(host)


def test_of_two_attachments_with_one_address_the_first_to_go_leaves_it_to_the_other(
    walled: Attach, host: Netns, pod: Netns
):
    one = walled(pod, backend="iptables").add()
    two = one.but(container="c2").add()
    one.delete()
    two.check()
    two.delete()
    assert passing(host) == []


def test_a_refused_add_takes_back_only_what_it_made(walled: Attach, host: Netns, pod: Netns, state: Path):
    """Here, IPv6 is refused after IPv4 was done."""
    one = walled(pod, *BOTH, backend="iptables").add()
    one.delete()

    def listener(what: str) -> None:
        if what.startswith("let fd01"):
            raise KernelError("no more")

    steps.listen(listener)
    try:
        assert refusal(one.add) == "no more"
    finally:
        steps.listen(None)
    assert passing(host) == []
    assert not list(state.glob("firewall/*.json"))


def test_gc_goes_by_what_is_written_down(walled: Attach, host: Netns, pods: Pods, state: Path):
    first, second = pods(2)
    one = walled(first, backend="iptables").add()
    walled(second, container="c2", backend="iptables").add()
    other = one.but(conf={**one.conf, "name": "other"}, container="c3").add()
    one.gc(("c2", "eth0"))
    assert sorted(file.name for file in state.glob("firewall/*.json")) == ["c2_eth0.json", "c3_eth0.json"]
    other.check()
    one.gc()
    assert len(passing(host)) == 2
    other.gc()
    assert passing(host) == []


def test_what_is_written_down_may_be_damaged(walled: Attach, host: Netns, pod: Netns, state: Path):
    one = walled(pod, backend="iptables").add()
    (state / "firewall/c1_eth0.json").write_text('{"passages": [["nonsense", 7]]')
    (state / "firewall/c9_eth0.json").write_text("[]")
    one.delete()
    assert passing(host) == []
    assert not (state / "firewall/c1_eth0.json").exists()
    one.gc()


def test_check_looks_at_the_policy_too(walled: Attach, host: Netns, pod: Netns):
    one = walled(pod, backend="iptables", ingressPolicy="isolated").add()
    host.run("iptables", "-F", "CNI-ISOLATION-STAGE-2")
    assert refusal(one.check) == (
        "expected CNI-ISOLATION-STAGE-2 rule [-o br0 -m comment --comment CNI firewall plugin rules "
        "(ingressPolicy: same-bridge|isolated) -j DROP] not found"
    )
    host.run("iptables", "-F", "CNI-FORWARD")
    assert refusal(one.check) == (
        "expected CNI-FORWARD rule [-m comment --comment CNI firewall plugin admin overrides -j CNI-ADMIN] not found"
    )
    one.add().check()


def test_the_old_kind_of_iptables_is_served_and_cleared_up_whatever_is_installed_then(
    walled: Attach, host: Netns, pod: Netns, old_iptables: None, monkeypatch: pytest.MonkeyPatch
):
    one = walled(pod, backend="iptables", ingressPolicy="same-bridge").add()
    one.check()
    before = saved(host, "iptables-legacy-save")
    assert "-A CNI-FORWARD -s 10.1.2.2/32 -j ACCEPT" in before
    assert "CNI-FORWARD" not in "".join(saved(host, "iptables-save"))
    one.add()
    assert saved(host, "iptables-legacy-save") == before
    monkeypatch.undo()
    one.delete()
    assert "10.1.2.2" not in "".join(saved(host, "iptables-legacy-save"))


def test_status_is_well(walled: Attach, pod: Netns):
    one = walled(pod)
    for backend in ("iptables", "nftables", "", "whatever"):
        one.but(conf={**one.conf, "backend": backend}).call("STATUS", {})
