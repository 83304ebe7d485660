"""Programs that behave, and programs that do not."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from multinet.cni import answer
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Result
from multinet.delegate import executable, process
from multinet.delegate.contract import Call
from multinet.delegate.executable import Executable, Invocation
from multinet.delegate.undo import Undo
from multinet.errors import DecodingFailure, MultinetError, PluginFailed, TryAgain
from multinet.kernel.namespace import Namespace
from tests.support.wait import until

Program = Callable[..., Executable]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """``program("echo '{}'")``: a plugin named mine that does that; its own folder is its working material."""

    def make(script: str, environ: Mapping[str, str] | None = None) -> Executable:
        file = tmp_path / "mine"
        file.write_text(f"#!/bin/sh\ncd {tmp_path}\n{script}\n")
        file.chmod(0o755)
        return Executable(
            "mine",
            file,
            path=["/a", "/b"],
            environ={"PATH": os.environ["PATH"], **(environ or {})},
            runner=executable.Here(),
        )

    return make


def call(version: str = "1.1.0", args: str = "", **more: Any) -> Call[Invocation]:
    conf = NetConf.of({"cniVersion": version, "name": "net", "type": "mine", "x": [1, "<&>"]})
    return Call(
        conf=Invocation(conf=conf, args=Args.parse(args)),
        network="net",
        version=version,
        container_id="c1",
        ifname="eth0",
        netns="/run/netns/pod",
        host=cast(Namespace, None),
        sandbox=None,
        **more,
    )


def add(one: Executable, given: Call[Invocation] | None = None) -> Result:
    with Undo() as undo:
        result = one.add(given or call(), undo)
        undo.keep()
    return result


def failed(one: Executable) -> MultinetError:
    with pytest.raises(MultinetError) as caught:
        one.check(call())
    return caught.value


@contextmanager
def patched(monkeypatch: pytest.MonkeyPatch, **constants: float) -> Iterator[None]:
    with monkeypatch.context() as patch:
        for name, value in constants.items():
            patch.setattr(executable, name, value)
        yield


ANSWER = """echo '{"cniVersion": "1.1.0", "ips": [{"address": "10.1.2.3/24"}]}'"""


def test_it_is_told_what_a_runtime_would_tell_it(program: Program, tmp_path: Path):
    inherited = {"CNI_CONTAINERID": "ours", "CNI_NETNS_OVERRIDE": "1", "PROXY": "p", "CNI_IFNAME": "ours"}
    one = program(f"cat > stdin; env > told; {ANSWER}", inherited)
    result = add(one, call(args="A=1;B=2", prev_result=Result()))
    assert [str(ip.address) for ip in result.ips] == ["10.1.2.3/24"]
    told = dict(line.split("=", 1) for line in (tmp_path / "told").read_text().splitlines())
    assert {key: value for key, value in told.items() if key.startswith("CNI_")} == {
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": "c1",
        "CNI_NETNS": "/run/netns/pod",
        "CNI_IFNAME": "eth0",
        "CNI_ARGS": "A=1;B=2",
        "CNI_PATH": "/a:/b",
        "CNI_NETNS_OVERRIDE": "1",
    }
    assert told["PROXY"] == "p"
    conf = NetConf.parse((tmp_path / "stdin").read_bytes())
    assert (conf.raw["x"], conf.prev_result) == ([1, "<&>"], Result())


def test_gc_and_status_name_no_container_and_older_versions_are_not_asked(program: Program, tmp_path: Path):
    one = program("cat > $CNI_COMMAND; env | grep -c CNI_CONTAINERID > container; true")
    one.gc(call("1.0.0"))
    one.status(call("1.0.0"))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mine"]
    one.status(Call(**{**{k: getattr(call(), k) for k in Call.__slots__}, "container_id": ""}))
    assert (tmp_path / "container").read_text() == "0\n"
    one.gc(call(valid=frozenset({("c2", "net1")})))
    conf = NetConf.parse((tmp_path / "GC").read_bytes())
    assert conf.valid_attachments == frozenset({("c2", "net1")})


def test_its_error_is_passed_on_with_its_code(program: Program):
    error = failed(
        program("""echo '{"code": 123, "msg": "no luck", "details": "look"}'; echo more >&2; exit 1""")
    )
    assert (error.cni_code, error.message, error.details) == (123, "no luck", "look\nmore")


@pytest.mark.parametrize(
    ("script", "said", "details"),
    [
        ("exit 3", "mine failed without an error message (exit status 3)", ""),
        ("echo oops >&2; exit 2", "mine failed without an error message (exit status 2)", "oops"),
        ("kill -9 $$", "mine failed without an error message (exit status -9)", ""),
        ("""echo '{"msg": ""}'; exit 1""", "mine failed (exit status 1)", ""),
        ("""echo '{"msg": " "}'; exit 1""", "mine failed (exit status 1)", ""),
        (
            "echo '[1]'; exit 1",
            "mine failed (exit status 1), and what it printed is no CNI error",
            "not an object\n'[1]\\n'",
        ),
        (
            """echo '{"code": "x"}'; exit 1""",
            "mine failed (exit status 1), and what it printed is no CNI error",
            "'code' is not a number or 'msg' not a text\n'{\"code\": \"x\"}\\n'",
        ),
    ],
)  # fmt: skip
def test_a_failure_without_an_error_object_is_told_as_what_it_is(
    program: Program, script: str, said: str, details: str
):
    error = failed(program(script))
    assert (error.cni_code, error.message, error.details) == (999, said, details)
    assert error.hint == "what it printed stands in the agent's log; look at mine's own log, too"


@pytest.mark.parametrize("code", ["true", "-1", "1.5", str(2**64), "1" + 400 * "0"])
def test_a_code_that_no_caller_could_read_is_999(program: Program, code: str):
    """``true`` is a number to Python, and could not even be printed."""
    error = failed(program(f"""echo '{{"code": {code}, "msg": "no luck"}}'; exit 1"""))
    assert error.cni_code == 999
    assert error.message == "mine failed (exit status 1), and what it printed is no CNI error"
    assert json.loads(answer.failure(error))["code"] == 999


def test_garbage_for_an_error_is_shown_but_not_all_of_it_and_not_in_the_message(program: Program):
    error = failed(program("head -c 5000 /dev/zero | tr '\\0' x; exit 1"))
    assert error.message == "mine failed (exit status 1), and what it printed is no CNI error"
    assert error.details.endswith(repr(500 * "x"))
    assert error.details.count("x") < 600


@pytest.mark.parametrize("said", ["", "garbage", "[]", '{"ips": 7}', '{"cniVersion": "7.7.7"}'])
def test_an_answer_that_is_no_result_is_refused_and_del_is_run(program: Program, tmp_path: Path, said: str):
    one = program(f"echo $CNI_COMMAND >> verbs; echo '{said}'")
    with pytest.raises(MultinetError) as caught:
        add(one)
    assert isinstance(caught.value, DecodingFailure) or caught.value.cni_code in (1, 6, 7)
    assert caught.value.where.startswith("result of mine")
    assert (tmp_path / "verbs").read_text().split() == ["ADD", "DEL"]


def test_output_beyond_measure_is_refused(program: Program, monkeypatch: pytest.MonkeyPatch):
    with patched(monkeypatch, OUTPUT_BYTES=1000):
        error = failed(program("head -c 1001 /dev/zero"))
    assert error.message == "mine printed more than 1000 bytes, which no result needs"


def test_one_that_does_not_end_is_stopped_with_all_it_started(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    one = program("sleep 1000 & echo $! > child; sleep 1000")
    with patched(monkeypatch, TIMEOUT_SECONDS=0.3):
        error = failed(one)
    assert isinstance(error, TryAgain)
    assert (error.cni_code, error.message) == (11, "mine CHECK did not end within 0 seconds and was stopped")
    child = (tmp_path / "child").read_text().strip()
    until(lambda: not _alive(child), what="its child to end")


def test_what_one_that_was_killed_had_started_goes_with_it(program: Program, tmp_path: Path):
    """An IPAM plugin whose caller was killed would reserve an address behind the DEL that follows."""
    error = failed(program("sleep 1000 >/dev/null 2>&1 & echo $! > child; kill -9 $$"))
    assert error.message == "mine failed without an error message (exit status -9)"
    child = (tmp_path / "child").read_text().strip()
    until(lambda: not _alive(child), what="its child to end")


def test_one_that_leaves_a_daemon_behind_has_ended_all_the_same(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The daemon holds its outputs open, and is in a session of its own where no signal for the group goes."""
    one = program(f"setsid sh -c 'echo $$ > child; exec sleep 1000' & {ANSWER}")
    monkeypatch.setattr(process, "LINGER_SECONDS", 0.1)
    assert add(one).ips
    child = until(lambda: (tmp_path / "child").read_text().strip(), what="the daemon to start")
    assert _alive(child)
    os.kill(int(child), signal.SIGKILL)
    until(lambda: not _alive(child), what="the daemon to end")


