"""What the shim says without an agent: VERSION, who it is, and errors that say where to look."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multinet import __version__
from multinet.cni import answer
from multinet.cni.versions import SUPPORTED, version_answer
from tests.shim import building
from tests.shim.program import End, Shim, error

LOOK = "look at the multinet agent on this node: is it running, does it listen on {}?"

every_verb = pytest.mark.parametrize(
    ("verb", "code"), [("ADD", 11), ("DEL", 11), ("CHECK", 11), ("GC", 11), ("STATUS", 50), ("NONSENSE", 11)]
)


@pytest.mark.parametrize("name", ["multinet", "bridge", "/opt/cni/bin/macvlan"])
def test_version_is_answered_as_the_agent_would(shim: Shim, name: str):
    assert shim.start("VERSION", name=name).end() == End(status=0, out=version_answer(SUPPORTED))


@pytest.mark.parametrize("command", [None, ""])
def test_without_a_command_it_says_what_it_is(shim: Shim, command: str | None):
    said = answer.about("bridge", __version__) + "\n"
    assert shim.start(command, name="/opt/cni/bin/bridge").end() == End(status=0, err=said.encode())


def test_an_empty_name_is_multinet(shim: Shim):
    said = answer.about("multinet", __version__) + "\n"
    assert shim.start(None, name="").end() == End(status=0, err=said.encode())


@every_verb
def test_where_no_agent_is_every_verb_fails(shim: Shim, verb: str, code: int):
    shim.configure(wait_ms=30)
    said = error(
        code,
        f"the multinet agent at {shim.socket} could not be reached within 30 milliseconds: "
        "No such file or directory",
        LOOK.format(shim.socket),
    )
    assert shim.start(verb).end() == End(status=1, out=said)


def test_a_socket_that_nobody_listens_on_is_no_agent(shim: Shim):
    shim.configure(wait_ms=0)
    with socket.socket(socket.AF_UNIX) as abandoned:
        abandoned.bind(str(shim.socket))
    said = error(
        11,
        f"the multinet agent at {shim.socket} could not be reached within 0 seconds: Connection refused",
        LOOK.format(shim.socket),
    )
    assert shim.start("DEL").end() == End(status=1, out=said)


def test_an_agent_whose_queue_is_full_is_not_waited_for_in_the_kernel(shim: Shim):
    shim.configure(wait_ms=30)
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(str(shim.socket))
        busy.listen(0)
        first.connect(str(shim.socket))
        ended = shim.start("ADD").end()
    said = error(
        11,
        f"the multinet agent at {shim.socket} could not be reached within 30 milliseconds: "
        "Resource temporarily unavailable",
        LOOK.format(shim.socket),
    )
    assert ended == End(status=1, out=said)


def test_all_of_it_ends_by_the_answers_deadline(shim: Shim):
    shim.configure(answer_ms=50)
    said = error(
        11,
        f"the multinet agent at {shim.socket} did not answer within 50 milliseconds",
        LOOK.format(shim.socket),
    )
    assert shim.start("ADD").end() == End(status=1, out=said)


def test_a_socket_path_that_no_socket_can_have_is_refused(shim: Shim):
    ended = shim.start("ADD", env={"MULTINET_SOCKET": "/run/" + "x" * 103}).end()
    said = "MULTINET_SOCKET is a path of 108 bytes, a socket's has at most 107"
    assert ended == End(status=1, out=error(4, said))


def test_stdin_that_never_ends_is_not_waited_for(shim: Shim):
    shim.configure(answer_ms=50)
    ours, theirs = os.pipe()
    try:
        ended = shim.start("ADD", prepare=lambda: os.dup2(ours, 0) and None, pass_fds=[ours]).end()
    finally:
        os.close(ours)
        os.close(theirs)
    assert ended == End(status=1, out=error(5, "stdin did not end within 50 milliseconds"))


def test_stdin_that_cannot_be_read_is_an_error(shim: Shim):
    folder = os.open(shim.folder, os.O_RDONLY)
    try:
        ended = shim.start("ADD", prepare=lambda: os.dup2(folder, 0) and None, pass_fds=[folder]).end()
    finally:
        os.close(folder)
    assert ended == End(status=1, out=error(5, "could not read stdin: Is a directory"))


def test_more_than_a_call_may_send_is_refused(shim: Shim):
    ended = shim.start("ADD", stdin=bytes(4 << 20)).end()
    said = "stdin and the environment have more than the 4194304 bytes that one call may send"
    assert ended == End(status=1, out=error(7, said))


@given(odd=st.binary(max_size=40).filter(lambda name: not set(name) & set(b"\0/")))
def test_any_bytes_in_its_words_are_escaped_as_multinet_does_it(odd: bytes):
    with tempfile.TemporaryDirectory() as folder:
        path = os.fsencode(folder) + b"/a" + odd
        Path(folder, "shim.conf").write_text("wait_ms 0\n")
        done = subprocess.run(
            [building.sanitized()],
            env={b"CNI_COMMAND": b"ADD", b"MULTINET_SOCKET": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
    shown = os.fsdecode(path)
    said = f"the multinet agent at {shown} could not be reached within 0 seconds: No such file or directory"
    assert (done.stdout, done.stderr) == (error(11, said, LOOK.format(shown)), b"")
