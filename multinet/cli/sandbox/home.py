"""The folder in which all sandboxes of a machine live, one folder a node, and what else was made for them.

``made.json`` names the folders and mounts that were not there before the first node; they go with the last.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from multinet import files
from multinet.cli.sandbox import linux, netns
from multinet.errors import IOFailure

MADE = "made.json"


class Home:
    """``folder`` is made when the first node is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Held by whatever changes a node. The folder is made for it, and removed when no node is left."""
        fd = self._lock()
        try:
            yield
        finally:
            self._leave()
            os.close(fd)

    def nodes(self) -> list[str]:
        try:
            return sorted(entry.name for entry in self.folder.iterdir() if entry.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise netns.refused(f"could not read the folder {self.folder}", error) from error

    def prepare(self) -> None:
        """What every node needs of the machine: a place for the names of namespaces."""
        try:
            self._note(folders=self._make(netns.FOLDER))
            if netns.share_folder():
                self._note(mounts=[str(netns.FOLDER)])
        except OSError as error:
            raise netns.refused(f"could not make {error.filename or netns.FOLDER}", error) from error

    def _lock(self) -> int:
        try:
            while True:
                made = self._make(self.folder)
                fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                fcntl.flock(fd, fcntl.LOCK_EX)
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(fd), os.stat(self.folder)):
                        self._note(folders=made)
                        return fd
                os.close(fd)  # whoever had it was the last one, and removed it: once more
        except OSError as error:
            raise netns.refused(f"could not make {self.folder}", error) from error

    def _make(self, folder: Path) -> list[str]:
        """Make a folder and those above it. Returns what was made, the deepest last."""
        missing = [one for one in [folder, *folder.parents] if not one.exists()]
        for one in reversed(missing):
            one.mkdir(mode=0o755, exist_ok=True)
        return [str(one) for one in reversed(missing)]

    def _made(self) -> dict[str, list[str]]:
        try:
            found: dict[str, list[str]] = json.loads((self.folder / MADE).read_bytes())
        except FileNotFoundError:
            return {"folders": [], "mounts": []}
        except ValueError as error:
            raise IOFailure(f"{self.folder / MADE} is damaged: {error}", hint="remove it") from error
        return found

    def _note(self, **things: list[str]) -> None:
        made = self._made()
        for kind, new in things.items():
            made[kind] += [one for one in new if one not in made[kind]]
        if any(things.values()):
            files.write_atomic(self.folder / MADE, json.dumps(made).encode())

    def _leave(self) -> None:
        """With the last node goes all that was made for any, as far as nobody else uses it by now."""
        if self.nodes():
            return
        made = self._made()
        for mount in made["mounts"]:
            with suppress(OSError):
                if not os.listdir(mount):
                    linux.unmount(mount)
        files.remove(self.folder / MADE)
        for folder in reversed(made["folders"]):
            with suppress(OSError):  # not empty, so not only ours
                os.rmdir(folder)
