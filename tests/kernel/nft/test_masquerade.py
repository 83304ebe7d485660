"""Masquerading in the kernel: set up once and twice, shared by attachments, checked, cleared up, collected."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_interface

import pytest

from multinet import steps
from multinet.errors import CheckFailed, InvalidConfig, MultinetError
from multinet.kernel import masquerade
from multinet.kernel.masquerade_iptables import chain_name
from multinet.kernel.namespace import Namespace
from tests.kernel.nft.oracle import listing, ruleset, saved
from tests.support.netns import Netns

pytestmark = pytest.mark.kernel

BOTH = ("10.1.2.3/24", "fd00:1::5/64")
NET1 = {"network": "net-a", "container_id": "0ab5", "ifname": "net1"}
NET2 = NET1 | {"ifname": "net2"}


@pytest.fixture(params=["iptables of nf_tables", "legacy iptables", "nftables"])
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend; iptables in both its kinds."""
    if request.param == "legacy iptables":
        request.getfixturevalue("legacy_iptables")
    return request.param.split()[-1] if request.param == "nftables" else "iptables"


def set_up(home: Namespace, backend: str | None, *addresses: str, **names: str) -> None:
    masquerade.setup(home, backend=backend, addresses=map(ip_interface, addresses), **(names or NET1))


def tear_down(home: Namespace, sandbox: Namespace | None = None, **names: str) -> None:
    masquerade.teardown(home, sandbox=sandbox, **(names or NET1))


def check(home: Namespace, *addresses: str, **names: str) -> None:
    masquerade.check(home, addresses=map(ip_interface, addresses), **(names or NET1))


def state(host: Netns) -> tuple[object, ...]:
    """All there is, in nf_tables and in the old kind's tables."""
    legacy = [
        line.partition("[")[0] if line.startswith(":") else line
        for name in ("iptables", "ip6tables")
        for line in host.run(f"/usr/sbin/{name}-legacy-save").stdout.splitlines()
        if not line.startswith("#")
    ]
    return ruleset(host), legacy


def traces(host: Netns) -> list[str]:
    """The lines anywhere that name an attachment's addresses, chain or comment."""
    legacy = state(host)[1]
    assert isinstance(legacy, list)
    lines = listing(host).splitlines() + legacy
    return [line for line in lines if "10.1.2" in line or "fd00" in line or "CNI-" in line or "0ab5" in line]


def test_a_second_set_up_changes_nothing(host: Netns, home, backend):
    set_up(home, backend, *BOTH)
    before = state(host)
    set_up(home, backend, *BOTH)
    assert state(host) == before


def test_what_is_set_up_passes_its_check_and_is_gone_after_clearing_up(host: Netns, home, backend):
    set_up(home, backend, *BOTH)
    assert traces(host)
    check(home, *BOTH)
    tear_down(home)
    assert traces(host) == []
    tear_down(home)
    with pytest.raises(CheckFailed) as caught:
        check(home, *BOTH)
    assert str(caught.value) == (
        "10.1.2.3, fd00:1::5 of net1 should be masqueraded and is not (the rules that ADD made are gone from "
        f"table cni_plugins_masquerade of nf_tables, or from chain {chain_name('net-a', '0ab5')} of "
        "iptables' nat table)"
    )


def test_a_missing_address_fails_the_check(home, backend):
    set_up(home, backend, *BOTH)
    with pytest.raises(CheckFailed, match=r"^10\.1\.2\.4 of net1 should be masqueraded and is not"):
        check(home, "10.1.2.3/24", "10.1.2.4/24")
    with pytest.raises(CheckFailed):
        check(home, *BOTH, **NET1 | {"container_id": "feed"})


def test_clearing_up_where_nothing_is_leaves_nothing(host: Netns, home, backend):
    before = state(host)
    tear_down(home)
    masquerade.gc(home, "net-a", [])
    assert state(host) == before


def test_attachments_of_one_network_to_one_container_do_not_strip_one_another(
    host: Netns, pod: Netns, home, sandbox, backend
):
    """In either order, and when one has lost its link or its addresses already."""
    pod.ip("link", "add", "net1", "type", "veth", "peer", "name", "net2")
    for ifname, v4, v6 in (("net1", "10.1.2.3/24", "fd00:1::3/64"), ("net2", "10.1.2.4/24", "fd00:1::4/64")):
        pod.ip("addr", "add", v4, "dev", ifname)
        pod.ip("addr", "add", v6, "dev", ifname)
        pod.ip("link", "set", ifname, "up")
    first, second = ("10.1.2.3/24", "fd00:1::3/64"), ("10.1.2.4/24", "fd00:1::4/64")

    set_up(home, backend, *first, **NET1)
    set_up(home, backend, *second, **NET2)
    tear_down(home, sandbox, **NET1)
    check(home, *second, **NET2)
    tear_down(home, sandbox, **NET1)
    check(home, *second, **NET2)
    with pytest.raises(CheckFailed):
        check(home, *first, **NET1)

    set_up(home, backend, *first, **NET1)
    pod.ip("addr", "flush", "dev", "net2")
    tear_down(home, sandbox, **NET2)
    check(home, *first, **NET1)
    with pytest.raises(CheckFailed):
        check(home, *second, **NET2)

    pod.ip("link", "delete", "net1")
    tear_down(home, sandbox, **NET1)
    assert traces(host) == []


