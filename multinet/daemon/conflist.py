"""Our file in the folder of the container runtime: by it, the runtime calls us.

It is written once an ADD could be served, is never removed by a stop, and is kept: what another agent does to it
is told with the cause, and mended. Not at once again and again, since two agents that undo each other's work
would keep the runtime reloading.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from multinet import files
from multinet.cni.versions import CURRENT
from multinet.config import AgentSettings

POD_ANNOTATIONS: Final = "io.kubernetes.cri.pod-annotations"
"""The capability by which containerd and CRI-O hand over a pod's annotations."""

TYPE: Final = "multinet"
MODE: Final = 0o600

OLDEST_READ: Final = "1.0.0"
"""``cniVersion``: what a runtime takes that does not know ``cniVersions`` (libcni before 1.2, as in containerd
1.6; it ignores keys that it does not know)."""

OFFERED: Final = ("0.4.0", "1.0.0", CURRENT)
"""``cniVersions``: a runtime that knows the key takes the newest that it speaks, and with 1.1.0 GC and STATUS."""

WAIT_SECONDS: Final = 2.0
MOST_SECONDS: Final = 60.0
"""How long a file that was lost for the second time stays lost; then twice as long each time, up to the most."""

STOOD_SECONDS: Final = 300.0
"""A file that stood so long counts as safe: the next loss is mended at once again."""

CILIUM: Final = ".cilium_bak"


class Conflist:
    """``<cni_conf_dir>/<conflist_name>``. Used by one thread at a time."""

    def __init__(self, agent: AgentSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = agent.cni_conf_dir / agent.conflist_name
        self.problem = ""
        self.lost = 0
        """How often it was taken away or changed by others."""
        self._clock = clock
        self._wanted = b""
        """What last stood there as we wanted it; empty before it did."""
        self._inode = 0
        self._in_a_row = 0
        self._mended_at = 0.0
        self._mend_at = 0.0

    @property
    def begun(self) -> bool:
        """Is it there, or has it been?"""
        return bool(self._wanted) or self.path.exists()

    def keep(self, content: bytes) -> str:
        """Make the file say ``content``. The answer is what others have done to it since the last time, ""
        when nothing. Raises IOFailure.
        """
        there, now = self._read(), self._clock()
        if there == content:
            self._seen(content, now)
            return ""
        if not self._wanted or (there == self._wanted and not self.problem):
            self._write(content)
            return ""
        told = self._lose(there, now) if not self.problem else ""
        if now >= self._mend_at:
            self._write(content)
            self._mended_at = now
        return told

    def withdraw(self) -> bool:
        """Remove the file, if it is ours: the node is to be left. Was it there? Raises IOFailure."""
        there = self._read()
        self._wanted, self.problem = b"", ""
        if there is None or not is_ours(there):
            return False
        files.remove(self.path)
        return True

    def _lose(self, there: bytes | None, now: float) -> str:
        if now - self._mended_at > STOOD_SECONDS:
            self._in_a_row = 0
        wait = min(WAIT_SECONDS * 2 ** (self._in_a_row - 1), MOST_SECONDS) if self._in_a_row else 0.0
        self._in_a_row += 1
        self._mend_at = now + wait
        self.lost += 1
        self.problem = self._cause(there)
        return self.problem

    def _cause(self, there: bytes | None) -> str:
        if there is not None:
            return f"{self.path} was changed by somebody else"
        try:
            with os.scandir(self.path.parent) as entries:
                new = [one.name for one in entries if one.inode() == self._inode]
        except OSError:
            new = []
        if not new:
            return f"{self.path} was removed by somebody else"
        if new[0].endswith(CILIUM):
            return (
                f"{self.path} was renamed to {new[0]} by Cilium, which wants to be the only one "
                '(set cni.exclusive=false in Cilium\'s Helm values, or cni-exclusive: "false" in its ConfigMap)'
            )
        return f"{self.path} was renamed to {new[0]} by somebody else"

    def _read(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise files.failure("read", self.path, error) from error

    def _write(self, content: bytes) -> None:
        files.make_dirs(self.path.parent)
        files.write_atomic(self.path, content, MODE)
        self._seen(content, self._clock())

    def _seen(self, content: bytes, now: float) -> None:
        self._wanted, self.problem = content, ""
        try:
            self._inode = self.path.stat().st_ino
        except OSError:
            self._inode = 0  # it has gone meanwhile; the next look tells


def content(agent: AgentSettings, capabilities: Iterable[str]) -> bytes:
    """The file, the same to the letter for the same settings and capabilities."""
    return _content(agent.cni_version, agent.network_name, frozenset(capabilities))


@lru_cache(maxsize=1)  # it is compared with what stands there every second
def _content(version: str, name: str, capabilities: frozenset[str]) -> bytes:
    versions: dict[str, Any] = {"cniVersion": OLDEST_READ, "cniVersions": list(OFFERED)}
    if version:
        versions = {"cniVersion": version}
    declared = dict.fromkeys(sorted(capabilities | {POD_ANNOTATIONS}), True)
    conflist = {**versions, "name": name, "plugins": [{"type": TYPE, "capabilities": declared}]}
    return json.dumps(conflist, indent=2).encode() + b"\n"


def is_ours(data: bytes) -> bool:
    """Is it a list that calls us, and nobody else?"""
    try:
        plugins = json.loads(data)["plugins"]
        return [plugin["type"] for plugin in plugins] == [TYPE]
    except (ValueError, KeyError, TypeError):
        return False


def before(path: Path, suffixes: tuple[str, ...]) -> str:
    """The name of a file that the runtime prefers to ours, "" when there is none."""
    try:
        names = os.listdir(path.parent)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise files.failure("read the folder", path.parent, error) from error
    return min((name for name in names if name.endswith(suffixes) and name < path.name), default="")
