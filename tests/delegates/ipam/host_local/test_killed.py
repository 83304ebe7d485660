"""The process dies at every step in turn: a DEL afterwards frees everything of the interface."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from delegates.ipam.host_local import HostLocal
from multinet import files, steps
from tests.support.ipam import Ours, Reference, conf

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
"""The child only works on files and ends; it never meets the threads of its parent."""


def network(folder: Path) -> dict[str, Any]:
    return conf(
        "host-local",
        ipam={"ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd12:5::/64"}]], "dataDir": str(folder)},
    )


def dies_at(number: int, work: Callable[[], object]) -> bool:
    """Do it in a child that kills itself before its step of that number. False when it had fewer."""
    child = os.fork()
    if child == 0:
        left = iter(range(number, -1, -1))

        def count(_: str) -> None:
            if next(left) == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            steps.listen(count)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.fixture(params=["unnamed files", "named files"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system with unnamed files, and one without."""
    if request.param == "named files":
        opened = os.open

        def without(path: Any, flags: int, *args: Any, **keys: Any) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(errno.EOPNOTSUPP, "")
            return opened(path, flags, *args, **keys)

        monkeypatch.setattr(os, "open", without)


def reservations(folder: Path) -> set[str]:
    """All files but the two that stay: the lock and the marks of the round robin."""
    return {
        path.name
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock" and not path.name.startswith("last_reserved_ip.")
    }


def deaths(folder: Path, work: Callable[[Path], object]) -> Iterator[Path]:
    """A folder for each step at which ``work`` was killed."""
    for number in range(100):
        place = folder / str(number)
        if not dies_at(number, lambda place=place: work(place)):  # type: ignore[misc]
            assert number > 5
            return
        yield place


@pytest.mark.usefixtures("file_system")
def test_add_killed_at_every_step(state: Path) -> None:
    def work(place: Path) -> None:
        Ours(delegate=HostLocal()).add(network(place))

    for place in deaths(state, work):
        Ours(delegate=HostLocal()).delete(network(place))
        assert reservations(place) == set()


@pytest.mark.usefixtures("file_system")
def test_delete_killed_at_every_step(state: Path) -> None:
    def work(place: Path) -> None:
        ours = Ours(delegate=HostLocal())
        steps_heard, _ = steps._listener, steps.listen(None)
        ours.add(network(place), "c1")
        ours.add(network(place), "c2")
        steps.listen(steps_heard)
        ours.delete(network(place), "c1")
        ours.delete(network(place), "c2")

    for place in deaths(state, work):
        ours = Ours(delegate=HostLocal())
        ours.delete(network(place), "c1")
        ours.delete(network(place), "c2")
        assert reservations(place) == set()


@pytest.mark.usefixtures("file_system")
def test_gc_clears_up_after_the_dead_too(state: Path) -> None:
    def work(place: Path) -> None:
        Ours(delegate=HostLocal()).add(network(place))

    for place in deaths(state, work):
        Ours(delegate=HostLocal()).gc(network(place))
        assert reservations(place) == set()


@pytest.mark.peer
@pytest.mark.usefixtures("file_system")
def test_the_reference_can_clear_up_what_is_reserved_and_never_takes_it_for_more(
    state: Path, peers: Path
) -> None:
    reference = Reference(program=peers / "host-local")

    def work(place: Path) -> None:
        Ours(delegate=HostLocal()).add(network(place))

    for place in deaths(state, work):
        reference.delete(network(place))
        assert {name for name in reservations(place) if not name.endswith(".tmp")} == set()
        result = reference.add(network(place))
        assert len(result.ips) == 2


def test_nobody_finds_an_unfinished_file_while_it_is_written(state: Path) -> None:
    seen: list[str] = []
    steps.listen(lambda _: seen.extend(path.name for path in state.iterdir() if path.name != "lock"))
    try:
        files.create(state / "10.1.2.3", b"c1\r\neth0")
    finally:
        steps.listen(None)
    assert seen == []
