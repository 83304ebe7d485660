"""Batches: all or nothing, exact when others write at the same time, and honest about what was refused."""

from __future__ import annotations

import errno
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import pytest

from multinet import steps
from multinet.errors import Busy, KernelError, NotFound, TryAgain
from multinet.kernel import nfnetlink
from multinet.kernel.namespace import Namespace
from multinet.kernel.nfnetlink import Nfnetlink, Outdated
from multinet.kernel.nft import Chain, Family, Table, edit
from multinet.kernel.nft_expr import DROP, IIFNAME, RETURN, SOURCE, from_interface, jump, protocol, source
from tests.kernel.nft.oracle import ruleset
from tests.support.netns import Netns

pytestmark = pytest.mark.kernel

TABLE = Table(family=Family.INET, name="mine")
FIRST = Chain(table=TABLE, name="first")
SECOND = Chain(table=TABLE, name="second")
GROUND = [TABLE.add(), FIRST.add(), SECOND.add()]


@pytest.fixture
def other(home: Namespace):
    """Somebody else's socket."""
    with Nfnetlink.open(home) as socket:
        yield socket


def test_a_batch_with_one_refused_message_changes_nothing(host: Netns, net):
    absent = Chain(table=TABLE, name="absent")
    with pytest.raises(NotFound) as caught:
        net.commit([*GROUND, absent.delete(), SECOND.delete()], doing="do a lot")
    assert str(caught.value) == (
        "could not delete chain absent of table inet mine: No such file or directory"
    )
    assert ruleset(host) == []


def test_a_refusal_is_told_with_the_words_of_its_own_message(net):
    net.commit([*GROUND, FIRST.append(jump("second"))], doing="prepare")
    with pytest.raises(Busy) as caught:
        net.commit([SECOND.delete()], doing="clear up")
    assert str(caught.value) == "could not delete chain second of table inet mine: Device or resource busy"
    assert caught.value.errno == errno.EBUSY


def test_a_socket_is_good_for_more_after_a_refusal(host: Netns, net):
    for _ in range(3):
        with pytest.raises(NotFound):
            net.commit([FIRST.delete(), SECOND.delete()], doing="delete what is not there")
    net.commit(GROUND, doing="prepare")
    assert FIRST.exists(net)
    assert not Chain(table=TABLE, name="third").exists(net)
    assert not Chain(table=Table(family=Family.IPV4, name="mine"), name="first").exists(net)


def test_tables_and_chains_that_are_there_may_be_added_again(host: Netns, net):
    net.commit([*GROUND, FIRST.append(DROP)], doing="prepare")
    before = ruleset(host)
    net.commit(GROUND, doing="prepare again")
    assert ruleset(host) == before


def test_rules_are_appended_inserted_deleted_and_flushed(net):
    net.commit([*GROUND, *(FIRST.append(DROP, comment=word) for word in "bcd")], doing="prepare")
    net.commit([FIRST.insert(DROP, comment="a")], doing="insert")
    assert [rule.comment for rule in FIRST.rules(net)] == ["a", "b", "c", "d"]
    third = FIRST.rules(net)[2]
    net.commit([FIRST.delete_rule(third.handle)], doing="delete")
    assert [rule.comment for rule in FIRST.rules(net)] == ["a", "b", "d"]
    net.commit([FIRST.flush()], doing="flush")
    assert FIRST.rules(net) == []


def test_a_rule_reads_back(net):
    ip = ip_address("fd00::5")
    net.commit(
        [
            *GROUND,
            FIRST.append(from_interface("veth0"), jump("second"), comment="über alles"),
            FIRST.append(protocol(6), source(ip), RETURN),
        ],
        doing="prepare",
    )
    one, two = FIRST.rules(net)
    assert (one.table, one.chain, one.comment, one.target) == ("mine", "first", "über alles", "second")
    assert one.wanted(IIFNAME) == b"veth0".ljust(16, b"\0")
    assert one.wanted(SOURCE[4]) is None
    assert (two.comment, two.target, two.wanted(SOURCE[6])) == ("", "", ip.packed)


def test_only_rules_that_contain_a_text_are_read(net):
    net.commit([*GROUND, *(FIRST.append(DROP, comment=f"rule {n}.") for n in range(20))], doing="prepare")
    assert [rule.comment for rule in FIRST.rules(net, containing="rule 1.")] == ["rule 1."]


def test_a_chain_that_is_not_there_has_no_rules(net):
    assert FIRST.rules(net) == []
    net.commit([TABLE.add()], doing="prepare")
    assert FIRST.rules(net) == []


def test_a_comment_of_the_longest_kind_reads_back(net):
    comment = "c" * 253
    net.commit([*GROUND, FIRST.append(DROP, comment=comment)], doing="prepare")
    assert FIRST.rules(net)[0].comment == comment


