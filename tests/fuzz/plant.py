"""What is found in the place of a file: damaged content, or what is no file at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random
from typing import cast

from tests.fuzz import damage
from tests.fuzz.surface import Feed, Surface

Planted = Callable[[Path], None]


class Plant:
    """What is put in the place of a file. It has a name, so that it can be told."""

    def __init__(self, what: str, how: Planted) -> None:
        self.what = what
        self.how = how

    def __repr__(self) -> str:
        return self.what


def plant(dice: Random, content: bytes) -> Plant:
    def endless(file: Path) -> None:
        file.touch()
        os.truncate(file, 1 << 40)

    odd: dict[str, Planted] = {
        "a folder": lambda file: file.mkdir(),
        "a pipe": lambda file: os.mkfifo(file),
        "a link to nothing": lambda file: file.symlink_to("/nonexistent"),
        "a link to itself": lambda file: file.symlink_to(file),
        "a link to /dev/zero": lambda file: file.symlink_to("/dev/zero"),
        "a link to a folder": lambda file: file.symlink_to("/"),
        "a terabyte of nothing": endless,
        "nothing": lambda file: None,
    }
    if dice.random() < 0.15:
        what = dice.choice(list(odd))
        return Plant(what, odd[what])
    said = (
        damage.whole_file(dice, content)
        if dice.random() < 0.5
        else damage.json_bytes(dice, json.loads(content))
    )
    return Plant(repr(said), lambda file: cast(None, file.write_bytes(said)))


def place(file: Path, plant: Plant) -> None:
    """Whatever was there before."""
    if file.is_dir() and not file.is_symlink():
        file.rmdir()
    else:
        file.unlink(missing_ok=True)
    plant.how(file)


def nothing(file: Path) -> None:
    """Clear away what was planted."""
    place(file, Plant("nothing", lambda file: None))


def written_by(write: Callable[[Path], None]) -> bytes:
    """What one of ours writes into an empty folder: the last file of it."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write(folder)
        return max(
            (file for file in folder.rglob("*") if file.is_file() and file.name != "lock"),
            key=lambda one: one.name,
        ).read_bytes()


def planted(
    name: str, sound: bytes, opened: Callable[[Path], AbstractContextManager[Feed]], short: int = 150
) -> Surface:
    """A file of ours, in whose place something else is found."""
    return Surface(
        name=name, of="journal file", make=lambda dice: plant(dice, sound), open=opened, short=short
    )
