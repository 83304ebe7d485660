"""Masquerading that we set up is what the reference sets up, and each clears up after the other."""

from __future__ import annotations

from ipaddress import ip_interface

import pytest

from multinet.kernel import masquerade
from multinet.kernel.namespace import Namespace
from tests.kernel.nft.oracle import kernel_bytes, listing, ruleset, saved
from tests.support.netns import Netns

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

FAMILIES = {
    "IPv4": ("10.1.2.3/24",),
    "IPv6": ("fd00:1::5/64",),
    "both": ("10.1.2.3/24", "fd00:1::5/64"),
    "odd prefixes": ("10.1.18.3/20", "fd00:1:2:f::5/61"),
    "prefixes on a byte": ("10.1.2.3/16", "fd00:1::5/48"),
    "single addresses": ("10.1.2.3/32", "fd00:1::5/128"),
    "everything": ("10.1.2.3/0", "fd00:1::5/0"),
}
MANY = ("10.1.2.3/24", "172.16.5.6/12", "fd00:1::5/64", "fd00:2::5/61")
OURS = {"network": "net-a", "container_id": "0ab5", "ifname": "net1"}


def masq(backend: str | None) -> dict[str, object]:
    return {"ipMasq": True} | ({"ipMasqBackend": backend} if backend else {})


def set_up(where: Netns, backend: str | None, addresses: tuple[str, ...]) -> None:
    with Namespace.open(where.path) as namespace:
        masquerade.setup(namespace, backend=backend, addresses=map(ip_interface, addresses), **OURS)


def tear_down(where: Netns) -> None:
    with Namespace.open(where.path) as namespace:
        masquerade.teardown(namespace, sandbox=None, **OURS)


def drop_empty_tables(where: Netns) -> None:
    """The reference's DEL runs iptables whatever the backend is, which leaves its tables behind, empty."""
    for entry in ruleset(where):
        if "table" in entry and entry["table"]["name"] == "nat":
            family = entry["table"]["family"]
            assert (
                where.run("nft", "list", "table", family, "nat").stdout.split()
                == f"table {family} nat {{ }}".split()
            )
            where.run("nft", "delete", "table", family, "nat")


def assert_equal_states(one: Netns, other: Netns) -> None:
    assert ruleset(one) == ruleset(other)
    assert listing(one) == listing(other)
    assert saved(one) == saved(other)


@pytest.mark.parametrize("addresses", [*FAMILIES.values(), MANY], ids=[*FAMILIES, "many"])
def test_nftables_rules_are_the_references_byte_for_byte(host: Netns, netns, reference, addresses):
    theirs = netns("theirs")
    reference(theirs, "ADD", masq("nftables"), addresses=addresses)
    set_up(host, "nftables", addresses)
    assert_equal_states(host, theirs)
    assert kernel_bytes(host) == kernel_bytes(theirs)


def test_several_attachments_leave_the_same_nftables_rules(host: Netns, netns, reference):
    """The order of rules, too, and what a second ADD of the same attachment leaves."""
    theirs = netns("theirs")
    plays = [
        ("net1", "10.1.2.3/24"),
        ("net2", "10.1.2.4/24"),
        ("net3", "fd00::5/64"),
        ("net4", "10.2.0.1/16"),
    ]
    for ifname, address in plays:
        reference(theirs, "ADD", masq("nftables"), addresses=(address,), ifname=ifname)
        with Namespace.open(host.path) as namespace:
            masquerade.setup(
                namespace,
                backend="nftables",
                addresses=[ip_interface(address)],
                **OURS | {"ifname": ifname},
            )
    set_up(host, "nftables", ("10.1.2.3/24",))
    set_up(host, "nftables", ("10.1.2.9/24",))
    assert kernel_bytes(host) != kernel_bytes(theirs)
    reference(theirs, "DEL", masq("nftables"), addresses=("10.1.2.3/24",), ifname="net1")
    reference(theirs, "ADD", masq("nftables"), addresses=("10.1.2.9/24",), ifname="net1")
    drop_empty_tables(theirs)
    assert_equal_states(host, theirs)
    assert kernel_bytes(host) == kernel_bytes(theirs)


def test_names_of_any_length_make_the_same_comment(host: Netns, netns, reference):
    theirs = netns("theirs")
    names = {"network": "n" * 70, "container_id": "c" * 64, "ifname": "interface-names"}
    reference(
        theirs,
        "ADD",
        masq("nftables") | {"name": names["network"]},
        addresses=("10.1.2.3/24",),
        ifname=names["ifname"],
        container_id=names["container_id"],
    )
    with Namespace.open(host.path) as namespace:
        masquerade.setup(namespace, backend="nftables", addresses=[ip_interface("10.1.2.3/24")], **names)
    assert_equal_states(host, theirs)
    assert kernel_bytes(host) == kernel_bytes(theirs)
    with Namespace.open(theirs.path) as namespace:
        masquerade.teardown(namespace, sandbox=None, **names)
    assert "10.1.2.3" not in listing(theirs)