def test_a_batch_for_rules_that_have_changed_is_refused(host: Netns, net, other):
    generation = net.generation()
    other.commit(GROUND, doing="come in between")
    with pytest.raises(Outdated):
        net.commit([FIRST.append(DROP)], doing="add a rule", generation=generation)
    assert FIRST.rules(net) == []
    net.commit([FIRST.append(DROP)], doing="add a rule", generation=net.generation())
    assert len(FIRST.rules(net)) == 1


def test_an_edit_reads_again_when_somebody_wrote_in_between(net, other):
    net.commit(GROUND, doing="prepare")
    seen = []

    def plan():
        seen.append([rule.comment for rule in FIRST.rules(net)])
        if len(seen) < 4:
            other.commit([FIRST.append(DROP, comment=str(len(seen)))], doing="come in between")
        return [FIRST.append(DROP, comment=f"after {len(seen[-1])}")]

    edit(net, plan, doing="add a rule")
    assert seen == [[], ["1"], ["1", "2"], ["1", "2", "3"]]
    assert [rule.comment for rule in FIRST.rules(net)] == ["1", "2", "3", "after 3"]


def test_an_edit_gives_up_when_the_rules_never_rest(net, other, monkeypatch):
    monkeypatch.setattr(nfnetlink, "PATIENCE_SECONDS", 0.05)
    net.commit(GROUND, doing="prepare")

    def plan():
        other.commit([SECOND.append(DROP)], doing="come in between")
        return [FIRST.append(DROP)]

    with pytest.raises(TryAgain) as caught:
        edit(net, plan, doing="add a rule")
    assert str(caught.value) == (
        "could not add a rule: the netfilter rules changed all the time for 0.05 seconds "
        "(see with `nft monitor` who changes them)"
    )
    assert FIRST.rules(net) == []


def test_a_list_is_read_again_when_it_changed_while_it_was_read(net, other, monkeypatch):
    """A long list comes in parts; what was deleted before the second could hide a rule."""
    comments = [f"{number:03} {'x' * 100}" for number in range(400)]
    net.commit([*GROUND, *(FIRST.append(DROP, comment=c) for c in comments)], doing="prepare")
    receive = Nfnetlink._receive
    parts = []

    def receive_and_meddle(self, doing):
        data = receive(self, doing)
        if self is net and doing.startswith("list"):
            parts.append(len(data))
            if len(parts) == 1:
                other.commit([SECOND.append(DROP)], doing="come in between")
        return data

    monkeypatch.setattr(Nfnetlink, "_receive", receive_and_meddle)
    assert [rule.comment for rule in FIRST.rules(net)] == comments
    assert len(parts) > 4  # two parts at least and an end, twice


def test_a_batch_may_be_large(net):
    net.commit(GROUND, doing="prepare")
    net.commit([FIRST.append(DROP, comment="x" * 200) for _ in range(2000)], doing="add many rules")
    assert len(FIRST.rules(net)) == 2000


def test_a_dry_run_changes_nothing_and_tells_what_would_be_refused(host: Netns, net):
    net.commit(GROUND, doing="try", dry_run=True)
    assert ruleset(host) == []
    with pytest.raises(NotFound):
        net.commit([TABLE.add(), FIRST.delete()], doing="try", dry_run=True)
    net.commit([TABLE.add()], doing="add")
    assert len(ruleset(host)) == 1


def test_each_commit_is_announced_once_right_before(host: Netns, net):
    heard = []

    def hear(what: str) -> None:
        heard.append((what, len(ruleset(host))))

    steps.listen(hear)
    try:
        net.commit(GROUND, doing="prepare")
        net.commit([SECOND.delete(), FIRST.delete()], doing="clear up")
        net.commit([TABLE.add()], doing="try", dry_run=True)
    finally:
        steps.listen(None)
    assert heard == [("prepare", 0), ("clear up", 3)]


def test_edits_from_many_sides_lose_nothing(host: Netns, net):
    """Each counts what it finds, and adds a rule with that number: twice the same would be a lost update."""
    net.commit(GROUND, doing="prepare")

    def work(_: int) -> None:
        with Namespace.open(host.path) as namespace, Nfnetlink.open(namespace) as mine:
            for _ in range(10):
                edit(
                    mine,
                    lambda: [FIRST.append(DROP, comment=str(len(FIRST.rules(mine))))],
                    doing="count",
                )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert [rule.comment for rule in FIRST.rules(net)] == [str(n) for n in range(80)]


def test_what_the_kernel_says_beyond_the_number_is_in_the_message(net):
    name = "c" * 256
    with pytest.raises(KernelError) as caught:
        net.commit([TABLE.add(), Chain(table=TABLE, name=name).add()], doing="prepare")
    assert caught.value.errno == errno.ERANGE
    assert str(caught.value) == (
        f"could not add chain {name} of table inet mine: "
        "Numerical result out of range (Attribute failed policy validation)"
    )
