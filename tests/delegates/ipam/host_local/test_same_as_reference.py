"""The reference's program and ours on one folder: the same order, the same files, never an address twice."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from delegates.ipam.host_local import HostLocal
from multinet.errors import MultinetError
from tests.support.ipam import Conf, Ours, Plugin, Reference, conf

pytestmark = pytest.mark.peer

SHAPES: dict[str, list[list[dict[str, str]]]] = {
    "one-range": [[{"subnet": "10.1.2.0/28"}]],
    "two-ranges": [
        [
            {"subnet": "10.1.2.0/29", "rangeStart": "10.1.2.3", "rangeEnd": "10.1.2.5"},
            {"subnet": "10.1.3.0/29", "rangeStart": "10.1.3.1", "gateway": "10.1.3.4"},
        ]
    ],
    "single-addresses": [
        [
            {"subnet": "10.1.2.0/24", "rangeStart": "10.1.2.9", "rangeEnd": "10.1.2.9"},
            {"subnet": "10.1.2.0/24", "rangeStart": "10.1.2.1", "rangeEnd": "10.1.2.1"},
            {"subnet": "10.1.2.0/24", "rangeStart": "10.1.2.7", "rangeEnd": "10.1.2.7"},
        ]
    ],
    "gateway-at-the-end": [[{"subnet": "10.1.2.0/29", "gateway": "10.1.2.6"}]],
    "gateway-of-the-next-range": [
        [
            {"subnet": "10.1.2.0/30", "gateway": "10.1.2.5"},
            {"subnet": "10.1.2.4/30", "gateway": "10.1.2.2"},
        ]
    ],
    "gateway-of-the-other-family": [[{"subnet": "10.1.2.0/30", "gateway": "fd00::1"}]],
    "ipv6": [[{"subnet": "fd12:5::/125"}]],
    "dual": [[{"subnet": "10.1.2.0/29"}], [{"subnet": "fd12:5::/64", "rangeEnd": "fd12:5::8"}]],
}


@pytest.fixture
def reference(peers: Path) -> Reference:
    return Reference(program=peers / "host-local")


def network(folder: Path, ranges: Any, **keys: Any) -> dict[str, Any]:
    return conf("host-local", ipam={"ranges": ranges, "dataDir": str(folder), **keys})


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file: its mode and what is in it."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


def acts(shape: str, count: int = 40) -> Iterator[tuple[bool, str]]:
    """Whether to add, and which container; ADD comes first, since our DEL makes no folder."""
    chance = random.Random(shape)
    yield True, "c0"
    for _ in range(count):
        yield chance.random() < 0.6, f"c{chance.randrange(12)}"


def act(plugin: Plugin, adding: bool, container: str, given: Conf) -> object:
    """What came of it: the result, or the words it was refused with."""
    try:
        return (plugin.add if adding else plugin.delete)(given, container)
    except MultinetError as error:
        return error.message


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_given_and_left_on_disk_is_the_same(shape: str, reference: Reference, tmp_path: Path) -> None:
    ours = Ours(delegate=HostLocal())
    for adding, container in acts(shape):
        came = act(ours, adding, container, network(tmp_path / "ours", SHAPES[shape]))
        assert came == act(reference, adding, container, network(tmp_path / "reference", SHAPES[shape]))
        assert tree(tmp_path / "ours") == tree(tmp_path / "reference")


@pytest.mark.parametrize("shape", SHAPES)
def test_working_by_turns_on_one_folder_gives_what_the_reference_alone_gives(
    shape: str, reference: Reference, tmp_path: Path
) -> None:
    ours = Ours(delegate=HostLocal())
    chance = random.Random(shape)
    for adding, container in acts(shape):
        came = act(
            chance.choice([ours, reference]), adding, container, network(tmp_path / "shared", SHAPES[shape])
        )
        assert came == act(reference, adding, container, network(tmp_path / "alone", SHAPES[shape]))
        assert tree(tmp_path / "shared") == tree(tmp_path / "alone")


@pytest.mark.parametrize(
    "left",
    [{}, {"10.1.2.3": "c1"}, {"note": "c1\r\neth0\n"}, {"10.1.2.3": "c1\r\nnet1"}, {"10.1.2.3": ""}],
)
def test_check_and_delete_see_the_same_in_any_folder(
    left: dict[str, str], reference: Reference, tmp_path: Path
) -> None:
    came = []
    for who in (reference, Ours(delegate=HostLocal())):
        folder = tmp_path / type(who).__name__
        (folder / "net").mkdir(parents=True)
        for name, content in left.items():
            (folder / "net" / name).write_bytes(content.encode())
        given = network(folder, SHAPES["one-range"])
        try:
            who.check(given)
            words = ""
        except MultinetError as error:
            words = error.message
        who.delete(given)
        came.append((words, tree(folder)))
    assert came[0] == came[1]


WORKER = """
import json, sys
from delegates.ipam.host_local import HostLocal
from tests.support.ipam import Ours

ours, (given, name, count) = Ours(delegate=HostLocal()), map(json.loads, sys.argv[1:])
for number in range(count):
    ours.add(given, f"{name}-{number}")
    if number % 3 == 0:
        ours.delete(given, f"{name}-{number}")
"""


def test_workers_of_both_kinds_at_once_never_give_an_address_twice(
    reference: Reference, tmp_path: Path
) -> None:
    given = network(tmp_path, [[{"subnet": "10.1.2.0/24"}]])
    each = 45

    def with_reference(name: str) -> None:
        for number in range(each):
            reference.add(given, f"{name}-{number}")
            if number % 3 == 0:
                reference.delete(given, f"{name}-{number}")

    ours = [
        subprocess.Popen([sys.executable, "-c", WORKER, json.dumps(given), json.dumps(name), str(each)])
        for name in ("a", "b")
    ]
    try:
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(with_reference, ("c", "d")))
    finally:
        codes = [worker.wait(60) for worker in ours]
    assert codes == [0, 0]
    owners = sorted(path.read_bytes() for path in (tmp_path / "net").glob("10.*"))
    assert owners == sorted(
        f"{name}-{number}\r\neth0".encode() for name in "abcd" for number in range(each) if number % 3
    )


def test_threads_of_one_process_never_give_an_address_twice(tmp_path: Path) -> None:
    given = network(tmp_path, [[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd12:5::/64"}]])
    ours = Ours(delegate=HostLocal())
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda number: ours.add(given, f"c{number}"), range(100)))
    addresses = [ip.address for result in results for ip in result.ips]
    assert len(set(addresses)) == 200
