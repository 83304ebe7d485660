"""What is kept of a folder between requests, and that no change of it goes unseen."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegates.ipam.host_local import HostLocal, index
from delegates.ipam.host_local.index import Index, Indexes, Stamp, number_of
from tests.support.ipam import Ours, conf


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every reading of a whole folder, as it happens."""
    read, seen = Index.read, []

    def noted(folder: str) -> Index:
        seen.append(folder)
        return read(folder)

    monkeypatch.setattr(Index, "read", noted)
    return seen


def network(folder: Path, **ipam: Any) -> dict[str, Any]:
    return conf("host-local", ipam={"subnet": "10.1.2.0/24", "dataDir": str(folder), **ipam})


def test_a_folder_that_only_we_change_is_read_once(state: Path, readings: list[str]) -> None:
    ours = Ours(delegate=HostLocal())
    for number in range(20):
        result = ours.add(network(state), f"c{number}")
        ours.check(network(state), f"c{number}", prev=result)
        if number % 2:
            ours.delete(network(state), f"c{number}")
    assert readings == [f"{state}/net"]


def forget(folder: Path) -> None:
    (folder / "10.1.2.2").unlink()


def take(folder: Path) -> None:
    (folder / "10.1.2.3").write_bytes(b"other\r\neth0")


def exchange(folder: Path) -> None:
    (folder / "10.1.2.2").unlink()
    (folder / "10.1.2.2").write_bytes(b"other\r\neth0")


@pytest.mark.parametrize("change", [forget, take, exchange])
@pytest.mark.parametrize("later_nanoseconds", [0, 1, 4_000_000])
def test_a_change_by_another_is_seen_also_within_a_tick_of_the_clock(
    change: Callable[[Path], None], later_nanoseconds: int, state: Path, readings: list[str]
) -> None:
    """A kernel whose clock of files ticks slowly gives both changes the same time."""
    ours = Ours(delegate=HostLocal())
    folder = state / "net"
    ours.add(network(state), "c0")
    ours.delete(network(state), "c0")
    tick = folder.stat().st_mtime_ns + index.BEFORE
    freeze(folder, tick, lambda: ours.add(network(state), "c1", args="IP=10.1.2.2"))
    change(folder)
    os.utime(folder, ns=(tick, tick + later_nanoseconds))
    readings.clear()
    ours.delete(network(state), "c9")
    assert readings == [f"{folder}"]


def freeze(folder: Path, tick: int, work: Callable[[], object]) -> None:
    """Do it while the clock of files stands still: the kernel's time of every change is ``tick``."""
    stat = os.stat

    def standing(path: Any, *args: Any, **keys: Any) -> os.stat_result:
        status = stat(path, *args, **keys)
        if str(path) == str(folder) and status.st_mtime_ns > tick:
            os.utime(folder, ns=(tick, tick))
            status = stat(path, *args, **keys)
        return status

    os.stat = standing  # type: ignore[assignment]
    try:
        work()
    finally:
        os.stat = stat


def test_two_processes_within_a_tick_never_give_a_folder_the_same_time(state: Path) -> None:
    folder = state / "net"
    one, two = Ours(delegate=HostLocal()), Ours(delegate=HostLocal())
    one.add(network(state), "c0")
    tick = folder.stat().st_mtime_ns + 2 * index.BEFORE
    times = []
    for number in range(1, 11):
        freeze(folder, tick, lambda number=number: (one, two)[number % 2].add(network(state), f"c{number}"))  # type: ignore[misc]
        times.append(folder.stat().st_mtime_ns)
    assert len(set(times)) == 10
    assert max(times) < tick


def test_what_was_read_while_the_clock_could_stand_still_is_not_kept(
    state: Path, readings: list[str]
) -> None:
    ours = Ours(delegate=HostLocal())
    folder = state / "net"
    folder.mkdir()
    ours.delete(network(state))
    ours.delete(network(state))
    assert len(readings) == 2
    os.utime(folder, ns=(0, folder.stat().st_mtime_ns - index.OLD))
    ours.delete(network(state))
    ours.delete(network(state))
    assert len(readings) == 3


