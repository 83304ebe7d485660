"""Compile the shim: one static program a machine, from the C files of this folder.

    python multinet/shim/build.py [--machine MACHINE] [--with COMPILER] FILE

Used by the Makefile, by the wheel's build hook and by tests. It imports nothing of multinet: a wheel is built
before multinet can be imported.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
MACHINES: Final = {"x86_64": 62, "aarch64": 183}
"""As the kernel names them, and as ELF numbers them."""
_SAME: Final = {"amd64": "x86_64", "arm64": "aarch64"}

WARNINGS: Final = (
    "-Wall", "-Wextra", "-Werror", "-Wcast-qual", "-Wconversion", "-Wformat=2", "-Wpointer-arith", "-Wshadow",
    "-Wstrict-prototypes", "-Wundef", "-Wvla", "-Wwrite-strings",
)  # fmt: skip
_STATIC: Final = (
    "-Os", "-static", "-s", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "-Wl,-z,noexecstack",
)  # fmt: skip

_NATIVE: Final = ("musl-gcc", "cc", "gcc", "clang")
"""musl first: a twentieth of the size, and it starts in half the time."""


class CannotBuild(Exception):
    """No compiler made it. The message says which were tried, and what they said."""


def machine_named(name: str) -> str:
    """Raises CannotBuild for a machine that there is no shim for."""
    machine = _SAME.get(name.lower(), name.lower())
    if machine not in MACHINES:
        raise CannotBuild(f"there is no shim for the machine {name!r}, only for {' and '.join(MACHINES)}")
    return machine


def native() -> str:
    return machine_named(platform.machine())


def sources() -> list[Path]:
    return sorted(HERE.glob("*.c"))


def common_flags() -> list[str]:
    """What every build of the sources needs, a test's too."""
    text = (HERE.parent / "__init__.py").read_text()
    found = re.search(r'^__version__ = "([\w.+-]+)"$', text, re.MULTILINE)
    if found is None:
        raise CannotBuild(f"{HERE.parent / '__init__.py'} does not say which version this is")
    return ["-std=c11", f'-DSHIM_VERSION="{found[1]}"', *WARNINGS]


def compilers(machine: str) -> Iterator[list[str]]:
    """Those that are there, the best first."""
    if importlib.util.find_spec("ziglang") is not None:
        yield [sys.executable, "-m", "ziglang", "cc", "-target", f"{machine}-linux-musl"]
    own = machine == native()
    names = [os.environ.get("CC", ""), *_NATIVE] if own else [f"{machine}-linux-gnu-gcc"]
    for name in filter(None, names):
        command = shlex.split(name)
        if shutil.which(command[0]) is not None:
            yield command


def build(machine: str, to: Path, *, using: Sequence[Sequence[str]] | None = None) -> list[str]:
    """Make it, and return the compiler's command. Raises CannotBuild."""
    to.parent.mkdir(parents=True, exist_ok=True)
    said = []
    # Made beside its place and moved there: a shim that is running can't be written to.
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=".shim-") as folder:
        made = Path(folder, "shim")
        for compiler in using if using is not None else compilers(machine):
            command = [*compiler, *common_flags(), *_STATIC, "-o", str(made), *map(str, sources())]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode:
                said.append(f"{shlex.join(compiler)}: {done.stdout.strip()}")
            elif _machine_of(made) != MACHINES[machine]:
                said.append(f"{shlex.join(compiler)}: makes programs for another machine")
            else:
                made.replace(to)
                return list(compiler)
    reasons = "\n".join(said) or (
        f"no compiler is there (pip install ziglang; or a C compiler that can link statically: "
        f"{', '.join(_NATIVE) if machine == native() else f'{machine}-linux-gnu-gcc'})"
    )
    raise CannotBuild(f"could not build the shim for {machine}: {reasons}")


def _machine_of(program: Path) -> int:
    """ELF's e_machine; both machines are little-endian."""
    with program.open("rb") as file:
        header = file.read(20)
    return int.from_bytes(header[18:20], "little") if header[:4] == b"\x7fELF" else -1


def main() -> int:
    options = argparse.ArgumentParser(description="Compile the shim.")
    options.add_argument("--machine", default=platform.machine(), help="x86_64 or aarch64; this one")
    options.add_argument("--with", dest="using", metavar="COMPILER", help="the only compiler to try")
    options.add_argument("file", type=Path)
    said = options.parse_args()
    try:
        using = [shlex.split(said.using)] if said.using else None
        build(machine_named(said.machine), said.file, using=using)
    except CannotBuild as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