@pytest.mark.parametrize("addresses", FAMILIES.values(), ids=FAMILIES)
@pytest.mark.parametrize("backend", ["iptables", None], ids=["iptables", "by default"])
def test_iptables_rules_are_the_references(host: Netns, netns, reference, addresses, backend):
    theirs = netns("theirs")
    reference(theirs, "ADD", masq(backend), addresses=addresses)
    set_up(host, backend, addresses)
    assert_equal_states(host, theirs)
    assert kernel_bytes(host) == kernel_bytes(theirs)


def test_only_the_order_of_several_subnets_is_otherwise_with_iptables(host: Netns, netns, reference):
    """The reference masquerades what the second address sends within its own subnet; the rest is equal."""
    theirs = netns("theirs")
    reference(theirs, "ADD", masq("iptables"), addresses=MANY)
    set_up(host, "iptables", MANY)
    chain = next(line.split()[0][1:] for line in saved(host, "iptables-save") if line.startswith(":CNI-"))
    say = '-m comment --comment "name: \\"net-a\\" id: \\"0ab5\\""'
    assert saved(host, "iptables-save")[-4:-1] == [
        f"-A {chain} -d 10.1.2.0/24 {say} -j ACCEPT",
        f"-A {chain} -d 172.16.0.0/12 {say} -j ACCEPT",
        f"-A {chain} ! -d 224.0.0.0/4 {say} -j MASQUERADE",
    ]
    assert sorted(saved(host)) == sorted(saved(theirs))


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
def test_after_ours_has_cleared_up_the_state_is_as_after_the_references_del(
    host: Netns, netns, reference, backend
):
    theirs = netns("theirs")
    reference(theirs, "ADD", masq(backend), addresses=FAMILIES["both"])
    reference(theirs, "DEL", masq(backend), addresses=FAMILIES["both"])
    if backend == "nftables":
        drop_empty_tables(theirs)
    set_up(host, backend, FAMILIES["both"])
    tear_down(host)
    assert_equal_states(host, theirs)
    assert kernel_bytes(host) == kernel_bytes(theirs)


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
def test_ours_clears_up_what_the_reference_made(host: Netns, netns, reference, backend):
    """Even when the container is gone, where the reference itself finds nothing to clear up."""
    theirs = netns("theirs")
    reference(theirs, "ADD", masq(backend), addresses=MANY)
    reference(theirs, "ADD", masq(backend), addresses=("10.1.2.77/24",), container_id="feed", ifname="net9")
    tear_down(theirs)
    assert "0ab5" not in listing(theirs)
    assert not [line for line in saved(theirs) if "0ab5" in line]
    with Namespace.open(host.path) as namespace:
        names = {"network": "net-a", "container_id": "feed", "ifname": "net9"}
        masquerade.setup(namespace, backend=backend, addresses=[ip_interface("10.1.2.77/24")], **names)
    assert [line for line in saved(theirs) if "feed" in line] == [
        line for line in saved(host) if "feed" in line
    ]
    assert [line for line in listing(theirs).splitlines() if "feed" in line] == [
        line for line in listing(host).splitlines() if "feed" in line
    ]


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
def test_the_reference_clears_up_what_ours_made(netns, reference, backend):
    theirs, cleared = netns("theirs"), netns("cleared")
    for where in (theirs, cleared):
        reference(where, "ADD", masq(backend), addresses=FAMILIES["both"])
        if where is cleared:
            tear_down(where)
            set_up(where, backend, FAMILIES["both"])
        reference(where, "DEL", masq(backend), addresses=FAMILIES["both"])
    assert_equal_states(theirs, cleared)


def test_a_chain_that_a_dying_reference_left_without_a_jump_is_cleared_up(host: Netns, netns, reference):
    """It makes the chain, fills it and makes the jump, each with a program of its own."""
    set_up(host, "iptables", ("10.1.2.3/24",))
    jump = next(line for line in saved(host, "iptables-save") if line.startswith("-A POSTROUTING"))
    host.run("iptables-restore", "--noflush", input=f"*nat\n-D {jump.removeprefix('-A ')}\nCOMMIT\n")
    tear_down(host)
    assert not [line for line in saved(host) if "CNI-" in line]


def test_what_the_reference_leaves_after_its_addresses_were_flushed_is_cleared_up(
    host: Netns, pod: Netns, reference
):
    """Its own DEL then leaves the rules, and the next DEL of this container fails."""
    reference(host, "ADD", masq("iptables"), addresses=("10.1.2.3/24",))
    pod.ip("addr", "flush", "dev", "net1")
    reference(host, "DEL", masq("iptables"), addresses=("10.1.2.3/24",))
    assert [line for line in saved(host) if "0ab5" in line]
    tear_down(host)
    assert not [line for line in saved(host) if "0ab5" in line or "CNI-" in line]
    reference(host, "DEL", masq("iptables"), addresses=("10.1.2.3/24",))
