"""Make the image without an engine and without a registry, and say how large it is.

    python -m deploy.image.assemble [--arch amd64|arm64] [--name multinet:VERSION] [FILE]

It is the image of the Containerfile: the same trees, the same configuration. What was made before from the same
sources is taken from .cache/image, which also keeps the layers; Debian's packages are looked up anew with --newest.
"""

from __future__ import annotations

import argparse
import fcntl
import gzip
import io
import json
import os
import platform
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from deploy.image import archive, containerfile, pythons, trees

ROOT: Final = pythons.ROOT
CACHE: Final = ROOT / ".cache" / "image"
MOST_KEPT: Final = 3
"""Of each kind and architecture: one's own, and what others are using right now."""
MEBIBYTE: Final = 1 << 20

HERE: Final = "deploy/image"
INPUTS: Final = {
    "debian": (
        f"{HERE}/trees.py",
        f"{HERE}/debian.py",
        f"{HERE}/elf.py",
        f"{HERE}/trim.py",
        f"{HERE}/archive.py",
    ),
    "python": (
        f"{HERE}/trees.py",
        f"{HERE}/pythons.py",
        f"{HERE}/requirements.lock",
        f"{HERE}/trim.py",
        f"{HERE}/archive.py",
    ),
    "multinet": (
        *(f"{HERE}/trees.py", f"{HERE}/pythons.py", f"{HERE}/trim.py", f"{HERE}/archive.py"),
        *("pyproject.toml", "README.md", "LICENSE", "multinet", "delegates"),
    ),
}
"""What each tree is made from, besides packages."""


def native() -> str:
    return next(name for name, machine in pythons.MACHINES.items() if machine == platform.machine())


def default_name() -> str:
    version = containerfile.Containerfile.read(containerfile.FILE.read_text()).arguments["VERSION"]
    return f"multinet:{version}"


def assemble(name: str = "", architecture: str = "", *, newest: bool = False) -> Path:
    """The archive's file; it is made if there is none from the same sources."""
    name, architecture = name or default_name(), architecture or native()
    CACHE.mkdir(parents=True, exist_ok=True)
    with _alone():
        layers = [_layer(tree, architecture, newest=newest) for tree in trees.TREES]
        config = containerfile.Containerfile.read(containerfile.FILE.read_text()).config()
        key = _hash([name, json.dumps(config), *(layer.diff_id for layer in layers)])
        file = CACHE / f"image-{architecture}-{key}.tar"
        if not file.exists():
            _write(file, archive.archive(name, architecture, layers, config))
        _keep(file)
    return file


def sizes(file: Path) -> Iterator[tuple[str, int, int]]:
    """Of each layer: its tree's name, its bytes in a registry, and those of its files on a node."""
    with tarfile.open(file) as tar:
        (manifest,) = json.load(tar.extractfile("manifest.json") or io.BytesIO())
        for tree, blob in zip(trees.TREES, manifest["Layers"], strict=True):
            content = (tar.extractfile(blob) or io.BytesIO()).read()
            with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as layer:
                yield tree, len(content), sum(member.size for member in layer)


def _layer(tree: str, architecture: str, *, newest: bool) -> archive.Layer:
    key = _hash([pythons.VERSION, *_contents(tree)])
    file = CACHE / f"{tree}-{architecture}-{key}.tar.gz"
    if not file.exists() or (newest and tree == "debian"):
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=".new-") as work:
            trees.make(tree, architecture, Path(work, tree))
            _write(file, archive.Layer.of(archive.tar_of_tree(Path(work, tree))).blob)
    _keep(file)
    blob = file.read_bytes()
    return archive.Layer(blob=blob, diff_id=archive.digest(gzip.decompress(blob)))


def _contents(tree: str) -> Iterator[str]:
    for place in INPUTS[tree]:
        files = sorted((ROOT / place).rglob("*")) if (ROOT / place).is_dir() else [ROOT / place]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                yield f"{file.relative_to(ROOT)} {sha256(file.read_bytes()).hexdigest()}"


def _hash(words: list[str]) -> str:
    return sha256("\n".join(words).encode()).hexdigest()[:16]


def _write(file: Path, content: bytes) -> None:
    new = file.with_name(f".{file.name}.new")
    new.write_bytes(content)
    new.replace(file)


def _keep(file: Path) -> None:
    """It was used just now; what was not for the longest time goes."""
    os.utime(file)
    kind, architecture, _ = file.name.split("-")
    alike = sorted(CACHE.glob(f"{kind}-{architecture}-*"), key=lambda one: one.stat().st_mtime)
    for old in alike[:-MOST_KEPT]:
        old.unlink()


@contextmanager
def _alone() -> Iterator[None]:
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    options = argparse.ArgumentParser(prog="assemble", description="Make the image without an engine.")
    options.add_argument("--arch", choices=list(pythons.MACHINES), default=native())
    options.add_argument("--name", default=default_name(), help="with its tag; %(default)s")
    options.add_argument("--newest", action="store_true", help="look for newer Debian packages")
    options.add_argument(
        "file", nargs="?", type=Path, help="where to put the archive; else it stays in .cache"
    )
    said = options.parse_args()
    made = assemble(said.name, said.arch, newest=said.newest)
    if said.file:
        shutil.copy(made, said.file)
    print(f"{said.name} for {said.arch}: {said.file or made.relative_to(ROOT)}")
    all_packed = all_unpacked = 0
    for tree, packed, unpacked in sizes(made):
        print(f"  {tree:10} {packed / MEBIBYTE:5.1f} MiB compressed, {unpacked / MEBIBYTE:5.1f} MiB unpacked")
        all_packed, all_unpacked = all_packed + packed, all_unpacked + unpacked
    print(
        f"  {'all':10} {all_packed / MEBIBYTE:5.1f} MiB compressed, {all_unpacked / MEBIBYTE:5.1f} MiB unpacked"
    )


if __name__ == "__main__":
    main()
