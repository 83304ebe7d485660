"""What took the place of a file of ours: it is told once, keeps nobody waiting, and can be cleared away."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from multinet import damaged
from multinet.errors import DecodingFailure
from multinet.state.attachments import Attachments
from tests.state.test_record import example
from tests.support.wait import at_most


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What whoever listens is told."""
    said: list[str] = []
    damaged.listen(said.append)
    yield said
    damaged.listen(None)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def endless(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 40)


ODD: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a pipe that nobody writes to": os.mkfifo,
    "a socket": a_socket,
    "a device without an end": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path),
    "a terabyte": endless,
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_what_is_no_file_keeps_nobody_waiting_and_goes_with_its_del(
    tmp_path: Path, told: list[str], make: Callable[[Path], object]
) -> None:
    kept = Attachments(tmp_path)
    one = example()
    other = replace(one, plan=replace(one.plan, container_id="c2"))
    kept.write(other)
    file = tmp_path / "sandboxes" / "c1@net1.json"
    make(file)

    with at_most(10):
        assert list(kept.all()) == [other]
        assert kept.look() == ([other], [file])
        for _ in range(2):
            with pytest.raises(DecodingFailure) as raised:
                kept.find("c1", "net1")
    assert raised.value.message.startswith(f"the record is damaged: could not read {file}: ")
    assert raised.value.hint == "it was left where it is"
    assert len(told) == 1
    assert told[0].startswith(f"{file}: could not read {file}: ")

    kept.forget("c1", "net1")
    assert not os.path.lexists(file)
    kept.write(one)
    assert list(kept.all()) == [one, other]


def test_one_is_told_of_once_until_it_changes(tmp_path: Path, told: list[str]) -> None:
    kept = Attachments(tmp_path)
    kept.write(example())
    file = tmp_path / "sandboxes" / "c1@net1.json"
    for content in ("{", "{", "[", "[", "{"):
        file.write_text(content)
        assert list(kept.all()) == []
    copy = tmp_path / "damaged" / "c1@net1.json"
    assert told == [f"{file}: the record is damaged; a copy was put aside as {copy}"] * 2
    assert copy.read_text() == "["


def test_what_could_not_be_put_aside_is_when_there_is_room(tmp_path: Path, told: list[str]) -> None:
    kept = Attachments(tmp_path)
    kept.write(example())
    (tmp_path / "sandboxes" / "c1@net1.json").write_text("{")
    (tmp_path / "damaged").touch()
    assert list(kept.all()) == []
    (tmp_path / "damaged").unlink()
    assert list(kept.all()) == []
    assert [one.rpartition("; ")[2].partition(":")[0].partition(" as ")[0] for one in told] == [
        "no copy could be put aside",
        "a copy was put aside",
    ]
    assert (tmp_path / "damaged" / "c1@net1.json").read_text() == "{"