def test_when_the_container_is_gone_nothing_of_its_network_is_left(host: Netns, home, backend):
    set_up(home, backend, "10.1.2.3/24", **NET1)
    set_up(home, backend, "10.1.2.4/24", **NET2)
    tear_down(home, **NET1)
    tear_down(home, **NET2)
    assert traces(host) == []


def test_other_containers_and_networks_are_left_alone(host: Netns, home, backend):
    others = [NET1 | {"container_id": "0ab5f"}, NET1 | {"network": "net-ab"}, NET1 | {"container_id": "ab5"}]
    for number, names in enumerate(others, 10):
        set_up(home, backend, f"10.1.2.{number}/24", **names)
    before = state(host)
    set_up(home, backend, *BOTH)
    tear_down(home)
    after = state(host)
    if backend == "nftables":
        assert after == before
    for number, names in enumerate(others, 10):
        check(home, f"10.1.2.{number}/24", **names)


def test_gc_keeps_what_is_valid_and_other_networks(host: Netns, home, backend):
    stays = [NET1, NET1 | {"network": "net-b", "container_id": "feed"}]
    goes = [NET1 | {"container_id": "dead"}, NET1 | {"container_id": "beef", "ifname": "net7"}]
    for number, names in enumerate([*stays, *goes], 10):
        set_up(home, backend, f"10.1.2.{number}/24", f"fd00::{number}/64", **names)
    masquerade.gc(home, "net-a", {("0ab5", "net1")})
    check(home, "10.1.2.10/24", "fd00::10/64", **stays[0])
    check(home, "10.1.2.11/24", "fd00::11/64", **stays[1])
    assert not [line for line in traces(host) if "dead" in line or "beef" in line]
    chains = {chain_name(names["network"], names["container_id"]) for names in goes}
    assert not [line for line in traces(host) for chain in chains if chain in line]
    before = state(host)
    masquerade.gc(home, "net-a", {("0ab5", "net1")})
    assert state(host) == before


def test_gc_tells_attachments_of_one_container_apart_with_nftables(home):
    set_up(home, "nftables", "10.1.2.3/24", **NET1)
    set_up(home, "nftables", "10.1.2.4/24", **NET2)
    masquerade.gc(home, "net-a", {("0ab5", "net2")})
    check(home, "10.1.2.4/24", **NET2)
    with pytest.raises(CheckFailed):
        check(home, "10.1.2.3/24", **NET1)


def test_a_new_address_replaces_the_old_one_with_nftables(host: Netns, home):
    set_up(home, "nftables", "10.1.2.3/24")
    set_up(home, "nftables", "10.1.2.9/24")
    assert "10.1.2.3" not in listing(host)
    check(home, "10.1.2.9/24")


def test_an_address_that_nobody_holds_any_more_goes_with_the_next_del(
    host: Netns, pod: Netns, home, sandbox, backend
):
    """An ADD that died, then one with another address: its jump to the chain is still there."""
    pod.ip("link", "add", "net2", "type", "veth", "peer", "name", "other")
    pod.ip("addr", "add", "10.1.2.50/24", "dev", "net2")
    set_up(home, backend, "10.1.2.3/24", **NET1)
    set_up(home, backend, "10.1.2.9/24", **NET1)
    set_up(home, backend, "10.1.2.50/24", **NET2)
    tear_down(home, sandbox, **NET1)
    check(home, "10.1.2.50/24", **NET2)
    assert not [line for line in traces(host) if "10.1.2.3 " in line or "10.1.2.3/" in line]
    assert not [line for line in traces(host) if "10.1.2.9 " in line or "10.1.2.9/" in line]


def test_damage_is_repaired_by_the_next_set_up_with_nftables(host: Netns, home):
    set_up(home, "nftables", "10.1.2.3/24")
    before = ruleset(host)
    host.run("nft", "flush", "chain", "inet", "cni_plugins_masquerade", "postrouting")
    with pytest.raises(CheckFailed):
        check(home, "10.1.2.3/24")
    set_up(home, "nftables", "10.1.2.3/24")
    assert ruleset(host) == before


