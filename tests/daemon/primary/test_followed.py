"""The cluster's own network is followed; what can't be read or is away for a while changes nothing."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from multinet.daemon.primary import GONE_SECONDS
from tests.daemon.primary.conftest import Logged, Open
from tests.daemon.primary.runtime import Clock, Folder, conflist
from tests.support.wait import until


def test_a_change_is_noticed_by_itself(folder: Folder, make: Open) -> None:
    folder.write("10-a.conflist", conflist("a"))
    primary = make(seconds=0.02)

    folder.write("10-a.conflist", conflist("changed"))
    until(lambda: primary.current().name == "changed", what="the new content")
    (folder.path / "10-a.conflist").write_text(conflist("again.."))  # as long as before, in place
    until(lambda: primary.current().name == "again..", what="a change in place")


def test_a_half_written_file_keeps_the_last_good_one(folder: Folder, make: Open, told: list[str]) -> None:
    path = folder.write("10-a.conflist", conflist("a"))
    primary = make()
    whole = conflist("changed")

    path.write_text(whole[:30])
    primary.poll()
    primary.poll()
    assert primary.current().name == "a"
    assert primary.missing == ""
    assert told == [primary.problem]
    assert primary.problem.startswith(f"{path}: error parsing configuration list: ")
    assert primary.problem.endswith(f"; {path} is used as it was")

    path.write_text(whole)
    primary.poll()
    assert (primary.current().name, primary.problem) == ("changed", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "error parsing configuration list: unexpected end of JSON input: there is nothing in it"),
        (
            '{"cniVersion": "1.x", "name": "a", "type": "ptp"}',
            'failed to convert minor version part "x": expected a whole number',
        ),
        ('{"cniVersion": "1.0.0"}', "error parsing configuration list: no name"),
        ('{"name": "a", "plugins": []}', "error parsing configuration list: no plugins in list"),
        (
            '{"name": "a", "plugins": [{"type": ""}]}',
            "error parsing configuration list: failed to parse plugin config 0: "
            "error parsing configuration: missing 'type'",
        ),
    ],
    ids=["empty", "no version", "no name", "no plugins", "no type"],
)
def test_a_broken_first_file_is_no_reason_to_take_the_second(
    folder: Folder, make: Open, text: str, said: str
) -> None:
    folder.write("10-a.conflist", text)
    folder.write("20-b.conflist", conflist("b"))
    primary = make()
    primary.serve()

    assert primary.missing.startswith(f"{folder.path}/10-a.conflist: {said}")
    assert folder.names() == ["10-a.conflist", "20-b.conflist"]


def test_an_earlier_name_is_taken_once_it_can_be_read(folder: Folder, make: Open) -> None:
    folder.write("10-a.conflist", conflist("a"))
    primary = make()

    folder.write("05-early.conflist", "{")
    primary.poll()
    assert primary.current().name == "a"
    folder.write("05-early.conflist", conflist("early"))
    primary.poll()
    assert primary.current().name == "early"


def test_a_removed_file_is_used_as_it_was(folder: Folder, make: Open) -> None:
    path = folder.write("10-a.conflist", conflist("a"))
    primary = make()

    folder.remove("10-a.conflist")
    primary.poll()
    assert primary.current().name == "a"
    assert primary.problem == (
        f"no configuration of the cluster's own network is in {folder.path}; {path} is used as it was"
    )

    folder.write("10-a.conflist", conflist("anew"))
    primary.poll()
    assert (primary.current().name, primary.problem) == ("anew", "")


def test_a_later_name_takes_the_place_of_one_that_stays_away(
    folder: Folder, make: Open, clock: Clock
) -> None:
    path = folder.write("10-a.conflist", conflist("a"))
    folder.write("87-podman.conflist", conflist("podman"))
    primary = make()

    folder.remove("10-a.conflist")
    primary.poll()
    clock.now += GONE_SECONDS - 1
    primary.poll()
    assert primary.current().name == "a"
    assert (
        primary.problem == f"{path} has gone; it is used as it was, until 87-podman.conflist takes its place"
    )

    clock.now += 1
    primary.poll()
    assert (primary.current().name, primary.problem) == ("podman", "")


def test_one_that_comes_back_in_time_starts_the_wait_anew(folder: Folder, make: Open, clock: Clock) -> None:
    folder.write("10-a.conflist", conflist("a"))
    folder.write("87-podman.conflist", conflist("podman"))
    primary = make()

    for _ in range(3):
        folder.remove("10-a.conflist")
        primary.poll()
        clock.now += GONE_SECONDS - 1
        primary.poll()
        folder.write("10-a.conflist", conflist("a"))
        primary.poll()
    assert primary.current().name == "a"


def test_a_file_that_becomes_a_meta_plugins_is_left_at_once(folder: Folder, make: Open) -> None:
    folder.write("10-a.conflist", conflist("a"))
    folder.write("20-b.conflist", conflist("b"))
    primary = make()

    folder.write("10-a.conflist", conflist("a", "multus"))
    primary.poll()
    assert primary.current().name == "b"


def test_a_restarted_agent_knows_the_last_good_one(folder: Folder, make: Open, tmp_path: Path) -> None:
    folder.write("10-a.conflist", conflist("a", capabilities={"bandwidth": True}))
    folder.write("a/20-tuning.conf", '{"type": "tuning"}')
    before = make()
    before.stop()
    folder.remove("10-a.conflist")
    again = make()

    assert again.current() == before.current()
    assert again.path == folder.path / "10-a.conflist"
    assert stat.S_IMODE((tmp_path / "state/primary.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "change",
    [
        lambda said: {**said, "bootId": "another boot"},
        lambda said: {**said, "file": "/etc/elsewhere/10-a.conflist"},
        lambda said: {**said, "conflist": {}},
        lambda said: [],
        lambda said: {},
    ],
    ids=["before a reboot", "in another folder", "no network", "no object", "nothing"],
)
def test_a_copy_that_does_not_fit_is_not_used(
    folder: Folder, make: Open, tmp_path: Path, change: Callable[[Any], Any]
) -> None:
    folder.write("10-a.conflist", conflist("a"))
    make().stop()
    saved = tmp_path / "state/primary.json"
    saved.write_text(json.dumps(change(json.loads(saved.read_text()))))
    folder.remove("10-a.conflist")

    assert make().missing == f"no configuration of the cluster's own network is in {folder.path}"


def test_a_copy_of_another_than_the_pinned_one_is_not_used(folder: Folder, make: Open) -> None:
    folder.write("10-a.conflist", conflist("a"))
    make().stop()

    assert make(agent={"primary": "20-b.conflist"}).path is None


def test_a_copy_that_cannot_be_saved_is_told_and_hinders_nothing(
    folder: Folder, make: Open, tmp_path: Path, logged: Logged
) -> None:
    (tmp_path / "state").write_text("a file")
    folder.write("10-a.conflist", conflist("a"))

    assert make().current().name == "a"
    assert logged()[0] == {
        "event": "primary network could not be saved",
        "error": f"could not make the folder {tmp_path}/state: File exists (what has that name is no folder)",
        "level": "warning",
    }