def test_one_that_hangs_with_a_daemon_behind_it_is_given_up_in_time(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    one = program("setsid sh -c 'echo $$ > child; exec sleep 1000' & sleep 1000")
    with patched(monkeypatch, TIMEOUT_SECONDS=0.5):
        assert isinstance(failed(one), TryAgain)
    child = (tmp_path / "child").read_text().strip()
    os.kill(int(child), signal.SIGKILL)
    until(lambda: not _alive(child), what="the daemon to end")


def test_what_it_started_may_print_for_a_moment_after_its_end(program: Program):
    one = program(f"(sleep 0.1; {ANSWER}) &")
    assert add(one).ips


def test_output_without_end_is_cut_off_while_it_comes(program: Program, monkeypatch: pytest.MonkeyPatch):
    with patched(monkeypatch, OUTPUT_BYTES=100_000):
        error = failed(program("exec cat /dev/zero >&2"))
    assert error.message == "mine printed more than 100000 bytes, which no result needs"


def _alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_one_that_is_being_written_is_tried_again(program: Program, monkeypatch: pytest.MonkeyPatch):
    one = program("true")
    tries = []
    with patched(monkeypatch, BUSY_SECONDS=0.0), open(one.file, "r+"):
        monkeypatch.setattr(executable.time, "sleep", lambda _: tries.append(1))
        error = failed(one)
    assert error.message == f"could not start {one.file}: Text file busy"
    assert len(tries) == executable.BUSY_TRIES - 1

    with patched(monkeypatch, BUSY_SECONDS=0.0), open(one.file, "r+") as busy:
        monkeypatch.setattr(executable.time, "sleep", lambda _: busy.close())
        one.check(call())


@pytest.mark.parametrize(
    ("mode", "said"), [(0o644, "Permission denied"), (None, "No such file or directory")]
)
def test_one_that_can_not_be_started_is_told(program: Program, mode: int | None, said: str):
    one = program("true")
    if mode is None:
        one.file.unlink()
    else:
        one.file.chmod(mode)
    error = failed(one)
    assert isinstance(error, PluginFailed)
    assert (error.cni_code, error.message) == (999, f"could not start {one.file}: {said}")


def test_one_that_does_not_read_its_input_is_fine(program: Program):
    one = program(f"exec <&-; {ANSWER}")
    big = call()
    conf = NetConf.of({**big.conf.conf.raw, "padding": "x" * 300_000})
    given = Call(
        **{**{k: getattr(big, k) for k in Call.__slots__}, "conf": Invocation(conf=conf, args=big.conf.args)}
    )
    assert add(one, given).ips
