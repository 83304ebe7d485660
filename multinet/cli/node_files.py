"""Our program in the runtime's folder, and the links to it by which it answers to other names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from multinet import files
from multinet.cni.names import META_PLUGINS
from multinet.daemon.conflist import TYPE
from multinet.delegate import registry
from multinet.errors import InvalidConfig

MODE: Final = 0o755
ASIDE: Final = ".before-multinet"
"""The ending of a program's name that had to make room for a link, until the uninstall."""


class Programs:
    """What is ours in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.program = folder / TYPE

    def check_names(self, names: Iterable[str]) -> None:
        """Raises InvalidConfig for a name that would not be answered to."""
        known = {*META_PLUGINS, *registry.installed()} - {TYPE}
        for name in names:
            if name not in known:
                raise InvalidConfig(
                    f"could not link {self._folder / name}: multinet does not answer to {name!r}",
                    hint=f"it does to {', '.join(sorted(known))}",
                )

    def put(self, source: Path) -> str:
        """Copy the program there, in one step, so that nobody meets half of it and a call that runs it goes on
        with the old one. Returns what was done. Raises IOFailure.
        """
        wanted = files.read(source)
        if self._holds(wanted):
            return f"{self.program} is there already"
        files.make_dirs(self._folder)
        what = "replaced" if self.program.exists() else "installed"
        files.write_atomic(self.program, wanted, MODE)
        return f"{what} {self.program}"

    def link(self, name: str, *, replace: bool) -> str:
        """Make ``name`` a link to the program. Raises InvalidConfig where something else has that name, unless it
        may be put aside.
        """
        path = self._folder / name
        if self._is_link(path):
            return f"{path} is there already"
        if os.path.lexists(path):
            if not replace:
                raise InvalidConfig(
                    f"could not link {path}: there is a program of that name, and not ours",
                    hint=f"--replace puts it aside as {name}{ASIDE}, and the uninstall brings it back",
                )
            files.move(path, self._aside(path))
        files.link(TYPE, path)
        return f"linked {path}"

    def remove(self) -> list[str]:
        """Remove the links and the program, and bring back what was put aside. Returns what was done."""
        done = []
        for path in self._links():
            files.remove(path)
            done.append(f"removed {path}")
            if self._aside(path).exists():
                files.move(self._aside(path), path)
                done.append(f"brought back {path}")
        if files.remove(self.program):
            done.append(f"removed {self.program}")
        files.remove(files.temporary(self.program))
        return done

    def _holds(self, wanted: bytes) -> bool:
        try:
            return self.program.read_bytes() == wanted and self.program.stat().st_mode & 0o777 == MODE
        except OSError:
            return False

    def _links(self) -> list[Path]:
        try:
            return sorted(path for path in self._folder.iterdir() if self._is_link(path))
        except FileNotFoundError:
            return []

    @staticmethod
    def _is_link(path: Path) -> bool:
        return path.is_symlink() and os.readlink(path) == TYPE

    @staticmethod
    def _aside(path: Path) -> Path:
        return path.with_name(path.name + ASIDE)
