"""Programs of the host, run on the agent's request: only plain names, only in the folders, within bounds."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from multinet.daemon.frame import MOST_STDERR_BYTES, Done, How, Kind, pack
from tests.shim.agent import Agent, Talk
from tests.shim.program import End, Running, Shim
from tests.support.wait import until

CLASSIC_SIGNALS = (1 << 31) - 1
"""glibc keeps 32 and 33 to itself."""


@pytest.fixture
def running(shim: Shim) -> Running:
    return shim.start(env={"CNI_PATH": f"{shim.folder}/more::{shim.bin}:"})


@pytest.fixture
def talk(agent: Agent, running: Running) -> Iterator[Talk]:
    """The call is answered when the test is over, and the shim must end well."""
    talk = agent.accept()
    yield talk
    talk.answer(7)
    assert running.end() == End(status=7)


def done(how: How, number: int, path: Path | str, *, stdout: bytes = b"", stderr: bytes = b"") -> Done:
    return Done(how=how, number=number, stdout=stdout, stderr=stderr, path=str(path))


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_status_and_both_outputs_come_back(shim: Shim, talk: Talk):
    file = shim.script("plugin", "echo out; echo err >&2; exit 3")
    assert talk.run("plugin") == done(How.EXITED, 3, file, stdout=b"out\n", stderr=b"err\n")


def test_the_environment_is_what_was_sent_and_nothing_else(shim: Shim, talk: Talk):
    (shim.bin / "plugin").symlink_to("/usr/bin/env")
    env = [b"CNI_COMMAND=DEL", b"ODD=" + bytes(range(1, 256)), b"no equals sign", b"", b"TWICE=1", b"TWICE=2"]
    printed = b"".join(variable + b"\n" for variable in env)
    assert talk.run("plugin", env=env) == done(How.EXITED, 0, shim.bin / "plugin", stdout=printed)
    assert talk.run("plugin") == done(How.EXITED, 0, shim.bin / "plugin")


def test_it_has_a_session_default_signals_and_no_files_of_ours(shim: Shim, agent: Agent):
    left_open = os.open("/dev/null", os.O_RDONLY)
    try:
        running = shim.start(pass_fds=[left_open])
        talk = agent.accept()
    finally:
        os.close(left_open)
    shim.script(
        "plugin",
        "set -- $(cat /proc/$$/stat); echo $1 $5 $6\n"
        "grep -E '^Sig(Blk|Ign)' /proc/$$/status | cut -f2\n"
        "ls /proc/$$/fd | tr '\\n' ' '",
    )
    words = talk.run("plugin").stdout.split()
    pid, group, session, blocked, ignored, *fds = words
    assert pid == group == session
    assert (int(blocked, 16), int(ignored, 16) & CLASSIC_SIGNALS) == (0, 0)
    assert set(fds) <= {b"0", b"1", b"2", b"10"}  # the shell reads its script through 10
    talk.answer()
    assert running.end() == End(status=0)


def test_stdin_of_any_length_is_fed_while_output_is_taken(shim: Shim, talk: Talk):
    file = shim.script("plugin", "exec cat")
    stdin = bytes(range(256)) * 8192
    assert talk.run("plugin", stdin=stdin, most=len(stdin)) == done(How.EXITED, 0, file, stdout=stdin)


def test_stdin_that_is_not_read_does_not_matter(shim: Shim, talk: Talk):
    file = shim.script("plugin", "exec <&-; echo done")
    assert talk.run("plugin", stdin=bytes(1 << 20)) == done(How.EXITED, 0, file, stdout=b"done\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGPIPE])
def test_a_signal_that_ends_it_is_told(shim: Shim, talk: Talk, number: signal.Signals):
    file = shim.script("plugin", f"kill -{int(number)} $$")
    assert talk.run("plugin") == done(How.SIGNALLED, number, file)


def test_what_one_that_was_killed_had_started_goes_with_it(shim: Shim, talk: Talk):
    """An IPAM plugin whose caller was killed would reserve an address behind the DEL that follows."""
    pids = shim.folder / "pids"
    file = shim.script("plugin", f"sleep 60 >/dev/null 2>&1 & echo $! >{pids}; kill -9 $$")
    assert talk.run("plugin") == done(How.SIGNALLED, signal.SIGKILL, file)
    until(lambda: gone(int(pids.read_text())), seconds=5)


@pytest.mark.parametrize(("most", "how"), [(1000, How.EXITED), (999, How.TOO_MUCH)])
def test_output_is_bounded_to_the_byte(shim: Shim, talk: Talk, most: int, how: How):
    file = shim.script("plugin", "printf '%01000d' 0; exit 0")
    found = talk.run("plugin", most=most)
    assert (found.how, found.number, found.stdout, found.path) == (how, 0, b"0" * most, str(file))


def test_whoever_prints_without_end_is_killed_with_its_group(shim: Shim, talk: Talk):
    pids = shim.folder / "pids"
    file = shim.script("plugin", f"sleep 60 & echo $! $$ >{pids}; exec cat /dev/zero")
    found = talk.run("plugin", most=0xFFFFFFFF)
    assert (found.how, found.number, len(found.stdout), found.path) == (How.TOO_MUCH, 0, 4 << 20, str(file))
    until(lambda: all(gone(int(pid)) for pid in pids.read_text().split()))


def test_the_end_of_stderr_is_kept(shim: Shim, talk: Talk):
    file = shim.script("plugin", "head -c 1000000 /dev/zero | tr '\\0' x >&2; printf end >&2")
    kept = b"x" * (MOST_STDERR_BYTES - 3) + b"end"
    assert talk.run("plugin") == done(How.EXITED, 0, file, stderr=kept)


def test_at_its_deadline_it_is_killed_with_its_group(shim: Shim, talk: Talk):
    pids = shim.folder / "pids"
    file = shim.script(
        "plugin", f"sleep 60 & echo $! $$ >{pids}.new; mv {pids}.new {pids}; echo so far; wait"
    )
    found = talk.run("plugin", milliseconds=1000)
    assert found == done(How.TOO_LATE, 0, file, stdout=b"so far\n")
    until(lambda: all(gone(int(pid)) for pid in pids.read_text().split()))


def test_no_program_outlives_the_whole_calls_deadline(shim: Shim, agent: Agent):
    shim.configure(answer_ms=1000)
    running = shim.start()
    pids = shim.folder / "pids"
    shim.script("plugin", f"echo $$ >{pids}; exec sleep 60")
    agent.accept().say(pack(Kind.RUN, 60_000, 1000, texts=[b"plugin", b""]))
    ended = running.end()
    assert ended.status == 1
    assert b"did not answer within 1 second" in ended.out
    until(lambda: gone(int(pids.read_text())))


def test_what_it_leaves_behind_holds_nobody_up(shim: Shim, talk: Talk):
    pids = shim.folder / "pids"
    file = shim.script("plugin", f"sleep 60 & echo $! >{pids}; echo done")
    begun = time.monotonic()
    found = talk.run("plugin")
    took = time.monotonic() - begun
    daemon = int(pids.read_text())
    try:
        assert not gone(daemon)
    finally:
        with suppress(ProcessLookupError):
            os.kill(daemon, signal.SIGKILL)
    assert found == done(How.EXITED, 0, file, stdout=b"done\n")
    assert 0.9 < took < 10


def test_what_it_started_may_go_on_printing_for_a_moment(shim: Shim, talk: Talk):
    file = shim.script("plugin", "(sleep 0.2; echo late) & echo early")
    assert talk.run("plugin") == done(How.EXITED, 0, file, stdout=b"early\nlate\n")


def test_one_that_is_being_replaced_is_tried_again(shim: Shim, talk: Talk, running: Running):
    file = shim.bin / "plugin"
    file.write_bytes(Path("/bin/true").read_bytes())
    file.chmod(0o755)
    with file.open("ab"):
        talk.say(pack(Kind.RUN, 20_000, 1000, texts=[b"plugin", b""]))
        until(lambda: running.has_pipes() and running.sleeps())
    kind, body = talk.receive()
    assert (kind, Done.decode(body)) == (Kind.DONE, done(How.EXITED, 0, file))


def test_one_that_stays_busy_is_given_up_at_the_deadline(shim: Shim, talk: Talk):
    file = shim.bin / "plugin"
    file.write_bytes(Path("/bin/true").read_bytes())
    file.chmod(0o755)
    with file.open("ab"):
        assert talk.run("plugin", milliseconds=500) == done(How.NOT_STARTED, errno.ETXTBSY, file)


def test_what_cannot_be_executed_says_why(shim: Shim, talk: Talk):
    plain = shim.script("plain", "", mode=0o644)
    (shim.bin / "text").write_text("neither script nor program")
    (shim.bin / "text").chmod(0o755)
    (shim.bin / "orphan").write_text("#!/nonexistent/interpreter\n")
    (shim.bin / "orphan").chmod(0o755)
    assert talk.run("plain") == done(How.NOT_STARTED, errno.EACCES, plain)
    assert talk.run("text") == done(How.NOT_STARTED, errno.ENOEXEC, shim.bin / "text")
    assert talk.run("orphan") == done(How.NOT_STARTED, errno.ENOENT, shim.bin / "orphan")


def test_an_environment_that_the_kernel_refuses_says_why(shim: Shim, talk: Talk):
    file = shim.script("plugin", "")
    assert talk.run("plugin", env=[b"A=" + b"x" * (1 << 18)]) == done(How.NOT_STARTED, errno.E2BIG, file)


BAD_NAMES = ["", ".", "..", "/bin/true", "../bin/plugin", "sub/plugin", "plugin/", "plugin\0", "/"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_is_not_plain_leaves_no_folder(shim: Shim, talk: Talk, name: str):
    shim.script("plugin", "echo ran")
    (shim.bin / "sub").mkdir()
    (shim.bin / "sub" / "plugin").symlink_to(shim.bin / "plugin")
    assert talk.run(name) == done(How.NOT_STARTED, errno.EINVAL, "")
    assert talk.find(name)[0] == ""


@pytest.mark.parametrize("name", ["folder", "fifo", "broken", "missing", "x" * 255, "x" * 256, "x" * 5000])
def test_only_regular_files_are_found(shim: Shim, talk: Talk, name: str):
    (shim.bin / "folder").mkdir()
    os.mkfifo(shim.bin / "fifo")
    (shim.bin / "broken").symlink_to("nowhere")
    assert talk.run(name) == done(How.NOT_STARTED, errno.ENOENT, "")
    assert talk.find(name) == ("", [str(shim.bin), f"{shim.folder}/more"])


def test_a_link_to_a_program_is_one(shim: Shim, talk: Talk):
    shim.script("plugin", "echo ran")
    (shim.bin / "link").symlink_to("plugin")
    assert talk.find("link")[0] == str(shim.bin / "link")
    assert talk.run("link") == done(How.EXITED, 0, shim.bin / "link", stdout=b"ran\n")


def test_the_folders_of_the_settings_come_before_those_of_cni_path(shim: Shim, talk: Talk):
    more = shim.folder / "more"
    more.mkdir()
    for name in ("both", "one"):
        (more / name).write_text("#!/bin/sh\necho more\n")
        (more / name).chmod(0o755)
    both = shim.script("both", "echo bin")
    assert talk.find("both") == (str(both), [str(shim.bin), str(more)])
    assert talk.run("both") == done(How.EXITED, 0, both, stdout=b"bin\n")
    assert talk.run("one") == done(How.EXITED, 0, more / "one", stdout=b"more\n")


def test_the_cni_path_that_is_sent_to_a_program_opens_no_folder(shim: Shim, talk: Talk):
    assert talk.run("true", env=[b"CNI_PATH=/bin:/usr/bin"]) == done(How.NOT_STARTED, errno.ENOENT, "")


def test_it_never_finds_itself(shim: Shim, talk: Talk):
    more = shim.folder / "more"
    more.mkdir()
    (shim.bin / "bridge").symlink_to(shim.program)
    (more / "bridge").write_text("#!/bin/sh\necho the node's\n")
    (more / "bridge").chmod(0o755)
    assert talk.find("bridge")[0] == str(more / "bridge")
    (more / "bridge").unlink()
    assert talk.find("bridge")[0] == ""


def test_a_program_that_runs_when_the_agent_dies_ends_before_the_call_is_said_again(shim: Shim, agent: Agent):
    running = shim.start()
    go, ran = shim.folder / "go", shim.folder / "ran"
    os.mkfifo(go)
    shim.script("plugin", f"echo begin >>{ran}; cat {go}; echo end >>{ran}")
    first = agent.accept()
    first.say(pack(Kind.RUN, 20_000, 1000, texts=[b"plugin", b""]))
    until(ran.exists)
    first.hang_up()
    go.write_text("")
    second = agent.accept()
    assert ran.read_text() == "begin\nend\n"
    assert second.body == first.body
    second.answer(0, b"done")
    assert running.end() == End(status=0, out=b"done")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_shim_kills_the_group_of_what_it_runs(shim: Shim, agent: Agent, number: int):
    running = shim.start()
    pids = shim.folder / "pids"
    shim.script("plugin", f"sleep 60 & echo $! $$ >{pids}.new; mv {pids}.new {pids}; wait")
    agent.accept().say(pack(Kind.RUN, 20_000, 1000, texts=[b"plugin", b""]))
    until(pids.exists)
    running.process.send_signal(number)
    assert running.end().status == 128 + number
    until(lambda: all(gone(int(pid)) for pid in pids.read_text().split()))


def test_a_shim_that_is_killed_takes_its_program_with_it(shim: Shim, agent: Agent):
    """As a runtime does that has waited for too long; its DEL must not meet a program that still adds."""
    running = shim.start()
    pid = shim.folder / "pid"
    os.mkfifo(shim.folder / "never")
    shim.script("plugin", f"echo $$ >{pid}.new; mv {pid}.new {pid}; read -r _ <>{shim.folder}/never")
    agent.accept().say(pack(Kind.RUN, 20_000, 1000, texts=[b"plugin", b""]))
    until(pid.exists)
    running.process.kill()
    assert running.end().status == -signal.SIGKILL
    until(lambda: gone(int(pid.read_text())))


def test_an_ignored_end_of_children_does_not_matter(shim: Shim, agent: Agent):
    running = shim.start(prepare=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN) and None)
    file = shim.script("plugin", "echo out")
    talk = agent.accept()
    assert talk.run("plugin") == done(How.EXITED, 0, file, stdout=b"out\n")
    talk.answer()
    assert running.end() == End(status=0)


def test_many_programs_one_after_the_other(shim: Shim, talk: Talk):
    file = shim.script("plugin", "read -r word; echo $word")
    for number in range(50):
        word = f"{number}\n".encode()
        assert talk.run("plugin", stdin=word) == done(How.EXITED, 0, file, stdout=word)
