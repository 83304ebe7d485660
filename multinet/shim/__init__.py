"""The program that the container runtime executes on the host (C; see README.md), and where it is found."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Final

from multinet.errors import IOFailure

_HERE: Final = Path(__file__).parent
_CHECKOUT: Final = _HERE.parents[1] / ".cache" / "shim" / "multinet"
"""Where `make shim` puts the one for this machine."""
_SAME: Final = {"amd64": "x86_64", "arm64": "aarch64"}


def binary(machine: str | None = None) -> Path:
    """The shim for that machine (this one), as the wheel brought it or `make shim` built it. Raises IOFailure."""
    own = _named(platform.machine())
    wanted = own if machine is None else _named(machine)
    packaged = _HERE / "bin" / f"multinet-shim-{wanted}"
    for file in (packaged, *([_CHECKOUT] if wanted == own else [])):
        if file.is_file():
            return file
    raise IOFailure(
        f"this installation has no shim for {wanted}: {packaged} is missing",
        hint="install the wheel for this machine, or run `make shim` in a checkout",
    )


def _named(machine: str) -> str:
    return _SAME.get(machine.lower(), machine.lower())
