"""Programs of Debian packages that are unpacked into ``.cache/debian`` and not installed (``make unpacked``).

Installed, they would start a service on a developer's machine, take the place of another's program or change how the
kernel runs files.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.support import tree

UNPACKED = tree.ROOT / ".cache" / "debian"


def program(package: str, name: str) -> Path:
    """One of a package's; on a system that is not Debian, the one of that name on the PATH."""
    file = UNPACKED / package / "usr" / "bin" / name
    return file if file.exists() else Path(shutil.which(name) or file)


def search_path(*packages: str) -> str:
    """A PATH with their programs before those of this machine."""
    folders = [UNPACKED / package / "usr" / kind for package in packages for kind in ("bin", "sbin")]
    return os.pathsep.join([*map(str, folders), os.environ["PATH"]])
