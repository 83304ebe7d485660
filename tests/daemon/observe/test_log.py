"""One wide line a verb: what it says, and that threads don't mix theirs up."""

from __future__ import annotations

import re
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from multinet import log, timing
from multinet.errors import InvalidConfig, PluginFailed, inside
from tests.daemon.observe.conftest import Logged
from tests.support import tree

KNOWN = {"container": "c1", "ifname": "eth0", "pod": "default/cart", "caller": 4711}


def masked(line: dict[str, Any]) -> dict[str, Any]:
    """The line with "T" for each time, all of which must be times."""
    assert 0 <= line["seconds"] < 60
    line = line | {"seconds": "T"}
    if "phases" in line:
        assert all(0 <= milliseconds < 60_000 for milliseconds in line["phases"].values())
        line["phases"] = dict.fromkeys(line["phases"], "T")
    return line


def test_a_verb_that_went_well_says_all_that_became_known(logged: Logged):
    with log.verb("ADD", request="1f2e3d4c", **KNOWN):
        with log.phase("plan"):
            log.bind(networks=["cluster", "default/net-a"])
        with log.entering("lock", threading.Lock()), log.phase("delegates"):
            pass

    (line,) = logged()
    assert masked(line) == {
        "event": "verb done",
        "level": "info",
        "verb": "ADD",
        "request": "1f2e3d4c",
        **KNOWN,
        "networks": ["cluster", "default/net-a"],
        "phases": {"plan": "T", "lock": "T", "delegates": "T"},
        "seconds": "T",
    }


def test_a_verb_that_failed_says_why_and_how_far_it_came(logged: Logged):
    error = PluginFailed("no such pool", plugin_code=107, hint="name another", details="pool: blue")
    error.add_note("while undoing: could not remove veth1: busy")

    def fail() -> None:
        with log.phase("plan"):
            pass
        with log.phase("delegates"), inside("default/net-a[whereabouts]"):
            raise error

    with pytest.raises(PluginFailed), log.verb("ADD", request="1f2e3d4c", **KNOWN):
        fail()

    (line,) = logged()
    assert masked(line) == {
        "event": "verb failed",
        "level": "error",
        "verb": "ADD",
        "request": "1f2e3d4c",
        **KNOWN,
        "code": 107,
        "error": "default/net-a[whereabouts]: no such pool (name another)",
        "details": "pool: blue",
        "left": ["while undoing: could not remove veth1: busy"],
        "phases": {"plan": "T", "delegates": "T"},
        "seconds": "T",
    }


def test_a_failure_that_a_plugin_gave_no_code_is_not_logged_as_success(logged: Logged):
    with pytest.raises(PluginFailed), log.verb("DEL"):
        raise PluginFailed("it failed without an error message", plugin_code=0)

    assert [line["code"] for line in logged()] == [999]


def test_a_defect_says_where_it_is(logged: Logged):
    with pytest.raises(KeyError), log.verb("GC"):
        {}["subnet"]

    (line,) = logged()
    assert (line["code"], line["error"]) == (999, "'subnet'")
    assert line["trace"].startswith("Traceback (most recent call last):\n")
    assert line["trace"].endswith("KeyError: 'subnet'\n")
    assert "test_a_defect_says_where_it_is" in line["trace"]


def test_a_verb_without_request_and_phases_says_neither(logged: Logged):
    with log.verb("STATUS"):
        pass

    (line,) = logged()
    assert masked(line) == {"event": "verb done", "level": "info", "verb": "STATUS", "seconds": "T"}


def test_phases_of_one_name_add_up(logged: Logged, monkeypatch: pytest.MonkeyPatch):
    times = iter([0.0, 1.0, 1.25, 3.0, 3.5, 9.0])
    for module in (log, timing):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(times)))
    with log.verb("GC"):
        for _ in range(2):
            with log.phase("delegates"):
                pass

    assert [(line["phases"], line["seconds"]) for line in logged()] == [({"delegates": 750.0}, 9.0)]


def test_what_a_verb_bound_is_forgotten_when_it_ends(logged: Logged):
    with log.verb("ADD", request="1f2e3d4c", container="c1"):
        log.bind(networks=["cluster"])
    log.warn("watch cut", cache="pods")
    with log.phase("plan"):  # outside of a verb: nobody's
        pass
    with pytest.raises(InvalidConfig), log.verb("DEL", request="00000002"):
        raise InvalidConfig("no")
    log.warn("watch cut", cache="nads")

    assert [masked(line) if "seconds" in line else line for line in logged()][1:] == [
        {"event": "watch cut", "level": "warning", "cache": "pods"},
        {
            "event": "verb failed",
            "level": "error",
            "verb": "DEL",
            "request": "00000002",
            "code": 7,
            "error": "no",
            "seconds": "T",
        },
        {"event": "watch cut", "level": "warning", "cache": "nads"},
    ]


def test_a_warning_inside_a_verb_names_its_request(logged: Logged):
    with log.verb("DEL", request="1f2e3d4c"):
        log.warn("record damaged", error="cut short")

    assert logged()[0] == {
        "event": "record damaged",
        "level": "warning",
        "verb": "DEL",
        "request": "1f2e3d4c",
        "error": "cut short",
    }


def test_workers_at_the_same_time_do_not_mix_their_lines_up(logged: Logged):
    meeting = threading.Barrier(8, timeout=10)

    def work(number: int) -> None:
        for turn in range(5):  # one worker serves many, one after the other
            name = f"{number}-{turn}"
            with log.verb("ADD", request=name):
                meeting.wait()
                with log.phase(f"phase {name}"):
                    log.bind(networks=[name])
                    if turn % 2:
                        log.bind(**{f"only {name}": True})
                    meeting.wait()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    lines = {line["request"]: masked(line) for line in logged()}
    assert lines == {
        name: {
            "event": "verb done",
            "level": "info",
            "verb": "ADD",
            "request": name,
            "networks": [name],
            "phases": {f"phase {name}": "T"},
            "seconds": "T",
            **({f"only {name}": True} if turn % 2 else {}),
        }
        for number in range(8)
        for turn in range(5)
        for name in [f"{number}-{turn}"]
    }


def test_the_table_in_the_readme_names_every_key_that_is_bound_anywhere():
    section = (tree.ROOT / "multinet" / "daemon" / "README.md").read_text().split("\n## The log\n")[1]
    told = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| ([^|]*) \|", section, re.MULTILINE))))
    bound = {
        key
        for file in (tree.ROOT / "multinet").rglob("*.py")
        for key in re.findall(r"\blog\.bind\((\w+)=", file.read_text())
    }
    assert {"networks", "again"} <= bound
    assert bound - told == set()


def test_a_long_text_is_cut_in_its_middle(logged: Logged):
    log.warn("plugin failed", error="a" * 5000 + "b" * 5000, short="c" * log.MOST_CHARACTERS)

    assert logged() == [
        {
            "event": "plugin failed",
            "level": "warning",
            "error": "a" * 4000 + " [2000 characters left out] " + "b" * 4000,
            "short": "c" * log.MOST_CHARACTERS,
        }
    ]


def test_a_context_that_can_not_be_entered_has_taken_its_time_all_the_same(logged: Logged):
    class Closed:
        def __enter__(self) -> None:
            raise InvalidConfig("closed")

        def __exit__(self, *_: object) -> None:
            raise AssertionError("it was never entered")

    with pytest.raises(InvalidConfig), log.verb("ADD"), log.entering("lock", Closed()):
        pass

    assert [list(line["phases"]) for line in logged()] == [["lock"]]
