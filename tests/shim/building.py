"""The shim as the tests need it built. What was built from the same sources the same way is not built again."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from multinet.shim import build
from tests.support import tree

BUILT = tree.ROOT / ".cache" / "shim"
FUZZ = Path(__file__).parent / "fuzz" / "shim_fuzz.c"

SANITIZERS = ("-O1", "-g", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all")


def static(machine: str) -> Path:
    """As it is delivered."""
    best = next(build.compilers(machine))
    file = _place(f"static-{machine}", [build.HERE / "build.py", *build.sources()], best)
    if not file.exists():
        build.build(machine, file)
    return file


def sanitized() -> Path:
    """Every mistake with memory ends it, with a report on stderr."""
    return _compile("sanitized", ["gcc", *SANITIZERS, "-fsanitize=address,undefined"], build.sources())


def fuzzer() -> Path:
    """libFuzzer around everything but main()."""
    rest = [file for file in build.sources() if file.name != "shim.c"]
    return _compile("fuzzer", ["clang", *SANITIZERS, "-fsanitize=fuzzer,address,undefined"], [*rest, FUZZ])


def _compile(word: str, compiler: Sequence[str], sources: Sequence[Path]) -> Path:
    command = [*compiler, *build.common_flags(), f"-I{build.HERE}"]
    file = _place(word, sources, command)
    if not file.exists():
        with tempfile.TemporaryDirectory(dir=BUILT) as folder:
            made = Path(folder, "made")
            subprocess.run([*command, "-o", str(made), *map(str, sources)], check=True)
            made.replace(file)
    return file


def _place(word: str, sources: Sequence[Path], command: Sequence[str]) -> Path:
    content = hashlib.sha256("\0".join(command).encode())
    for source in [*sorted(sources), build.HERE / "shim.h"]:
        content.update(source.read_bytes())
    BUILT.mkdir(parents=True, exist_ok=True)
    return BUILT / f"{word}-{content.hexdigest()[:16]}"
