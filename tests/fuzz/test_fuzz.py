"""Each reader refuses in our words what it can't read, in time, and without growing: some hundred inputs each.

`make fuzz` goes on for longer, each time with other inputs.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from multinet import log
from multinet.delegate.registry import installed
from multinet.errors import InvalidConfig, MultinetError
from tests.fuzz import __main__ as command
from tests.fuzz import damage, engine, surfaces
from tests.fuzz.engine import made_from, run
from tests.fuzz.surface import Surface, pure
from tests.fuzz.surfaces import SURFACES

SEED = 20_261_121
"""The inputs of `make test` are the same each time."""

PROMISED = {
    "annotation",
    "NAD",
    "configuration",
    "frames on the socket",
    "netlink answer",
    "journal file",
    "Multus's caches",
    "request",
    "result",
    "API server's answer",
    "kubelet",
    "DHCP",
    "D-Bus",
    "iptables",
}
"""Whatever others write and multinet reads."""

NEVER_TAKEN = {"error of a program", "Status"}
"""They are errors: to be refused is what they are read for."""


@pytest.fixture(autouse=True)
def quiet() -> None:
    """What is damaged is told of in the log, a thousand times."""
    log.set_up("error")


@pytest.mark.parametrize("surface", SURFACES, ids=lambda one: one.name)
def test_a_short_run_finds_nothing(surface: Surface):
    figures = run(surface, SEED, runs=surface.short)
    assert figures.defects == {}, "\n".join(f"{one.trace}\n{one.input}" for one in figures.defects.values())
    assert figures.inputs == surface.short
    assert figures.refused < figures.inputs or surface.name in NEVER_TAKEN, "nothing was ever taken"


def test_every_kind_of_input_has_a_surface():
    assert {one.of for one in SURFACES} == PROMISED


def test_every_installed_plugin_has_a_surface():
    names = {one.name for one in SURFACES}
    assert {f"configuration of {type_}" for type_ in installed()} <= names


def test_every_module_is_in_the_table_and_every_surface_has_a_name_of_its_own():
    modules = [
        importlib.import_module(f"{surfaces.__name__}.{found.name}")
        for found in pkgutil.iter_modules([str(Path(surfaces.__file__ or "").parent)])
    ]
    assert [one for module in modules for one in module.SURFACES if one not in SURFACES] == []
    names = [one.name for one in SURFACES]
    assert sorted(set(names)) == sorted(names)


def test_an_input_is_made_again_by_its_number():
    for one in SURFACES:
        assert repr(made_from(one, 7, 3)) == repr(made_from(one, 7, 3))


# --- the fuzzer itself: what would be a defect is found ---


def surface(feed: Callable[[int], object], **more: Any) -> Surface:
    return Surface(
        name="numbers", of="nothing", make=lambda dice: dice.randrange(10), open=pure(feed), **more
    )


def crashes(number: int) -> None:
    if number == 7:
        raise ZeroDivisionError("seven")


def hangs(number: int) -> None:
    while number == 7:
        """For ever."""


def says_nothing(number: int) -> None:
    if number == 7:
        raise MultinetError("")


def fails_without_a_code(number: int) -> None:
    if number == 7:
        error = InvalidConfig("no")
        error.code = -1  # type: ignore[misc]
        raise error


@pytest.mark.parametrize(
    ("feed", "what"),
    [
        (crashes, "ZeroDivisionError at "),
        (hangs, "TooSlow at "),
        (says_nothing, "AssertionError at "),
        (fails_without_a_code, "AssertionError at "),
    ],
)
def test_what_is_no_refusal_in_our_words_is_a_defect(feed: Callable[[int], object], what: str):
    figures = run(surface(feed, seconds=0.2), 1, runs=20)
    [defect] = figures.defects.values()
    assert defect.what.startswith(what)
    assert made_from(surface(feed), 1, defect.number) == 7
    again = run(surface(feed, seconds=0.2), 1, only=defect.number)
    assert (again.inputs, len(again.defects)) == (1, 1)


def test_a_process_that_grows_is_a_defect(monkeypatch: pytest.MonkeyPatch):
    grown = iter((0, engine.MOST_GROWN_KIB + 1024))
    monkeypatch.setattr(engine, "_most_kib", lambda: next(grown))
    assert list(run(surface(lambda number: None), 1, runs=1).defects) == ["the process has grown by 257 MiB"]


def test_the_command_tells_what_it_found_and_how_to_make_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(command, "SURFACES", (surface(crashes),))
    assert command.main(["--runs", "100", "--seed", "1", "--surface", "numbers"]) == 1
    said = capsys.readouterr().out
    assert "ZeroDivisionError at" in said
    assert "again: python -m tests.fuzz --seed 1 --surface 'numbers' --only " in said
    assert said.splitlines()[-1].startswith(
        '{"seed": 1, "inputs": 100, "defects": 1, "surfaces": {"numbers": '
    )


DAMAGES: dict[str, tuple[Callable[[Random, Any], Any], Any]] = {
    "anything": (damage.anything, {"a": [1, {"b": "c"}], "d": None}),
    "text": (damage.text, "a text of some words"),
    "data": (damage.data, bytes(range(40))),
    "whole_file": (damage.whole_file, b'{"a": 1}'),
    "bit": (damage.bit, b"some bytes"),
    "attributes": (damage.attributes, b"\x08\0\x01\0abcd\x08\0\x02\0efgh"),
    "json_text": (damage.json_text, {"a": [1, {"b": "c"}], "d": None}),
    "json_bytes": (damage.json_bytes, {"a": [1, {"b": "c"}], "d": None}),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_of_many_kinds_and_leaves_the_seed_alone(name: str):
    harm, seed = DAMAGES[name]
    before = repr(seed)
    made = {repr(harm(Random(number), seed)) for number in range(100)}
    assert len(made) > 40
    assert repr(seed) == before
