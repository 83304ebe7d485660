"""Whoever is given an address holds it here until it is given back: two who hold one at once are found at once."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from delegates.ipam.host_local import HostLocal
from tests.support.ipam import Conf, Ours, Plugin, Reference

MOST_HELD = 6
"""Containers that one worker has at once."""


class HeldTwice(AssertionError):
    """Two have been given one address."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Holders:
    """The folder is everybody's, also other processes': a file an address, which only one can make."""

    folder: Path

    def take(self, address: str, who: str) -> None:
        try:
            with open(self.folder / address, "x") as file:
                file.write(who)
        except FileExistsError:
            raise HeldTwice(f"{address} was given to {who}, and {self.folder / address} has it") from None

    def give_back(self, address: str) -> None:
        os.unlink(self.folder / address)


def come_and_go(plugin: Plugin, given: Conf, name: str, count: int, holders: Holders) -> int:
    """``count`` ADDs of one worker, with DELs in between in an order of chance, and all DELs at the end. How many
    ADDs there were.
    """
    chance, held = random.Random(name), list[tuple[str, list[str]]]()

    def leave() -> None:
        container, addresses = held.pop(chance.randrange(len(held)))
        for address in addresses:
            holders.give_back(address)
        plugin.delete(given, container)

    for number in range(count):
        while len(held) >= MOST_HELD or (held and chance.random() < 0.4):
            leave()
        container = f"{name}-{number}"
        addresses = [str(ip.address.ip) for ip in plugin.add(given, container).ips]
        for address in addresses:
            holders.take(address, container)
        held.append((container, addresses))
    while held:
        leave()
    return count


def plugins(program: Path) -> Iterator[tuple[str, Plugin]]:
    """By name: ours in this process, which all threads share, and the reference's, a process a call."""
    yield "ours", Ours(delegate=HostLocal())
    yield "theirs", Reference(program=program)
