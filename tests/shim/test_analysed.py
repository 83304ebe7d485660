"""Two analysers follow every path through the shim's source, and find nothing: it runs as root on each node."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.shim.building import build

GCC = ("gcc", "-O0", "-fanalyzer")
CLANG = (
    *("clang", "--analyze", "--analyzer-output", "text", "-Xclang", "-analyzer-werror"),
    *("-Xclang", "-analyzer-checker=core,unix,security,deadcode,nullability,alpha.unix"),
    # memcpy and its like have no others in C without the optional part of the standard.
    *("-Xclang", "-analyzer-disable-checker=security.insecureAPI.DeprecatedOrUnsafeBufferHandling"),
    # A start by vfork copies nothing; what its child may do, and does, is written at it.
    *("-Xclang", "-analyzer-disable-checker=security.insecureAPI.vfork,unix.Vfork"),
)
A_DEFECT = """
#include <stdlib.h>
int taken(int wanted);
int taken(int wanted)
{
    char *text = malloc(2);
    if (text == NULL)
        return 0;
    if (wanted)
        free(text);
    return text[0];
}
"""


def analysed(analyser: tuple[str, ...], source: Path, folder: Path) -> str:
    """What it says."""
    made = ("-c", "-o", str(folder / "made.o")) if analyser[0] == "gcc" else ()
    done = subprocess.run(
        [*analyser, *build.common_flags(), *made, str(source)], capture_output=True, text=True, timeout=120
    )
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize("source", build.sources(), ids=lambda source: source.name)
@pytest.mark.parametrize("analyser", [GCC, CLANG], ids=lambda analyser: analyser[0])
def test_an_analyser_finds_nothing(analyser: tuple[str, ...], source: Path, tmp_path: Path) -> None:
    assert analysed(analyser, source, tmp_path) == ""


@pytest.mark.parametrize("analyser", [GCC, CLANG], ids=lambda analyser: analyser[0])
def test_an_analyser_would_find_something(analyser: tuple[str, ...], tmp_path: Path) -> None:
    source = tmp_path / "defect.c"
    source.write_text(A_DEFECT)
    assert "free" in analysed(analyser, source, tmp_path)
