"""One request in a process of its own, which may be made to die just before a given step."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Mapping
from pathlib import Path

from multinet import steps
from multinet.__main__ import serve
from tests.support.netns import Netns


class Killed(Exception):
    """The process died at the step that was asked for."""


def request(
    host: Netns, env: Mapping[str, str], stdin: bytes, log: Path, *, die_at: int | None = None
) -> tuple[bytes, list[str]]:
    """Serve one request as the meta plugin, inside ``host``. Returns the answer and the steps taken.

    ``die_at`` n: the process kills itself with SIGKILL before its n-th step (from 0), and Killed is raised.
    """
    answer = log.with_suffix(".answer")
    for file in (log, answer):
        file.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        _be_the_plugin(host, env, stdin, log, answer, die_at)
    _, status = os.waitpid(child, 0)
    taken = log.read_text().splitlines() if log.exists() else []
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, f"died of signal {os.WTERMSIG(status)}"
        raise Killed(taken[-1] if taken else "before the first step")
    said = answer.read_bytes() if answer.exists() else b""
    assert os.WEXITSTATUS(status) == 0, f"{env['CNI_COMMAND']} failed after {taken}: {said.decode()}"
    return said, taken


def _be_the_plugin(
    host: Netns, env: Mapping[str, str], stdin: bytes, log: Path, answer: Path, die_at: int | None
) -> None:
    """Never returns: neither pytest's clean-up nor its output belongs to the child."""
    code = 70
    try:
        import ctypes

        with open(host.path) as namespace, open(log, "w", buffering=1) as said, open(os.devnull, "w") as null:
            os.dup2(null.fileno(), 2)
            assert ctypes.CDLL(None).setns(namespace.fileno(), 0x40000000) == 0
            taken = 0

            def listener(what: str) -> None:
                nonlocal taken
                said.write(f"{what}\n")
                if taken == die_at:
                    os.kill(os.getpid(), signal.SIGKILL)
                taken += 1

            steps.listen(listener)
            done = serve(env, stdin)
            answer.write_bytes(done.stdout)
            code = done.exit_code
    except BaseException:
        answer.write_text(traceback.format_exc())
    finally:
        os._exit(code)
