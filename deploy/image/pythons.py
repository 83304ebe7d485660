"""Python's part of the image: the locked dependencies, multinet's own wheel, and all of it byte-compiled.

It runs where the image is made and not in it, for another machine as well: code is compiled for the same version of
Python, and that is all it depends on.
"""

from __future__ import annotations

import base64
import csv
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Final

from deploy.image import trim

ROOT: Final = Path(__file__).parents[2]
LOCK: Final = Path(__file__).parent / "requirements.lock"
MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
"""As containers name them, and as the kernel does."""

VERSION: Final = f"python3.{sys.version_info.minor}"
SITE: Final = f"usr/local/lib/{VERSION}/dist-packages"
"""Where Debian's Python looks by itself."""

COMMAND: Final = """\
#!/usr/bin/python3
import sys

from multinet.cli import main

sys.exit(main())
"""


def dependencies(architecture: str, into: Path) -> None:
    """Make a tree of what the lock names, with no source code: where it is compiled already nobody reads it."""
    site = into / SITE
    only = ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
    _install(architecture, site, *only, "--requirements", str(LOCK))
    trim.installed(site, MACHINES[architecture])
    compile_all(site, below=into, sources=False)
    _record(site)


def multinet(architecture: str, into: Path) -> None:
    """Make a tree of this checkout's wheel, with sources, so that a trace shows its lines."""
    site = into / SITE
    machine = MACHINES[architecture]
    with tempfile.TemporaryDirectory() as work:
        must = {"MULTINET_SHIM_ARCHS": machine}
        build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", work]
        _run(build, cwd=ROOT, env={**os.environ, **must})
        (wheel,) = Path(work).glob("*.whl")
        # With both machines' shims a wheel is for any; one that has only this machine's is renamed by that.
        _install(architecture, site, "--no-deps", str(wheel))
    trim.installed(site, machine)
    compile_all(site, below=into, sources=True)
    _record(site)
    command = into / "usr/local/bin/multinet"
    command.parent.mkdir(parents=True)
    command.write_text(COMMAND)
    command.chmod(0o755)


def compile_all(folder: Path, *, below: Path, sources: bool) -> None:
    """Compile what is in a folder of the tree ``below``; without ``sources`` the compiled files take their place.

    Nobody compares them with their sources any more (the image can't be written to), and they name no columns, which
    would be a fifth of them.
    """
    options = ["--invalidation-mode", "unchecked-hash", "-s", str(below), "-p", "/", "-q", "-f"]
    _run(
        [
            *(sys.executable, "-X", "no_debug_ranges", "-m", "compileall"),
            *(*options, *([] if sources else ["-b"]), str(folder)),
        ]
    )
    if not sources:
        for file in folder.rglob("*.py"):
            file.unlink()


def check_version(tree: Path) -> None:
    """Raises SystemExit where this Python can't compile for that of the tree."""
    if not (tree / "usr/bin" / VERSION).exists():
        (there,) = (tree / "usr/bin").glob("python3.*")
        raise SystemExit(f"the image's Python is {there.name}: make it with that one, not with {VERSION}")


def _install(architecture: str, site: Path, *what: str) -> None:
    site.mkdir(parents=True)
    _run(
        [
            *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable),
            *("--python-platform", f"{MACHINES[architecture]}-unknown-linux-gnu"),
            *("--target", str(site), "--link-mode", "copy", *what),
        ]
    )
    shutil.rmtree(site / "bin", ignore_errors=True)


def _record(site: Path) -> None:
    """Have each package's RECORD name what is there of it, by which inventories find its files."""
    for record in site.glob("*.dist-info/RECORD"):
        had = {row[0] for row in csv.reader(io.StringIO(record.read_text()))}
        names = {name for name in had if (site / name).is_file()} | {
            compiled
            for name in had
            if name.endswith(".py")
            for compiled in (f"{name}c", _cached(name))
            if (site / compiled).is_file()
        }
        own = str(record.relative_to(site))
        rows = [_row(site, name) for name in sorted(names - {own})]
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerows([*rows, (own, "", "")])
        record.write_text(written.getvalue())


def _cached(name: str) -> str:
    folder, _, file = name.rpartition("/")
    cached = re.sub(r"\.py$", f".{sys.implementation.cache_tag}.pyc", file)
    return f"{folder}/__pycache__/{cached}" if folder else f"__pycache__/{cached}"


def _row(site: Path, name: str) -> tuple[str, str, int]:
    content = (site / name).read_bytes()
    digest = base64.urlsafe_b64encode(sha256(content).digest()).rstrip(b"=").decode()
    return name, f"sha256={digest}", len(content)


def _run(command: list[str], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
