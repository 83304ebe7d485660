"""A call comes to the agent as it was made, the answer back as it was given, and an absence is bridged."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from multinet.daemon.frame import MOST_CALL_BYTES, Kind, numbers_of, pack, texts_of
from tests.shim.agent import Agent
from tests.shim.program import End, Shim, error
from tests.shim.test_alone import LOOK
from tests.support.netns import Netns
from tests.support.wait import until

NET = Path("/proc/self/ns/net")


def same(fd: int, path: Path) -> bool:
    return os.path.samestat(os.fstat(fd), path.stat())


def test_environment_stdin_and_name_come_byte_for_byte(shim: Shim, agent: Agent):
    stdin = bytes(range(256)) * 4000
    env = {b"ODD": bytes(range(1, 256)), b"EMPTY": b"", b"TWO": b"a=b", b"CNI_ARGS": b"K=V\n"}
    running = shim.start("CHECK", stdin=stdin, env=env, name="/opt/cni/bin/bridge")
    talk = agent.accept()
    _, offset = numbers_of(talk.body, 1)
    told = {b"MULTINET_SOCKET": os.fsencode(shim.socket), b"CNI_COMMAND": b"CHECK"} | env
    variables = [b"=".join(variable) for variable in told.items()]
    assert texts_of(talk.body, offset) == [b"bridge", stdin, *variables]
    talk.answer(0, b"out", b"err")
    assert running.end() == End(status=0, out=b"out", err=b"err")


def test_a_call_as_long_as_a_call_may_be_is_sent(shim: Shim, agent: Agent):
    overhead = len(pack(Kind.CALL, 0, texts=[b"multinet", b"", b"CNI_COMMAND=ADD"])) - 8
    overhead += 4 + len(b"MULTINET_SOCKET=" + os.fsencode(shim.socket))
    running = shim.start("ADD", stdin=bytes(MOST_CALL_BYTES - overhead))
    talk = agent.accept()
    assert len(talk.body) == MOST_CALL_BYTES
    talk.answer()
    assert running.end() == End(status=0)


@pytest.mark.kernel
def test_both_namespaces_come_as_files(shim: Shim, agent: Agent, pod: Netns):
    path = Path("/run/netns", pod.name)
    running = shim.start("ADD", env={"CNI_NETNS": str(path)})
    talk = agent.accept()
    assert [same(fd, file) for fd, file in zip(talk.fds, (NET, path), strict=True)] == [True, True]
    assert (talk.call.netns_errno, talk.call.env["CNI_NETNS"]) == (0, str(path))
    talk.answer()
    assert running.end() == End(status=0)


@pytest.mark.parametrize(("netns", "errno"), [("", 0), ("/nonexistent/ns", 2), ("/etc/passwd/ns", 20)])
def test_a_namespace_that_cannot_be_opened_is_told(shim: Shim, agent: Agent, netns: str, errno: int):
    running = shim.start("DEL", env={"CNI_NETNS": netns})
    talk = agent.accept()
    assert (len(talk.fds), talk.call.netns_errno) == (1, errno)
    talk.answer()
    assert running.end() == End(status=0)


def test_a_fifo_in_place_of_a_namespace_stops_nobody(shim: Shim, agent: Agent):
    fifo = shim.folder / "fifo"
    os.mkfifo(fifo)
    running = shim.start("ADD", env={"CNI_NETNS": str(fifo)})
    talk = agent.accept()
    assert len(talk.fds) == 2
    talk.answer()
    assert running.end() == End(status=0)


@pytest.mark.parametrize("status", [0, 1, 99, 255])
def test_the_answer_is_printed_as_it_came(shim: Shim, agent: Agent, status: int):
    out, err = bytes(range(256)) * 5000, bytes(reversed(range(256))) * 100
    running = shim.start()
    agent.accept().answer(status, out, err)
    assert running.end() == End(status=status, out=out, err=err)


def test_an_answer_in_small_pieces_is_put_together(shim: Shim, agent: Agent):
    running = shim.start()
    talk = agent.accept()
    for byte in pack(Kind.ANSWER, 3, texts=[b"out", b"err"]):
        talk.say(bytes([byte]))
    assert running.end() == End(status=3, out=b"out", err=b"err")


@pytest.mark.parametrize("stream", [0, 1, 2])
def test_a_stream_that_is_closed_does_not_become_a_namespace(shim: Shim, agent: Agent, stream: int):
    running = shim.start(stdin=b"{}", prepare=lambda: os.close(stream))
    talk = agent.accept()
    assert same(talk.fds[0], NET)
    assert talk.call.stdin == (b"" if stream == 0 else b"{}")
    talk.answer(0, b"out", b"err")
    out, err = b"" if stream == 1 else b"out", b"" if stream == 2 else b"err"
    assert running.end() == End(status=0, out=out, err=err)


def test_a_success_that_nobody_hears_is_a_failure(shim: Shim, agent: Agent):
    ours, theirs = os.pipe()
    running = shim.start(prepare=lambda: os.dup2(theirs, 1) and None, pass_fds=[theirs])
    os.close(theirs)
    os.close(ours)
    agent.accept().answer(0, b"out")
    assert running.end() == End(status=1)


def test_an_agent_that_comes_late_is_asked(shim: Shim):
    running = shim.start(stdin=b"{}")
    until(running.sleeps)
    with Agent(shim.socket) as agent:
        talk = agent.accept()
        assert talk.call.stdin == b"{}"
        talk.answer(0, b"late")
        assert running.end() == End(status=0, out=b"late")


def test_when_the_agent_hangs_up_the_whole_call_is_said_again(shim: Shim, agent: Agent):
    running = shim.start(stdin=bytes(1 << 20))
    first = agent.accept()
    first.hang_up()
    agent.refuse()
    again = agent.accept()
    again.say(pack(Kind.ANSWER, 0, texts=[b"cut", b"off"])[:-1])
    again.hang_up()
    last = agent.accept()
    assert (first.body, len(first.fds)) == (last.body, len(last.fds)) == (again.body, 1)
    last.answer(0, b"at last")
    assert running.end() == End(status=0, out=b"at last")


def test_an_agent_that_restarts_finds_the_call_again(shim: Shim):
    with Agent(shim.socket) as agent:
        running = shim.start()
        agent.accept()
    with Agent(shim.socket) as agent:
        agent.accept().answer(0, b"done")
        assert running.end() == End(status=0, out=b"done")


def test_time_the_agent_works_is_no_absence(shim: Shim):
    shim.configure(wait_ms=100)
    with Agent(shim.socket) as agent:
        running = shim.start()
        talk = agent.accept()
        assert talk.run(shim.script("slow", "sleep 0.3").name).number == 0
    with Agent(shim.socket) as agent:
        agent.accept().answer(0, b"done")
        assert running.end() == End(status=0, out=b"done")


def test_an_agent_that_only_hangs_up_is_no_agent(shim: Shim, agent: Agent):
    shim.configure(wait_ms=0)
    running = shim.start("STATUS")
    agent.accept().hang_up()
    message = (
        f"the multinet agent at {shim.socket} hung up without an answer, and was asked again for 0 seconds"
    )
    assert running.end() == End(status=1, out=error(50, message, LOOK.format(shim.socket)))


def test_an_agent_that_says_nothing_is_left_at_the_deadline(shim: Shim, agent: Agent):
    shim.configure(answer_ms=100)
    running = shim.start("DEL")
    talk = agent.accept()
    message = f"the multinet agent at {shim.socket} did not answer within 100 milliseconds"
    assert running.end() == End(status=1, out=error(11, message, LOOK.format(shim.socket)))
    assert talk.has_hung_up()


def test_an_agent_that_does_not_listen_is_left_at_the_deadline(shim: Shim, agent: Agent):
    shim.configure(answer_ms=100)
    running = shim.start("ADD", stdin=bytes(1 << 20))
    message = f"the multinet agent at {shim.socket} did not answer within 100 milliseconds"
    assert running.end() == End(status=1, out=error(11, message, LOOK.format(shim.socket)))


def test_an_answer_to_a_call_that_was_not_read_is_heard(shim: Shim, agent: Agent):
    running = shim.start("ADD", stdin=bytes(3 << 20))
    connection, _ = agent.listener.accept()
    connection.sendall(pack(Kind.ANSWER, 1, texts=[b"too long", b""]))
    connection.close()
    assert running.end() == End(status=1, out=b"too long")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_with_an_error(shim: Shim, agent: Agent, number: signal.Signals):
    running = shim.start()
    talk = agent.accept()
    running.process.send_signal(number)
    message = f"ended by signal {int(number)} before the multinet agent answered"
    assert running.end() == End(status=128 + number, out=error(11, message))
    assert talk.has_hung_up()


def test_a_signal_ends_it_while_it_waits_for_the_agent(shim: Shim):
    running = shim.start()
    until(running.sleeps)
    running.process.terminate()
    assert running.end().status == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"HTTP/1.1 200 OK\r\n", 'a frame that does not begin with "mn"'),
        (b"mn\x02A\0\0\0\0", "a frame of version 2, this shim reads version 1"),
        (b"mn\x01A\xff\xff\xff\xff", "a frame of 4294967295 bytes, at most 8388608 are taken"),
        (b"mn\x01A\x00\x80\x00\x01", "a frame of 8388609 bytes, at most 8388608 are taken"),
        (pack(Kind.CALL, 0), "a frame of the unknown kind 67"),
        (b"mn\x01\0\0\0\0\0", "a frame of the unknown kind 0"),
        (pack(Kind.ANSWER), "a frame of kind A whose parts are wrong"),
        (pack(Kind.ANSWER, 0, texts=[b""]), "a frame of kind A whose parts are wrong"),
        (pack(Kind.ANSWER, 0, texts=[b"", b"", b""]), "a frame of kind A whose parts are wrong"),
        (pack(Kind.ANSWER, 256, texts=[b"", b""]), "a frame of kind A whose parts are wrong"),
        (pack(Kind.ANSWER, 0, 0xFFFFFFFF, 0), "a frame of kind A whose parts are wrong"),
        (pack(Kind.ANSWER, 0, 0, 1), "a frame of kind A whose parts are wrong"),
        (pack(Kind.RUN, 1), "a frame of kind R whose parts are wrong"),
        (pack(Kind.RUN, 1, 1, texts=[b"bridge"]), "a frame of kind R whose parts are wrong"),
        (pack(Kind.RUN, 1, 1, texts=[b"bridge", b"", b"A=\0"]), "a frame of kind R whose parts are wrong"),
        (pack(Kind.RUN, 1, 1, 6) + b"bridge", "a frame of kind R whose parts are wrong"),
        (pack(Kind.FIND), "a frame of kind F whose parts are wrong"),
        (pack(Kind.FIND, texts=[b"a", b"b"]), "a frame of kind F whose parts are wrong"),
        (pack(Kind.OPEN), "a frame of kind O whose parts are wrong"),
        (pack(Kind.OPEN, texts=[b"a", b"b"]), "a frame of kind O whose parts are wrong"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_names_it(shim: Shim, agent: Agent, data: bytes, what: str):
    running = shim.start("DEL")
    agent.accept().say(data)
    message = f"the multinet agent at {shim.socket} sent what can't be read: {what}"
    said = error(999, message, "install the shim and the agent of one release")
    assert running.end() == End(status=1, out=said)


def test_files_that_an_agent_sends_are_not_taken(shim: Shim, agent: Agent):
    running = shim.start()
    talk = agent.accept()
    socket.send_fds(talk.connection, [pack(Kind.ANSWER, 0, texts=[b"", b""])], [0] * 100)
    assert running.end() == End(status=0)


# --- OPEN ---


@pytest.mark.kernel
def test_a_namespace_is_opened_for_the_agent(shim: Shim, agent: Agent, pod: Netns):
    running = shim.start()
    talk = agent.accept()
    assert talk.open(f"/run/netns/{pod.name}") == 0
    assert same(talk.fds[1], Path("/run/netns", pod.name))
    talk.answer()
    assert running.end() == End(status=0)


@pytest.mark.parametrize(
    ("path", "errno"),
    [
        ("/nonexistent/ns", 2),
        ("", 2),
        ("/etc/passwd", 22),
        ("/dev/null", 22),
        ("/proc/self/ns", 22),
        ("/proc/self/ns/mnt", 22),
        ("/proc/self/ns/net\0", 22),
        ("/" * 5000, 36),
    ],
)
def test_only_network_namespaces_are_opened(shim: Shim, agent: Agent, path: str, errno: int):
    running = shim.start()
    talk = agent.accept()
    assert talk.open(path) == errno
    assert len(talk.fds) == 1
    talk.answer()
    assert running.end() == End(status=0)


# --- shim.conf ---


@pytest.mark.parametrize(
    "write",
    [
        lambda file: file.write_text(
            "wait_ms 20\n\n\xff\n# a word\nwait_ms\nwait_ms  7\nwait_ms 9x\nwait_ms -1\n"
        ),
        lambda file: file.write_text("future thing\nwait_ms 9999999999\nanswer_ms 0\nwait_ms 20"),
        lambda file: file.write_bytes(b"wait_ms 20\n" + bytes(1 << 17) + b"\nwait_ms 10000\n"),
        lambda file: file.write_bytes(b"wait_ms 20\nbin_dir\nbin_dir \nbin_dir relative\nbin_dir /a\0b\n"),
    ],
)
def test_what_is_not_understood_in_its_settings_is_passed_over(shim: Shim, write: Callable[[Path], object]):
    write(shim.folder / "shim.conf")
    assert b"could not be reached within 20 milliseconds" in shim.start().end().out


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo"])
def test_without_settings_it_has_its_own(shim: Shim, agent: Agent, kind: str):
    file = shim.folder / "shim.conf"
    file.unlink()
    if kind == "folder":
        file.mkdir()
    elif kind == "fifo":
        os.mkfifo(file)
    running = shim.start()
    talk = agent.accept()
    assert talk.find("surely-not-there") == ("", ["/opt/cni/bin"])
    talk.answer()
    assert running.end() == End(status=0)
