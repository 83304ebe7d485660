"""What is said on failure."""

from __future__ import annotations

import json

import pytest

from multinet.cni import answer
from multinet.errors import (
    BadEnvironment,
    InvalidConfig,
    LimitedConnectivity,
    MultinetError,
    NotFound,
    PluginFailed,
    TryAgain,
    inside,
)


def test_an_error_is_an_object_of_four_spaces_without_a_final_newline():
    assert answer.failure(MultinetError("it failed")) == b'{\n    "code": 999,\n    "msg": "it failed"\n}'


def test_details_are_the_errors_own_the_hint_and_the_notes():
    error = BadEnvironment("invalid characters in containerID", details="a/b", hint="use letters")
    error.add_note("while undoing: could not remove veth1: busy")
    assert answer.failure(error) == (
        b'{\n    "code": 4,\n    "msg": "invalid characters in containerID",\n'
        b'    "details": "a/b\\nuse letters\\nwhile undoing: could not remove veth1: busy"\n}'
    )


def test_the_last_line_of_the_details_names_the_request():
    error = TryAgain("the API server does not answer", hint="the runtime will try again")
    error.add_note("while undoing: could not remove veth1: busy")
    assert answer.failure(error, "1f2e3d4c") == (
        b'{\n    "code": 11,\n    "msg": "the API server does not answer",\n'
        b'    "details": "the runtime will try again\\nwhile undoing: could not remove veth1: busy\\n'
        b'request 1f2e3d4c"\n}'
    )
    assert json.loads(answer.failure(MultinetError("it failed"), "1f2e3d4c"))["details"] == "request 1f2e3d4c"


def test_the_message_begins_with_the_place():
    with pytest.raises(InvalidConfig) as caught, inside("default/net-a[bridge]"), inside(".ipam"):
        raise InvalidConfig("no addresses left", hint="widen the range")
    assert json.loads(answer.failure(caught.value)) == {
        "code": 7,
        "msg": "default/net-a[bridge].ipam: no addresses left",
        "details": "widen the range",
    }


def test_what_an_error_quotes_is_cut_where_nobody_reads_on():
    error = InvalidConfig("x" * 300_000, hint="y" * 300_000, details="z" * 300_000)
    error.place.append("p" * 300_000)
    said = json.loads(answer.failure(error))
    assert said["msg"] == f"{'p' * 4095}…: {'x' * 4095}…"
    assert said["details"] == f"{'z' * 4095}…\n{'y' * 4095}…"
    assert len(str(error)) < 4 * 4096


def test_bytes_that_an_error_quotes_can_be_written_everywhere():
    error = InvalidConfig("no name: \udcff", hint="not \ud800", details="\udc80")
    assert str(error) == "no name: \ufffd (not \ufffd)"
    assert error.details == "\ufffd"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TryAgain("later"), 11),
        (LimitedConnectivity("down"), 51),
        (NotFound("no such link", errno=19), 999),
        (PluginFailed("no", plugin_code=107), 107),
        (PluginFailed("no", plugin_code=0), 999),
    ],
)
def test_each_error_has_its_code(error: MultinetError, code: int) -> None:
    assert json.loads(answer.failure(error))["code"] == code


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyError("subnet"), "internal error: KeyError: 'subnet'"),
        (AssertionError(), "internal error: AssertionError"),
        (KeyboardInterrupt(), "internal error: KeyboardInterrupt"),
    ],
)
def test_what_is_not_ours_is_told_as_a_defect(error: BaseException, message: str) -> None:
    assert json.loads(answer.failure(error)) == {
        "code": 999,
        "msg": message,
        "details": "this is a defect: please report it, with the log",
    }


def test_an_error_prints_whatever_is_in_it():
    assert json.loads(answer.failure(MultinetError('<"\udcff\0')))["msg"] == '<"\ufffd\0'


def test_who_runs_it_by_hand_is_told_what_it_is():
    assert answer.about("bridge", "1.2.3") == (
        "CNI bridge plugin 1.2.3\n"
        "CNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"
    )
    assert answer.about("firewall", "1", ("0.4.0", "1.0.0")).endswith("supported: 0.4.0, 1.0.0")