def test_a_clock_that_was_set_back_costs_reading_and_nothing_else(state: Path, readings: list[str]) -> None:
    ours = Ours(delegate=HostLocal())
    folder = state / "net"
    ours.add(network(state), "c1")
    os.utime(folder, ns=(0, folder.stat().st_mtime_ns + 3600 * 10**9))
    for number in range(2, 5):
        ours.add(network(state), f"c{number}")
    assert {path.name for path in folder.glob("10.*")} == {f"10.1.2.{number}" for number in range(2, 6)}


def test_a_folder_that_was_made_anew_is_read_anew(state: Path) -> None:
    ours = Ours(delegate=HostLocal())
    ours.add(network(state))
    (state / "net").rename(state / "old")
    ours.add(network(state))
    assert (state / "net/10.1.2.2").exists()


def test_after_an_error_that_is_not_ours_nothing_is_kept(
    state: Path, readings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Ours(delegate=HostLocal())
    ours.add(network(state), "c1")

    def broken(*_: object) -> bool:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr("multinet.files.create", broken)
        with pytest.raises(RuntimeError):
            ours.add(network(state), "c2")
    ours.add(network(state), "c2")
    assert len(readings) == 2


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "FOLDERS", 3)
    monkeypatch.setattr(index, "ENTRIES", 10)
    indexes = Indexes()

    def kept() -> dict[str, Any]:
        return indexes._kept

    for number in range(5):
        indexes.keep(f"/{number}", Index(), Stamp(0, 0, 0))
    assert list(kept()) == ["/2", "/3", "/4"]
    big = Index()
    for number in range(8):
        big.put(f"10.1.2.{number}", b"")
    indexes.keep("/big", big, Stamp(0, 0, 0))
    indexes.keep("/5", big, Stamp(0, 0, 0))
    assert list(kept()) == ["/5"]


def test_files_that_can_not_be_read_are_taken_and_nobodys(state: Path) -> None:
    (state / "10.1.2.3").mkdir()
    (state / "10.1.2.4").symlink_to("/nowhere")
    os.mkfifo(state / "10.1.2.5")
    (state / "10.1.2.6").write_bytes(b"x" * 5000)
    (state / os.fsdecode(b"\xff")).touch()
    found = Index.read(str(state))
    assert sorted(found.with_content(b"")) == ["10.1.2.4", "10.1.2.5", "10.1.2.6", "\udcff"]
    first = number_of("10.1.2.3")
    assert first is not None
    assert [found.taken[4].first_free(first[1] + step) - first[1] for step in range(4)] == [0, 4, 4, 4]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("10.1.2.3", (4, 0x0A010203)),
        ("fd12:5::2", (6, 0xFD120005 << 96 | 2)),
        ("::", (6, 0)),
        ("fd12:5:0::2", None),
        ("FD12:5::2", None),
        ("10.1.2", None),
        ("010.1.2.3", None),
        ("10.1.2.3.tmp", None),
        ("fe80::1%eth0", None),
        ("\udcff:", None),
        ("", None),
    ],
)
def test_only_names_as_addresses_are_printed_are_reservations(
    name: str, meant: tuple[int, int] | None
) -> None:
    assert number_of(name) == meant


@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.sampled_from(["10.0.0.1", "10.0.0.2", "fd::1", "note"]),
            st.sampled_from([b"a", b"b", b""]),
        )
    )
)
def test_an_index_is_a_dictionary_both_ways(changes: list[tuple[bool, str, bytes]]) -> None:
    found, model = Index(), dict[str, bytes]()
    for adding, name, content in changes:
        if adding and name not in model:
            found.put(name, content)
            model[name] = content
        elif not adding and name in model:
            found.drop(name)
            del model[name]
    assert dict(found.files()) == model
    assert len(found) == len(model)
    for content in (b"a", b"b", b""):
        assert found.with_content(content) == sorted(name for name in model if model[name] == content)
    for name in ("10.0.0.1", "fd::1"):
        address = number_of(name)
        assert address is not None
        assert (found.taken[address[0]].first_free(address[1]) != address[1]) == (name in model)


def test_threads_share_the_indexes_of_different_folders(state: Path) -> None:
    ours = Ours(delegate=HostLocal())

    def work(name: str) -> None:
        for number in range(20):
            ours.add({**network(state), "name": name}, f"c{number}")

    threads = [threading.Thread(target=work, args=(f"net{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(list((state / f"net{number}").glob("10.*"))) == 20 for number in range(4))
