"""One range, and many who are given addresses of it at once: threads, processes, and the reference's program."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.concurrency.holders import MOST_HELD, HeldTwice, Holders, come_and_go, plugins
from tests.support.ipam import conf, reserved
from tests.support.tree import ROOT

pytestmark = pytest.mark.peer

THREADS, PROCESSES, THEIRS = 4, 2, 4
"""Workers: threads of this process, threads of each of two others, and of the reference's program, of which each
call is a process."""
RANGE = "10.1.2.0/24"
"""Of its 253 addresses, 96 are held at once at most: so each is given again and again."""


@pytest.mark.parametrize(
    "allocations",
    [480, pytest.param(10_000, marks=pytest.mark.long)],
)
def test_no_address_is_given_twice_and_none_is_lost(
    allocations: int, peers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = conf("host-local", ipam={"ranges": [[{"subnet": RANGE}]], "dataDir": str(tmp_path / "ipam")})
    (tmp_path / "held").mkdir()
    holders = Holders(folder=tmp_path / "held")
    workers = THREADS + PROCESSES * THREADS + THEIRS
    assert workers * MOST_HELD < 253
    each = -(-allocations // workers)
    began = time.monotonic()
    others = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.concurrency", json.dumps(given), name),
                *(str(THREADS), str(each), str(holders.folder)),
            ],
            cwd=ROOT,
        )
        for name in "pq"[:PROCESSES]
    ]
    kinds = dict(plugins(peers / "host-local"))
    try:
        with ThreadPoolExecutor(THREADS + THEIRS) as pool:
            running = [
                pool.submit(come_and_go, kinds[kind], given, f"{kind}{number}", each, holders)
                for kind, count in (("ours", THREADS), ("theirs", THEIRS))
                for number in range(count)
            ]
            made = sum(one.result() for one in running)
    finally:
        codes = [other.wait(300) for other in others]

    assert codes == [0, 0]
    made += PROCESSES * THREADS * each
    assert made >= allocations
    assert list(holders.folder.iterdir()) == []
    assert reserved(tmp_path / "ipam") == []
    with capsys.disabled():
        print(
            f"\n{made} allocations of {RANGE} by {workers} workers at once, {THEIRS * each} of them by the "
            f"reference's program: 0 given twice, 0 lost, in {time.monotonic() - began:.0f} s"
        )


def test_one_that_is_held_twice_would_be_found(tmp_path: Path) -> None:
    holders = Holders(folder=tmp_path)
    holders.take("10.1.2.3", "a")
    with pytest.raises(HeldTwice):
        holders.take("10.1.2.3", "b")
    holders.give_back("10.1.2.3")
    holders.take("10.1.2.3", "b")


def test_all_are_given_in_the_end_where_there_are_just_as_many_as_containers(
    peers: Path, tmp_path: Path
) -> None:
    """What a crash or a race had lost would be missing here."""
    given = conf("host-local", ipam={"ranges": [[{"subnet": "10.1.3.0/27"}]], "dataDir": str(tmp_path)})
    kinds = dict(plugins(peers / "host-local"))

    def add(number: int) -> str:
        result = kinds["theirs" if number % 3 == 0 else "ours"].add(given, f"c{number}")
        return str(result.ips[0].address.ip)

    def everybody(do: Callable[[int], object]) -> list[object]:
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(do, range(29)))

    for _ in range(3):
        assert len(set(everybody(add))) == 29
        everybody(lambda number: kinds["ours" if number % 3 == 0 else "theirs"].delete(given, f"c{number}"))
        assert reserved(tmp_path) == []
