"""What happens to an interface behind a plugin's back: CHECK says what it finds, and DEL clears up all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.support.plugins import Attachment, refusal

WRONG = "02:00:00:00:00:99"
"""A MAC that nobody was given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Damage:
    """``said`` is what CHECK says, with NEAR for the MAC that the container's interface had."""

    what: str
    do: Callable[[Attachment], object]
    said: str


def in_pod(*words: str) -> Callable[[Attachment], object]:
    return lambda one: one.pod.ip(*words)


ADDRESS_REMOVED = Damage(
    what="an address was removed",
    do=in_pod("addr", "delete", "10.1.2.2/24", "dev", "eth0"),
    said="Failed to match addr 10.1.2.2/24 on interface eth0",
)
ROUTE_REMOVED = Damage(
    what="a route was removed",
    do=in_pod("route", "delete", "10.9.0.0/16"),
    said="Expected Route {Dst:{IP:10.9.0.0 Mask:ffff0000} GW:<nil> MTU:0 AdvMSS:0 Priority:0 "
    "Table:<nil> Scope:<nil>} not found in routing table",
)
MAC_CHANGED = Damage(
    what="the MAC was changed",
    do=in_pod("link", "set", "eth0", "address", WRONG),
    said=f"Interface eth0 Mac NEAR doesn't match container Mac: {WRONG}",
)
INTERFACE_REMOVED = Damage(
    what="the interface was removed",
    do=in_pod("link", "delete", "eth0"),
    said="Cannot find container link eth0",
)
MASTER_REMOVED = Damage(
    what="the master was removed",
    do=lambda one: one.host.ip("link", "delete", "up0"),
    said='the master "up0" was not found: Link not found',
)


def each(*damages: Damage) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("damage", damages, ids=lambda damage: damage.what)


def is_seen_and_goes(damage: Damage, one: Attachment) -> None:
    """CHECK passes before it, and names it after; DEL succeeds, twice. What is left is the test's to say."""
    one.check()
    (near,) = (end.get("mac", "") for end in one.result["interfaces"] if end.get("sandbox"))
    damage.do(one)
    assert refusal(one.check) == damage.said.replace("NEAR", near)
    one.delete()
    one.delete()
