"""What a scenario needs of the cluster it runs on; `local` and `kind` have it.

Nothing here knows of multinet: who is under test is installed through the same door as by its users, by manifests.
"""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from e2e.cluster.api import Api

BUSYBOX = "localhost/busybox:1"
"""The image that pods of scenarios run. No registry has it: a driver loads it, and nobody pulls it."""


class CommandFailed(AssertionError):
    """A program that a scenario needs ended with an error."""


def run(
    argv: Sequence[str | Path],
    *,
    input: str | None = None,
    check: bool = True,
    seconds: float = 60.0,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """A program on this machine; CommandFailed with all it said, unless ``check`` is False."""
    done = subprocess.run(
        [*map(str, argv)],
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        capture_output=True,
        text=True,
        timeout=seconds,
        cwd=cwd,
    )
    if check and done.returncode:
        words = " ".join(map(str, argv))
        raise CommandFailed(f"{words}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Driver(Protocol):
    """A cluster with two nodes or more that take pods."""

    @property
    def nodes(self) -> Sequence[str]:
        """The names of those that take pods."""

    @property
    def api(self) -> Api:
        """The API server, as its administrator."""

    def pod_subnets(self, node: str) -> Sequence[str]:
        """Those of a node's pods, one of each family."""

    @property
    def uplink(self) -> str:
        """The interface by which the nodes reach each other: the master of networks that span them."""

    @property
    def static_pods(self) -> str:
        """The folder of a node in which its kubelet looks for pods."""

    def start(self) -> None:
        """Return when all nodes are known to the API server."""

    def stop(self) -> None:
        """Nothing of it is left."""

    def load(self, archive: Path) -> None:
        """An image, as `docker save` writes it, onto each node."""

    def shell(
        self, node: str, *argv: str, input: str | None = None, check: bool = True, seconds: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on a node, as root, in its own namespaces and files."""

    def folder(self, node: str, path: str) -> Path | None:
        """A folder of a node's kubelet, for who serves a socket in it from here; None if nobody could."""

    def start_api_server(self) -> None:
        """Return when it answers; at once, if it does."""

    def stop_api_server(self) -> None:
        """Return when nobody answers."""

    def reboot(self, node: str) -> None:
        """All its processes, namespaces and links end at once, its disk stays. Return when it is started again."""


class Lifetime(ABC):
    """What drivers share: whatever ``_start`` hands to ``_open`` ends with ``stop``, and when it fails half way."""

    _api: Api

    def __init__(self) -> None:
        self._open = ExitStack()

    @property
    def api(self) -> Api:
        return self._api

    @abstractmethod
    def _start(self) -> None:
        """Return when all nodes are known to the API server."""

    def start(self) -> None:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self._open.close()
