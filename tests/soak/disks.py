"""Two small disks, for the agent's own files and for reservations: they can be full, or only be read."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.soak.deeds import Disk
from tests.support.wait import until

BYTES: Final = 512 << 10
"""Of each: a few dozen records, and filled in no time."""
REMOUNT_SECONDS: Final = 20.0
"""A disk that somebody writes to can't be made read-only."""

SMALL: Final = ("state", "ipam")
ALL: Final = (*SMALL, "devinfo", "multus", "libcni", "firewall")
WASTE: Final = "waste"


class Disks:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._now: dict[str, Disk] = {}

    @contextmanager
    def mounted(self) -> Iterator[None]:
        made: list[Path] = []
        try:
            for name in SMALL:
                place = self._folder / name
                place.mkdir()
                subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={BYTES}", "soak", place], check=True)
                made.append(place)
            yield
        finally:
            for place in made:
                subprocess.run(["umount", "--lazy", place], check=True)

    def fill(self, name: str, how: Disk | None) -> None:
        """What is there stays readable; None: all is well again."""
        place = self._folder / name
        if self._now.pop(name, None) is Disk.READ_ONLY:
            assert _remounted(place, "rw")
        (place / WASTE).unlink(missing_ok=True)
        if how is Disk.READ_ONLY:
            until(
                lambda: _remounted(place, "ro"), seconds=REMOUNT_SECONDS, what=f"nobody to write to {place}"
            )
        if how is Disk.FULL:
            with suppress(OSError):  # ENOSPC, when no more fits
                (place / WASTE).write_bytes(bytes(2 * BYTES))
        if how is not None:
            self._now[name] = how

    def files(self) -> frozenset[str]:
        """All that there is, without what is not of any pod: locks, and the round robin's marks."""
        return frozenset(
            str(file.relative_to(self._folder))
            for name in ALL
            for file in (self._folder / name).rglob("*")
            if file.is_file()
            and file.parent.name != "locks"
            and file.name not in ("lock", WASTE)
            and not file.name.startswith("last_reserved_ip.")
        )

    def age(self, seconds: int) -> None:
        """Make everything that has a time so much older: as if the wall clock were set forward by that."""
        for name in ALL:
            for place in [self._folder / name, *(self._folder / name).rglob("*")]:
                with suppress(FileNotFoundError):
                    at = place.stat().st_mtime_ns - seconds * 10**9
                    os.utime(place, ns=(at, at))


def _remounted(place: Path, how: str) -> bool:
    """False while somebody still writes there."""
    done = subprocess.run(["mount", "-o", f"remount,{how}", place], capture_output=True, check=False)
    return not done.returncode
