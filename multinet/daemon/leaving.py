"""A node that multinet is leaving: a file in ``stateDir`` says so to its agent.

From then on the agent keeps our file out of the container runtime's folder, so that new pods are the cluster
network's alone. All else goes on: pods that have further networks keep them, and are cleared up after when they
end. That is what makes an uninstall of a node in use possible; ``multinet install`` takes the file away again.
"""

from __future__ import annotations

import shutil
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

from multinet import files
from multinet.config import Settings
from multinet.config.agent import UNIX
from multinet.daemon import shim_conf
from multinet.state.attachments import Attachments

NAME: Final = "leaving"


def begin(state_dir: Path) -> None:
    """Raises IOFailure."""
    files.make_dirs(state_dir, mode=0o700)
    files.write_atomic(state_dir / NAME, b"")


def end(state_dir: Path) -> None:
    files.remove(state_dir / NAME)


def begun(state_dir: Path) -> bool:
    return (state_dir / NAME).exists()


def clear(settings: Settings) -> list[Path]:
    """Remove what an agent keeps outside of its own file system: the socket's folder, and its state unless there are
    records of pods, which a later install needs. Returns what was removed.
    """
    agent = settings.agent
    run = agent.socket.parent
    ours = [agent.socket, run / shim_conf.NAME]
    if agent.metrics.startswith(UNIX):
        ours.append(Path(agent.metrics.removeprefix(UNIX)))
    for path in ours:
        files.remove(path)
    done = []
    with suppress(OSError):  # not there, or there is something in it that is not ours
        run.rmdir()
        done.append(run)
    if not any(Attachments(settings.state_dir).all()) and settings.state_dir.is_dir():
        shutil.rmtree(settings.state_dir, ignore_errors=True)
        done.append(settings.state_dir)
    return done


def is_served(settings: Settings) -> bool:
    """Is there an agent? It clears up itself when it stops; without its socket it would not count as alive."""
    with socket.socket(socket.AF_UNIX) as asking, suppress(OSError):
        asking.connect(str(settings.agent.socket))
        return True
    return False
