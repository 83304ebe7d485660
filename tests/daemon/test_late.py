"""What is told late: nothing of it is lost, and nothing that happens to one pod's holds up the others'."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from multinet.daemon.late import Late
from multinet.deadline import Deadline
from multinet.errors import IOFailure
from multinet.kube.errors import ApiError, ApiUnavailable
from multinet.npwg.status import NetworkStatus
from multinet.plan import Pod
from tests.support.wait import until

MakeLate = Callable[[], Late]
PODS = tuple(Pod(namespace="default", name=f"pod-{number}", uid=f"uid-{number}") for number in range(3))
ENTRIES = (NetworkStatus(name="cluster", interface="eth0", default=True),)


class Server:
    """Takes statuses, or answers with what was put down for a pod."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.asked = 0
        self.errors: dict[str, Exception] = {}

    def __call__(self, pod: Pod, status: Sequence[NetworkStatus], deadline: Deadline) -> None:
        self.asked += 1
        if (error := self.errors.get(pod.name)) is not None:
            raise error
        assert tuple(status) == ENTRIES
        self.told.append(pod.name)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def make(tmp_path: Path, server: Server) -> Iterator[MakeLate]:
    made: list[Late] = []

    def late() -> Late:
        made.append(Late(tmp_path / "late", server, pause=0.01))
        return made[-1]

    yield late
    for one in made:
        if one._thread.is_alive():
            one.stop()
        assert not one._thread.is_alive()


def test_what_is_kept_is_told_when_the_server_is_back(make: MakeLate, server: Server, tmp_path: Path):
    server.errors = {pod.name: ApiUnavailable("away") for pod in PODS}
    late = make()
    late.start()
    for pod in PODS:
        late.keep(pod, ENTRIES)
    until(lambda: server.asked > 2)
    assert (len(late), server.told) == (3, [])
    server.errors.clear()
    until(lambda: not len(late))
    assert sorted(server.told) == [pod.name for pod in PODS]
    assert list((tmp_path / "late").iterdir()) == []


def test_one_that_the_server_refuses_for_good_holds_up_no_other(make: MakeLate, server: Server):
    late = make()
    for pod in PODS:
        late.keep(pod, ENTRIES)
    first = next(iter(pod for pod, _ in late._read()))
    server.errors = {first.name: ApiError("the annotations are too long", status=422)}
    late.start()
    until(lambda: len(late) == 1)
    assert sorted(server.told) == [pod.name for pod in PODS if pod != first]


def test_what_is_kept_while_others_are_told_takes_the_place_of_what_was(make: MakeLate, tmp_path: Path):
    another = make()
    for pod in PODS:
        another.keep(pod, ENTRIES)
    last = [pod for pod, _ in another._read()][-1]
    newer = (NetworkStatus(name="cluster", interface="eth1", default=True),)
    told: dict[str, Sequence[NetworkStatus]] = {}

    def tell(pod: Pod, status: Sequence[NetworkStatus], deadline: Deadline) -> None:
        if not told:
            another.keep(last, newer)
        told[pod.name] = tuple(status)

    late = Late(tmp_path / "late", tell, pause=0.01)
    late.start()
    try:
        until(lambda: not len(late))
    finally:
        late.stop()
    assert told == {pod.name: newer if pod == last else ENTRIES for pod in PODS}


@pytest.mark.parametrize(
    "error", [IOFailure("the disk is gone"), ZeroDivisionError("a defect")], ids=lambda error: str(error)
)
def test_nothing_ends_the_telling(make: MakeLate, server: Server, error: Exception):
    server.errors = {pod.name: error for pod in PODS}
    late = make()
    late.start()
    late.keep(PODS[0], ENTRIES)
    until(lambda: server.asked > 2)
    server.errors.clear()
    until(lambda: not len(late))
    assert server.told == ["pod-0"]


def test_what_lies_in_its_folder_and_is_none_of_its_files_stops_no_start(
    make: MakeLate, server: Server, tmp_path: Path
):
    (tmp_path / "late" / "folder.json").mkdir(parents=True)
    (tmp_path / "late" / "damaged.json").write_text('{"namespace": "x"}')
    late = make()
    late.start()
    late.keep(PODS[0], ENTRIES)
    until(lambda: not len(late))
    assert server.told == ["pod-0"]


def test_one_whose_file_was_taken_away_is_forgotten_and_not_looked_for_without_end(
    make: MakeLate, server: Server, tmp_path: Path
):
    late = make()
    late.keep(PODS[0], ENTRIES)
    for file in (tmp_path / "late").iterdir():
        file.unlink()
    late.start()
    until(lambda: not len(late))
    assert server.asked == 0
