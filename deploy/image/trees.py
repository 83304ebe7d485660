"""What the image is made of: three trees, each a layer of its own, so that a new release is only the last one.

    python -m deploy.image.trees ARCHITECTURE INTO        for the Containerfile, which copies them

``debian`` changes with Debian's security updates, ``python`` with the lock, ``multinet`` with every release.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from deploy.image import debian, pythons

MODE: Final = 0o755
"""Of folders, programs and libraries; other files lose the last three bits."""


def make_debian(architecture: str, into: Path) -> None:
    debian.unpack(architecture, into)
    pythons.check_version(into)
    pythons.compile_all(into / "usr/lib" / pythons.VERSION, below=into, sources=False)


TREES: Final[Mapping[str, Callable[[str, Path], None]]] = {
    "debian": make_debian,
    "python": pythons.dependencies,
    "multinet": pythons.multinet,
}
"""In the order of the layers."""


def make(name: str, architecture: str, into: Path) -> None:
    """Make one of them. It is the same, byte for byte, for the same packages."""
    TREES[name](architecture, into)
    for path in into.rglob("*"):
        if not path.is_symlink():
            path.chmod(MODE if path.is_dir() or path.stat().st_mode & 0o100 else MODE & 0o644)
        os.utime(path, (0, 0), follow_symlinks=False)


def main() -> None:
    match sys.argv[1:]:
        case [architecture, into] if architecture in pythons.MACHINES:
            for name in TREES:
                make(name, architecture, Path(into, name))
        case _:
            raise SystemExit(f"usage: python -m deploy.image.trees {'|'.join(pythons.MACHINES)} INTO")


if __name__ == "__main__":
    main()
