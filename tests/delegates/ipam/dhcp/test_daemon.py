"""``python -m delegates.ipam.dhcp daemon``: its options, its socket, its end."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from delegates.ipam.dhcp.client import Pace
from delegates.ipam.dhcp.daemon import Options, inherited, listen, write_pid
from multinet.errors import InvalidConfig, IOFailure, MultinetError
from tests.support import dhcp
from tests.support.netns import Netns
from tests.support.tree import ROOT
from tests.support.wait import until

DEFAULTS = Options(
    socket="/run/cni/dhcp.sock",
    state=Path("/var/lib/cni/dhcp"),
    pidfile="",
    prefix="",
    broadcast=False,
    pace=Pace(timeout=10, resend_most=62, total=208),
)


def test_its_defaults_are_the_references():
    assert Options.parse([]) == DEFAULTS
    assert Options.parse(["-socketpath", ""]) == DEFAULTS


def test_options_have_one_dash_or_two_and_durations_are_gos():
    read = Options.parse(
        [
            *("-hostprefix=/host", "--socketpath", "/run/other.sock", "-statedir", "/srv/leases"),
            *("-pidfile", "/run/dhcp.pid", "-broadcast", "-timeout=1m30s", "--resendmax", "1.5s"),
            *("-resendtimeout", "250ms"),
        ]
    )
    assert read == Options(
        socket="/host/run/other.sock",
        state=Path("/host/srv/leases"),
        pidfile="/run/dhcp.pid",
        prefix="/host",
        broadcast=True,
        pace=Pace(timeout=90, resend_most=1.5, total=0.25),
    )
    assert Options.parse(["-broadcast=false"]) == DEFAULTS


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["-timeout", "10"], "'10' is no duration, such as 500ms or 1m30s"),
        (["-broadcast=perhaps"], "'perhaps' is neither true nor false"),
        (["-leases", "x"], "unrecognized arguments: -leases x"),
    ],
)
def test_what_can_not_be_read_is_told(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        Options.parse(argv)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_a_pid_file_has_an_absolute_path(tmp_path: Path):
    with pytest.raises(
        InvalidConfig, match=r"^could not write the pid file dhcp.pid: the path is not absolute$"
    ):
        write_pid("dhcp.pid")
    write_pid(str(tmp_path / "pid"))
    assert (tmp_path / "pid").read_text() == str(os.getpid())


def test_a_socket_that_nobody_listens_at_is_replaced_and_no_other(tmp_path: Path):
    path = str(tmp_path / "run" / "dhcp.sock")
    listen(path).close()
    with listen(path):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(tmp_path / "run").st_mode) == 0o700
        with pytest.raises(IOFailure) as refused:
            listen(path)
    assert refused.value.message == f"could not listen on {path}: Address already in use"


def test_it_is_handed_one_socket_or_none():
    me = str(os.getpid())
    assert inherited({}) is None
    assert inherited({"LISTEN_PID": "1", "LISTEN_FDS": "1"}) is None
    assert inherited({"LISTEN_PID": me, "LISTEN_FDS": "0"}) is None
    with pytest.raises(InvalidConfig, match=r"^too many \(2\) files passed through socket activation"):
        inherited({"LISTEN_PID": me, "LISTEN_FDS": "2"})


@pytest.mark.kernel
def test_it_ends_when_it_is_told_to_and_takes_its_files_along(host: Netns, tmp_path: Path):
    pidfile = tmp_path / "dhcp.pid"
    folder = tmp_path / "run"
    with dhcp.running_daemon(host, folder, "-pidfile", str(pidfile)) as process:
        assert pidfile.read_text() == str(process.pid)
        again = subprocess.run(
            host.command(
                *(sys.executable, "-m", "delegates.ipam.dhcp", "daemon"), "-socketpath", folder / "dhcp.sock"
            ),
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert (again.returncode, again.stderr) == (
            1,
            f"dhcp daemon: could not listen on {folder / 'dhcp.sock'}: Address already in use "
            "(a DHCP daemon may be running there already)\n",
        )
        assert (folder / "dhcp.sock").exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert not pidfile.exists()
    assert not (folder / "dhcp.sock").exists()


@pytest.mark.kernel
def test_it_takes_the_socket_that_systemd_listens_at(host: Netns, tmp_path: Path):
    path = tmp_path / "dhcp.sock"
    with listen(str(path)) as listener:
        script = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&0'
        process = subprocess.Popen(
            host.command(
                *("sh", "-c", script, "sh", sys.executable, "-m", "delegates.ipam.dhcp", "daemon"),
                *("-statedir", str(tmp_path / "leases"), "-socketpath", str(tmp_path / "not this one")),
            ),
            stdin=listener.fileno(),
            cwd=ROOT,
        )
    try:
        from delegates.ipam.dhcp.doors import There

        until(lambda: There(str(path)).ping() is None, what="the daemon to answer")
    finally:
        process.terminate()
        assert process.wait(10) == 0


def test_called_otherwise_it_says_how(capsys: pytest.CaptureFixture[str]):
    from delegates.ipam.dhcp.__main__ import main

    assert main(["dhcp"]) == 2
    assert capsys.readouterr().err == "usage: python -m delegates.ipam.dhcp daemon [-h] [options]\n"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ('{"lease": {}}', "answered what is no lease: KeyError('times')"),
        (
            '{"lease": [1]}',
            "answered what is no lease: TypeError('list indices must be integers or slices, not str')",
        ),
        ("{}", "answered what is no lease: KeyError('lease')"),
        ("[" * 100_000, "hung up"),
        ('{"error": "no"}', "it failed with 'no'"),
        ('{"error": {"kind": [], "message": 5}}', "it failed"),
        ('{"error": {"kind": "TryAgain", "message": " "}}', "it failed"),
    ],
)
def test_an_answer_in_another_form_is_told(said: str, words: str):
    from delegates.ipam.dhcp.doors import There

    daemon = There("/run/cni/dhcp.sock")
    with pytest.raises(MultinetError) as raised:
        daemon._lease(daemon._read(said.encode()))
    assert raised.value.message.removeprefix("the DHCP daemon at /run/cni/dhcp.sock ") == words
