"""``python -m delegates.ipam.dhcp daemon``: the keeper of leases on its own, for when no agent runs.

Its options, socket and pid file are those of the reference's `dhcp daemon`, one dash or two; ``-statedir`` is ours.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from delegates.ipam.dhcp.client import Pace
from delegates.ipam.dhcp.doors import SOCKET
from delegates.ipam.dhcp.keeper import Keeper
from delegates.ipam.dhcp.server import Server
from multinet import log
from multinet.errors import InvalidConfig, IOFailure, MultinetError

STATE: Final = "/var/lib/cni/dhcp"
TIMEOUT: Final = "10s"
RESEND_MOST: Final = "62s"
TOTAL: Final = "208s"
FIRST_FD: Final = 3
"""Of those that systemd hands over (sd_listen_fds(3))."""
BACKLOG: Final = 128

_PART = re.compile(r"([0-9]*\.?[0-9]+)(h|ms|us|µs|ns|m|s)")
_UNITS: Final[Mapping[str, float]] = {
    "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    socket: str
    state: Path
    pidfile: str
    prefix: str
    broadcast: bool
    pace: Pace

    @classmethod
    def parse(cls, argv: Sequence[str]) -> Options:
        """Ends the process with status 2 for what can't be read, as argparse does."""
        parser = argparse.ArgumentParser(prog="python -m delegates.ipam.dhcp daemon", allow_abbrev=False)

        def option(name: str, **more: object) -> None:
            parser.add_argument(f"-{name}", f"--{name}", **more)  # type: ignore[arg-type]

        option("pidfile", default="", help="where to write the process id (an absolute path)")
        option(
            "hostprefix",
            default="",
            help="leads to the host's root: before the paths of socket and namespaces",
        )
        option("socketpath", default=SOCKET, help=f"where to listen (default {SOCKET})")
        option("statedir", default=STATE, help=f"folder of the leases, below hostprefix (default {STATE})")
        option(
            "broadcast",
            nargs="?",
            const=True,
            default=False,
            type=boolean,
            help="ask servers to answer to everybody",
        )
        option("timeout", default=TIMEOUT, type=seconds, help="for an answer to a request (default 10s)")
        option(
            "resendmax", default=RESEND_MOST, type=seconds, help="longest pause between tries (default 62s)"
        )
        option("resendtimeout", default=TOTAL, type=seconds, help="for all tries of an ADD (default 208s)")
        read = parser.parse_args(argv)
        return cls(
            socket=read.hostprefix + (read.socketpath or SOCKET),
            state=Path(read.hostprefix + read.statedir),
            pidfile=read.pidfile,
            prefix=read.hostprefix,
            broadcast=read.broadcast,
            pace=Pace(timeout=read.timeout, resend_most=read.resendmax, total=read.resendtimeout),
        )


def run(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Serve until SIGTERM or SIGINT. No lease is released then: the next daemon goes on with them."""
    options = Options.parse(argv)
    log.set_up()
    try:
        with ExitStack() as stack:
            _serve(options, environ, stack)
    except MultinetError as error:
        print(f"dhcp daemon: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(options: Options, environ: Mapping[str, str], stack: ExitStack) -> None:
    if options.pidfile:
        write_pid(options.pidfile)
        stack.callback(_remove, options.pidfile)
    listener = inherited(environ) or listen(options.socket)
    stack.callback(_remove, options.socket)
    keeper = Keeper(options.state, options.pace, prefix=options.prefix, broadcast=options.broadcast)
    stack.callback(keeper.stop)
    server = Server(listener, keeper)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    keeper.start()
    log.info("dhcp daemon started", socket=options.socket)
    server.serve()
    log.info("dhcp daemon stopped")


def inherited(environ: Mapping[str, str]) -> socket.socket | None:
    """The socket that systemd listens at for us. Raises InvalidConfig when there are several."""
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    count = environ.get("LISTEN_FDS", "")
    if count in ("", "0"):
        return None
    if count != "1":
        raise InvalidConfig(
            f"too many ({count}) files passed through socket activation", hint="one socket is served"
        )
    return socket.socket(fileno=FIRST_FD)


def listen(path: str) -> socket.socket:
    """For root only. A socket that nobody listens at any more is replaced. Raises IOFailure."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_dead(path)
        listener.bind(path)
        os.chmod(path, 0o600)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise IOFailure(
            f"could not listen on {path}: {error.strerror or error}",
            hint="a DHCP daemon may be running there already",
        ) from error
    return listener


def _remove_dead(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:
            return


def write_pid(path: str) -> None:
    """Raises InvalidConfig, IOFailure."""
    if not os.path.isabs(path):
        raise InvalidConfig(f"could not write the pid file {path}: the path is not absolute")
    try:
        Path(path).write_text(str(os.getpid()), encoding="ascii")
    except OSError as error:
        raise IOFailure(f"could not write the pid file {path}: {error.strerror}") from error


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)


def seconds(text: str) -> float:
    """``1m30s``, as Go writes durations."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration, such as 500ms or 1m30s")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def boolean(text: str) -> bool:
    if text.lower() in ("1", "t", "true"):
        return True
    if text.lower() in ("0", "f", "false"):
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
