"""Links moved between two real namespaces: all at once, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from multinet.errors import Exists, KernelError
from multinet.kernel import links, moves
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from tests.support.netns import Netns

pytestmark = pytest.mark.kernel


@pytest.fixture
def ends(host: Netns, pod: Netns) -> Iterator[tuple[Namespace, Namespace]]:
    """A host with a device ``up0``, and a pod."""
    host.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
    host.ip("link", "set", "up0", "up")
    with Namespace.open(host.path) as source, Namespace.open(pod.path) as target:
        yield source, target


def up0(namespace: Namespace) -> Link:
    return links.get(namespace.rtnl, "up0")


def names(namespace: Namespace) -> set[str]:
    return {link.name for link in links.dump(namespace.rtnl)} - {"lo"}


def test_a_move_renames_and_notes_where_it_came_from(ends: tuple[Namespace, Namespace]) -> None:
    source, target = ends
    before = up0(source)
    moved = moves.move(before, source, target, name="eth0", alias="up0")
    assert (moved.name, moved.alias, moved.mac, moved.up) == ("eth0", "up0", before.mac, False)
    assert (names(source), names(target)) == ({"up1"}, {"eth0"})
    back = moves.move(moved, target, source, name=moved.alias, alias="", up=True)
    assert (back.name, back.alias, back.mac, back.up) == ("up0", "", before.mac, True)
    assert (names(source), names(target)) == ({"up0", "up1"}, set())


def test_the_old_name_may_be_taken_on_the_other_side(ends: tuple[Namespace, Namespace], pod: Netns) -> None:
    pod.ip("link", "add", "up0", "type", "bridge")
    source, target = ends
    moves.move(up0(source), source, target, name="eth0", alias="up0")
    assert (names(source), names(target)) == ({"up1"}, {"eth0", "up0"})


def test_a_taken_name_is_refused_before_anything_is_moved(
    ends: tuple[Namespace, Namespace], pod: Netns
) -> None:
    pod.ip("link", "add", "eth0", "type", "bridge")
    source, target = ends
    with pytest.raises(Exists) as caught:
        moves.move(up0(source), source, target, name="eth0", alias="up0")
    assert str(caught.value) == (
        "could not move up0: there is an interface 'eth0' already "
        "(somebody else made it, or an earlier ADD was not followed by its DEL)"
    )
    assert up0(source).up


def test_a_device_whose_new_name_is_refused_comes_back_as_it_was(ends: tuple[Namespace, Namespace]) -> None:
    """The kernel moves first and looks at the name then."""
    source, target = ends
    before = up0(source)
    with pytest.raises(KernelError) as caught:
        moves.move(before, source, target, name="eth:0", alias="up0")
    assert caught.value.sentence == "could not move up0 to be eth:0: Invalid argument"
    after = up0(source)
    assert (after.mac, after.alias, after.up) == (before.mac, "", True)
    assert names(target) == set()


def test_what_can_not_be_moved_stays(ends: tuple[Namespace, Namespace]) -> None:
    source, target = ends
    with pytest.raises(KernelError) as caught:
        moves.move(links.get(source.rtnl, "lo"), source, target, name="eth0", alias="lo")
    assert caught.value.sentence.startswith("could not move lo to be eth0: Invalid argument")
    assert names(target) == set()


def test_moves_wait_for_one_another(
    ends: tuple[Namespace, Namespace], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = ends
    held: list[bool] = []
    asked = moves.move_message

    def while_it_moves(*args: object, **options: object) -> object:
        held.append(moves._ONE_AT_A_TIME.locked())
        return asked(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(moves, "move_message", while_it_moves)
    moves.move(up0(source), source, target, name="eth0", alias="up0")
    assert held == [True]
    assert not moves._ONE_AT_A_TIME.locked()


@pytest.mark.parametrize("up", [False, True])
def test_a_move_is_packed_as_pyroute2_packs_it(ends: tuple[Namespace, Namespace], up: bool) -> None:
    link = up0(ends[0])
    flags = 1 if up else 0
    message = ifinfmsg()
    message["index"], message["flags"], message["change"] = link.index, flags, flags
    message["attrs"] = [("IFLA_NET_NS_FD", 9), ("IFLA_IFNAME", "eth0")]
    message.encode()
    alias = b"\x07\x00\x14\x00up0\x00"  # pyroute2 ends an alias with a zero, which the kernel doesn't ask for
    packed = moves.move_message(link, 9, name="eth0", alias="up0", up=up).body
    assert packed == bytes(message.data)[16:] + alias


def test_a_device_gets_its_name_back(ends: tuple[Namespace, Namespace], host: Netns) -> None:
    source, _ = ends
    host.ip("link", "set", "up0", "alias", "card0")
    source.rtnl.batch(moves.call_again(up0(source), "card0"))
    found = links.get(source.rtnl, "card0")
    assert (found.alias, found.up) == ("", False)
