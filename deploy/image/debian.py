"""Debian's part of the image: Python, iptables, nft, and the libraries under them, unpacked from their packages.

Nothing is installed and no script of a package is run, so any machine with apt makes it, for any machine.
apt checks the signatures of what it fetches, with the sources of the machine it runs on.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deploy.image import elf, trim

STATUS: Final = "var/lib/dpkg/status.d"
"""Where scanners find Debian's packages in an image that has no dpkg."""
MERGED: Final = ("bin", "lib", "lib64", "sbin")
"""Top-level folders that are links to those in /usr."""


def unpack(architecture: str, into: Path) -> None:
    """Make the tree ``into`` for ``amd64`` or ``arm64``, of the newest packages there are."""
    into.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as work:
        unpacking = _Unpacking(into, Path(work, "libraries"))
        for package in _download(architecture, Path(work)):
            unpacking.extract(package)
        unpacking.take_libraries()
        unpacking.name_packages()
    for link, target in trim.LINKS.items():
        (into / link).symlink_to(target)
    for folder in trim.FOLDERS:
        (into / folder).mkdir(parents=True, exist_ok=True)
    (python,) = (into / "usr/bin").glob("python3.*")
    for link in ("python", "python3"):
        (into / "usr/bin" / link).symlink_to(python.name)


def packages(tree: Path) -> Iterator[str]:
    """``name version`` of those that are in it."""
    for file in sorted((tree / STATUS).iterdir()):
        fields = dict(line.split(": ", 1) for line in file.read_text().splitlines() if ": " in line)
        yield f"{fields['Package']} {fields['Version']}"


class _Unpacking:
    """``spare`` is for libraries, until somebody turns out to need them."""

    def __init__(self, into: Path, spare: Path) -> None:
        self._into = into
        self._spare = spare
        self._of: dict[str, str] = {}
        """file -> package"""
        self._fields: dict[str, str] = {}
        """package -> what it says of itself"""

    def extract(self, package: Path) -> None:
        """Take what is for the image from this package."""
        fields = _run("dpkg-deb", "--field", str(package))
        name = next(line for line in fields.splitlines() if line.startswith("Package: ")).split()[1]
        self._fields[name] = fields
        content = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE, check=True
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            for member in tar:
                path = _merged(os.path.normpath(member.name))
                if member.isdir():
                    continue
                if trim.of_debian(path):
                    _write(tar, member, self._into / path)
                    self._of[path] = name
                elif trim.LIBRARY.fullmatch(path):
                    _write(tar, member, self._spare / path)
                    self._of[path] = name

    def take_libraries(self) -> None:
        """All that what is there needs, and what those need."""
        known: dict[str, list[str]] = {}
        for path in self._of:
            known.setdefault(Path(path).name, []).append(path)
        wanted = list(trim.ALWAYS)
        for file in self._into.rglob("*"):
            if file.is_file() and not file.is_symlink():
                wanted += elf.needs(file)
        done: set[str] = set()
        while wanted:
            name = Path(wanted.pop()).name
            if name in done:
                continue
            done.add(name)
            for path in known[name]:
                source, target = self._spare / path, self._into / path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)
                wanted += [os.readlink(source)] if source.is_symlink() else elf.needs(source)

    def name_packages(self) -> None:
        """Say which packages are in the image: those of which there is more than a licence. Others leave none."""
        documents = "usr/share/doc/"
        there = {
            package
            for path, package in self._of.items()
            if not path.startswith(documents) and os.path.lexists(self._into / path)
        }
        kept = set()
        for package in there:
            place = self._into / documents / package
            kept |= {package, os.readlink(place)} if place.is_symlink() else {package}
        for place in (self._into / documents).iterdir():
            if place.name not in kept:
                place.unlink() if place.is_symlink() else shutil.rmtree(place)
        (self._into / STATUS).mkdir(parents=True)
        for package in there:
            (self._into / STATUS / package).write_text(self._fields[package])


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if member.issym():
        to.symlink_to(_merged(member.linkname))
    elif (read := tar.extractfile(member)) is not None:
        to.write_bytes(read.read())
        to.chmod(member.mode & 0o755)


def _merged(path: str) -> str:
    """``/lib/x`` is ``/usr/lib/x``; a link within a folder stays as it is."""
    top, _, rest = path.lstrip("/").partition("/")
    merged = f"usr/{top}/{rest}" if top in MERGED and rest else path.lstrip("/")
    return f"/{merged}" if path.startswith("/") else merged


def _download(architecture: str, work: Path) -> list[Path]:
    """The packages and all they depend on, as for a machine that has nothing."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True)
    view = [
        *("-o", f"APT::Architecture={architecture}", "-o", f"APT::Architectures::={architecture}"),
        *("-o", f"Dir::State::Lists={work / 'lists'}", "-o", "Dir::State::Status=/dev/null"),
        *("-o", f"Dir::Cache={work / 'cache'}", "-o", "APT::Sandbox::User=root"),
        *("-o", "Acquire::Languages=none"),
    ]
    _run("apt-get", *view, "update", "-qq")
    only = ["--yes", "--no-install-recommends", "--download-only"]
    _run("apt-get", *view, "install", "-qq", *only, *trim.PACKAGES)
    return sorted((work / "cache/archives").glob("*.deb"))


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