def test_half_of_it_is_completed_with_iptables(host: Netns, home):
    """What a set-up by several programs left that was stopped midway."""
    chain = chain_name("net-a", "0ab5")
    set_up(home, "iptables", *BOTH)
    before = saved(host)
    for half in (f"-F {chain}", "-F POSTROUTING", f"-D {chain} 1", f"-D {chain} 2"):
        host.run("iptables-restore", "--noflush", input=f"*nat\n{half}\nCOMMIT\n")
        assert saved(host) != before
        set_up(home, "iptables", *BOTH)
        assert saved(host) == before


def test_an_unknown_backend_is_refused(host: Netns, home):
    with pytest.raises(InvalidConfig) as caught:
        set_up(home, "ebtables", *BOTH)
    assert str(caught.value) == 'unknown ipmasq backend "ebtables" (choose one of iptables, nftables)'
    assert ruleset(host) == []


def test_without_iptables_nftables_is_the_default(host: Netns, home, no_programs):
    set_up(home, None, *BOTH)
    check(home, *BOTH)
    tear_down(home)


def test_with_iptables_that_is_the_default(home):
    assert masquerade.default_backend(home) == "iptables"


def test_without_iptables_asking_for_it_says_what_to_do(home, no_programs):
    with pytest.raises(MultinetError) as caught:
        set_up(home, "iptables", "10.1.2.3/24")
    assert str(caught.value) == (
        "failed to locate iptables: it is nowhere in PATH (install iptables, or choose the backend nftables)"
    )


def test_iptables_that_refuses_is_told_with_what_it_said(home, tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "iptables"
    program.write_text("#!/bin/sh\necho 'iptables: no kernel for this' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin")
    assert masquerade.default_backend(home) == "nftables"
    chain = chain_name("net-a", "0ab5")
    with pytest.raises(MultinetError) as caught:
        set_up(home, "iptables", "10.1.2.3/24")
    assert str(caught.value) == (
        f"running [{program} -t nat -S {chain} --wait]: exit status 3: iptables: no kernel for this"
    )


def test_rules_of_iptables_are_cleared_up_without_iptables(host: Netns, home, monkeypatch, tmp_path):
    set_up(home, "iptables", *BOTH)
    set_up(home, "iptables", "10.1.2.40/24", **NET1 | {"container_id": "dead"})
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        check(home, *BOTH)
        tear_down(home)
        masquerade.gc(home, "net-a", [])
    assert traces(host) == []


def test_many_set_ups_and_clearings_at_once_lose_nothing(host: Netns, backend):
    """Different containers, as a node that starts: what stays is complete, what goes is gone."""
    with Namespace.open(host.path) as home:  # legacy iptables makes its tables with the first use
        set_up(home, backend, "10.9.9.9/24", **NET1 | {"container_id": "first"})

    def work(number: int) -> None:
        names = NET1 | {"container_id": f"c{number:02}"}
        with Namespace.open(host.path) as home:
            set_up(home, backend, f"10.1.2.{number}/24", **names)
            if number % 2:
                tear_down(home, **names)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(16)))
    with Namespace.open(host.path) as home:
        for number in range(16):
            probe = partial(check, home, f"10.1.2.{number}/24", **NET1 | {"container_id": f"c{number:02}"})
            if number % 2:
                with pytest.raises(CheckFailed):
                    probe()
            else:
                probe()


def test_every_change_is_a_step_and_dying_at_any_leaves_what_a_del_clears_up(host: Netns, home, backend):
    class Died(BaseException):
        pass

    def count(what: str) -> None:
        heard.append(what)
        if len(heard) == stop:
            raise Died

    stop = 1
    while True:
        heard: list[str] = []
        steps.listen(count)
        try:
            set_up(home, backend, *BOTH)
        except Died:
            pass
        else:
            break
        finally:
            steps.listen(None)
        tear_down(home)
        assert traces(host) == []
        stop += 1
    assert heard == (
        ["masquerade what comes from net1"]
        if backend == "nftables"
        else ["masquerade 10.1.2.3", "masquerade fd00:1::5"]
    )
    tear_down(home)
    assert traces(host) == []


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
def test_clearing_up_runs_no_program(host: Netns, home, backend, tmp_path, monkeypatch):
    """A DEL of a network with ipMasq costs some netlink messages, be there something to clear up or not."""
    set_up(home, backend, *BOTH)
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("iptables", "ip6tables", "iptables-legacy", "ip6tables-legacy", "nft"):
        (folder / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\n")
        (folder / name).chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        tear_down(home)
        tear_down(home)
    assert not (tmp_path / "was-run").exists()
    assert traces(host) == []
