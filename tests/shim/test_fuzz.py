"""No input makes the shim go wrong with memory, hang, or take what it should refuse."""

from __future__ import annotations

import re

import pytest

from multinet.daemon import frame
from multinet.shim import build
from tests.shim.agent import Agent
from tests.shim.fuzzing import SEEDS, fuzz
from tests.shim.program import End, Shim


def test_twenty_thousand_inputs_do_no_harm():
    done = fuzz(20_000, seed=1)
    assert done.returncode == 0, done.stdout
    assert "Done 20000 runs" in done.stdout


@pytest.mark.parametrize("seed", [name for name, seed in SEEDS.items() if seed[:1] == b"t"])
def test_what_begins_well_and_is_cut_off_anywhere_is_never_a_success(shim: Shim, agent: Agent, seed: str):
    shim.configure(wait_ms=0)
    words = SEEDS[seed][1:]
    for end in range(0, len(words), 3):
        running = shim.start("DEL")
        talk = agent.accept()
        talk.say(words[:end])
        talk.hang_up()
        ended = running.end()
        assert (ended.status, ended.err) == (1, b"")
        assert b"hung up without an answer" in ended.out


def test_an_announced_length_is_not_believed_before_it_comes(shim: Shim, agent: Agent):
    running = shim.start("ADD")
    talk = agent.accept()
    talk.say(b"mn\x01R\x00\x80\x00\x00")
    talk.hang_up()
    agent.accept().answer(0, b"done")
    assert running.end() == End(status=0, out=b"done")


def test_the_numbers_of_both_ends_of_the_wire_are_the_same():
    text = (build.HERE / "shim.h").read_text()
    numbers = {
        name: int(value) << int(shift or 0)
        for name, value, shift in re.findall(r"#define (\w+) \(?(\d+)U?(?: << (\d+)\))?", text)
    }
    assert numbers["WIRE_VERSION"] == frame.VERSION
    assert numbers["WIRE_HEADER_BYTES"] == frame.HEADER.size
    assert numbers["MOST_CALL_BYTES"] == frame.MOST_CALL_BYTES
    assert numbers["MOST_ASKED_BYTES"] == frame.MOST_ASKED_BYTES
    assert numbers["MOST_STDERR_BYTES"] == frame.MOST_STDERR_BYTES
    most = numbers["MOST_STDOUT_BYTES"] + numbers["MOST_STDERR_BYTES"] + numbers["PATH_BYTES"]
    assert most < frame.MOST_DONE_BYTES
    kinds = dict(re.findall(r"KIND_(\w+) = '(\w)'", text))
    assert kinds == {kind.name: chr(kind) for kind in frame.Kind}
