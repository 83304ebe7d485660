"""The decisions of portmap's README.md: who removes what, with either backend, ours or the reference."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from multinet import steps
from multinet.errors import KernelError, PluginFailed
from multinet.kernel.names import hashed
from tests.delegates.meta.portmap.conftest import POD, Mapped
from tests.delegates.meta.portmap.rules import left
from tests.support.netns import Netns
from tests.support.plugins import Attachment, reference, refusal

pytestmark = pytest.mark.kernel

Attach = Callable[..., Attachment]

both = pytest.mark.parametrize("backend", ["iptables", "nftables"])
other = {"iptables": "nftables", "nftables": "iptables"}


def listed(host: Netns) -> str:
    """All rules, without counters and handles."""
    return host.run("nft", "--stateless", "list", "ruleset").stdout


@both
def test_del_needs_neither_mappings_nor_the_result_nor_the_backend(
    backend: str, below: Attachment, mapped: Mapped, host: Netns
):
    """The configuration may have changed since ADD, and a runtime may have lost what it knew."""
    one = mapped(below, backend, "8080:80/tcp", "53:53/udp").add()
    other_setting = mapped(below, other[backend], "8080:80/tcp")
    nothing_known = one.but(result={}, conf={**one.conf, "runtimeConfig": {}, "prevResult": None})
    for way in (other_setting, one.but(result={}), nothing_known):
        one.add()
        assert left(host, "c1")
        way.delete()
        assert left(host, "c1") == []
        way.delete()


@pytest.mark.peer
@both
def test_either_goes_on_with_what_the_other_has_made(
    backend: str, below: Attachment, mapped: Mapped, host: Netns, peers: Path
):
    ours = mapped(below, backend, "8080:80/tcp", "192.0.2.1:53:53/udp", "[::]:54:54/sctp")
    theirs = ours.but(by=reference(peers))
    ours.add()
    made = listed(host)
    theirs.but(result=ours.result).check()
    theirs.but(result=ours.result).delete()
    assert left(host, "c1") == []
    theirs.add()
    assert sorted(listed(host).splitlines()) == sorted(made.splitlines())
    ours.but(result=theirs.result).check()
    ours.but(result=theirs.result).add()
    ours.but(result={}).delete()
    assert left(host, "c1") == []


def test_what_the_reference_before_0_7_made_goes_too(below: Attachment, mapped: Mapped, host: Netns):
    """Its chain for masquerading; the name tells of the network and the container."""
    one = mapped(below, "iptables", "8080:80/tcp").add()
    old = hashed("CNI-SN-", 28, "netc1")
    for words in (
        ("-N", "CNI-HOSTPORT-SNAT"), ("-N", old), ("-A", "CNI-HOSTPORT-SNAT", "-j", old),
        ("-A", old, "-j", "RETURN"),
    ):  # fmt: skip
        host.run("iptables", "-t", "nat", *words)
    one.delete()
    assert left(host) == []


@both
@pytest.mark.parametrize("networks", [("net", "net"), ("net", "other")])
def test_two_attachments_of_one_pod_are_told_apart(
    backend: str, networks: tuple[str, str], on_bridge: Attach, mapped: Mapped, host: Netns, pod: Netns
):
    """D-5"""
    first = mapped(on_bridge(pod, *POD), backend, "8080:80/tcp", name=networks[0]).add()
    below = on_bridge(pod, "10.1.3.0/24", ifname="net1", bridge="br1", name="below")
    second = mapped(below, backend, "8081:81/tcp", "8082:82/tcp", name=networks[1]).add()
    first.check()
    second.check()
    first.delete()
    second.check()
    assert "8080" not in listed(host)
    first.add()
    second.delete()
    first.check()
    assert refusal(second.check) == "host port 8081/tcp should lead to port 81 of 10.1.3.2 and does not"
    first.but(result={}).delete()
    assert left(host, "c1") == []


@both
def test_a_second_add_replaces_the_first(backend: str, below: Attachment, mapped: Mapped, host: Netns):
    one = mapped(below, backend, "8080:80/tcp", "53:53/udp").add()
    made = sorted(listed(host).splitlines())
    one.add()
    assert sorted(listed(host).splitlines()) == made


@both
def test_several_may_be_the_first(backend: str, on_bridge: Attach, mapped: Mapped, host: Netns, pods):
    """What all share is made by whoever comes first, and by nobody again."""
    below = [on_bridge(pod, *POD, container=f"c{number}") for number, pod in enumerate(pods(4), 1)]
    all_of_them = [mapped(one, backend, f"{8000 + n}:80/tcp") for n, one in enumerate(below)]
    with ThreadPoolExecutor(max_workers=len(below)) as pool:
        list(pool.map(Attachment.add, all_of_them))
    for one in all_of_them:
        one.check()
    if backend == "iptables":
        rules = host.run("iptables", "-t", "nat", "-S").stdout.splitlines()
        assert len(rules) == len(set(rules))
    with ThreadPoolExecutor(max_workers=len(below)) as pool:
        list(pool.map(Attachment.delete, all_of_them))
    assert left(host, "c1", "c2", "c3", "c4") == []


@both
def test_gc_removes_what_is_not_valid_and_of_this_network(
    backend: str, on_bridge: Attach, mapped: Mapped, host: Netns, pods
):
    below = [on_bridge(pod, *POD, container=f"c{number}") for number, pod in enumerate(pods(3), 1)]
    ports = [f"{8000 + number}:80/tcp" for number in range(3)]
    gone, kept, others = (
        mapped(one, backend, port, name="others" if one.container == "c3" else "net").add()
        for one, port in zip(below, ports, strict=True)
    )
    mapped(on_bridge(below[0].pod, "10.1.9.0/24", ifname="net1", bridge="br1", name="below"), backend,
           "8009:80/tcp", name="others").add().check()  # fmt: skip
    kept.gc(("c2", "eth0"))
    assert refusal(gone.check) == "host port 8000/tcp should lead to port 80 of 10.1.2.2 and does not"
    kept.check()
    others.check()
    assert "8009" in listed(host)
    others.gc()
    kept.check()
    kept.gc()
    assert left(host, "c1", "c2", "c3") == []


def test_gc_knows_rules_with_conditions_by_their_addresses(below: Attachment, mapped: Mapped, host: Netns):
    one = mapped(below, "nftables", "8080:80/tcp", conditionsV4=["iifname != eth9"]).add()
    one.gc(("c1", "eth0"))
    one.check()
    one.gc()
    assert left(host, "c1") == []


@pytest.mark.peer
def test_gc_leaves_the_references_rules_of_nf_tables(
    below: Attachment, mapped: Mapped, host: Netns, peers: Path
):
    """They say whose container they are, and not of which network: those of another would go with them."""
    one = mapped(below, "nftables", "8080:80/tcp")
    one.but(by=reference(peers)).add()
    one.gc()
    one.but(result=below.result).check()


def test_a_refused_add_leaves_nothing(below: Attachment, mapped: Mapped, host: Netns):
    one = mapped(below, "nftables", "8080:80/tcp", conditionsV4=["no such words"])
    with pytest.raises(PluginFailed, match=r"nft says: /dev/stdin:1:.*Error: "):
        one.add()
    assert left(host, "c1") == []
    one = mapped(below, "iptables", "8080:80/tcp", externalSetMarkChain="NOBODYS")
    with pytest.raises(PluginFailed, match="NOBODYS"):
        one.add()
    assert left(host, "c1") == []


@both
def test_an_add_that_fails_at_its_last_step_is_undone(
    backend: str, below: Attachment, mapped: Mapped, host: Netns
):
    one = mapped(below, backend, "8080:80/tcp", "53:53/udp")
    asked: list[str] = []
    steps.listen(asked.append)
    try:
        one.add()
    finally:
        steps.listen(None)
    assert asked[-1] == "set sysctl net/ipv4/conf/br0/route_localnet to '1'"
    one.delete()
    host.run("sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/br0/route_localnet")

    def refuse_last(what: str) -> None:
        if "route_localnet" in what:
            raise KernelError("it was told to fail")

    steps.listen(refuse_last)
    try:
        assert refusal(one.add) == "it was told to fail"
    finally:
        steps.listen(None)
    assert left(host, "c1") == []


def test_nobody_comes_in_by_conditions(below: Attachment, mapped: Mapped):
    """They are written by whoever may write a definition, and read by programs that run as root."""
    for backend, words in (
        ("nftables", ["iifname x accept; flush ruleset"]),
        ("nftables", ["iifname x\nflush ruleset #"]),
        ("iptables", ["-i", "x\nCOMMIT\n*filter"]),
    ):
        said = refusal(mapped(below, backend, "8080:80/tcp", conditionsV4=words).add)
        assert said.startswith("conditionsV4[")


@both
def test_status_says_what_is_missing(
    backend: str, below: Attachment, mapped: Mapped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    one = mapped(below, backend)
    one.call("STATUS", {})
    monkeypatch.setenv("PATH", str(tmp_path))
    if backend == "iptables":
        assert refusal(lambda: one.call("STATUS", {})) == "iptables can't be used here"
    else:
        one.call("STATUS", {})
        conditional = mapped(below, backend, conditionsV4=["iifname eth0"])
        assert refusal(lambda: conditional.call("STATUS", {})) == "only the program nft can read conditions"


def test_without_iptables_it_is_nftables(
    below: Attachment, mapped: Mapped, host: Netns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    one = mapped(below, None, "8080:80/tcp")
    path = monkeypatch.context
    with path() as changed:
        changed.setenv("PATH", str(tmp_path))
        one.add().check()
    assert "table ip cni_hostport" in listed(host)
    one.delete()
    one.add()
    assert "CNI-HOSTPORT-DNAT" in listed(host)
    one.delete()


def test_the_old_kind_of_iptables_is_cleared_up(
    below: Attachment, mapped: Mapped, host: Netns, on_bridge: Attach, legacy_iptables: None
):
    one = mapped(below, "iptables", "8080:80/tcp").add()
    one.check()
    saved = host.run("iptables-legacy-save", "-t", "nat").stdout
    assert "CNI-DN-" in saved
    beside = on_bridge(below.pod, "10.1.3.0/24", ifname="net1", bridge="br1", name="below")
    second = mapped(beside, "iptables", "8081:80/tcp").add()
    second.delete()
    one.check()
    one.gc(("c1", "eth0"))
    one.check()
    one.gc()
    assert "CNI-DN-" not in host.run("iptables-legacy-save", "-t", "nat").stdout
    one.add()
    one.but(result={}).delete()
    assert "CNI-DN-" not in host.run("iptables-legacy-save", "-t", "nat").stdout


DAMAGES = {
    "iptables": ("iptables -t nat -F CNI-HOSTPORT-DNAT", "iptables -t nat -F OUTPUT"),
    "nftables": (
        "nft flush chain ip cni_hostport hostports",
        "nft flush chain ip cni_hostport prerouting",
        "nft flush chain ip cni_hostport masquerading",
    ),
}


@both
def test_check_sees_what_is_missing(backend: str, below: Attachment, mapped: Mapped, host: Netns):
    one = mapped(below, backend, "8080:80/tcp").add()
    for damage in DAMAGES[backend]:
        one.add()
        one.check()
        host.run(*damage.split())
        said = f"host port 8080/tcp should lead to port 80 of {below.address} and does not"
        assert refusal(one.check) == said
