"""The shim is built for both machines, comes with the wheel, and is found."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from multinet import shim
from multinet.cni.versions import SUPPORTED, version_answer
from multinet.errors import IOFailure
from multinet.shim import build
from tests.shim import building
from tests.support import debian, tree


def wheel(folder: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Build one with hatchling, as a front end does it."""
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=tree.ROOT,
        env=os.environ | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def only_compiler(folder: Path, *names: str) -> dict[str, str]:
    """A PATH with these compilers and what they need."""
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(f"/usr/bin/{name}")
    return {"PATH": str(folder), "CC": ""}


@pytest.mark.parametrize("compiler", ["musl-gcc", "gcc", "clang"])
def test_each_compiler_makes_a_static_program(tmp_path: Path, compiler: str):
    file = tmp_path / "shim"
    assert build.build(build.native(), file, using=[[compiler]]) == [compiler]
    dynamic = subprocess.run(["readelf", "-ld", file], capture_output=True, text=True, check=True).stdout
    assert "INTERP" not in dynamic
    assert "There is no dynamic section in this file." in dynamic
    assert [path.name for path in tmp_path.iterdir()] == ["shim"]


def test_the_other_machines_shim_answers_version():
    if platform.machine() == "aarch64":
        program = building.static("x86_64")
        emulator = "qemu-x86_64-static"
    else:
        program = building.static("aarch64")
        emulator = "qemu-aarch64-static"
    done = subprocess.run(
        [debian.program("qemu-user-static", emulator), program],
        env={"CNI_COMMAND": "VERSION"},
        capture_output=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, version_answer(SUPPORTED), b"")


def test_with_musl_it_has_a_few_tens_of_kilobytes(tmp_path: Path):
    build.build(build.native(), tmp_path / "shim", using=[["musl-gcc"]])
    assert (tmp_path / "shim").stat().st_size < 64 << 10


def test_without_a_compiler_the_error_says_what_to_install(tmp_path: Path):
    with pytest.raises(build.CannotBuild) as error:
        build.build(build.native(), tmp_path / "shim", using=[])
    assert str(error.value) == (
        f"could not build the shim for {build.native()}: no compiler is there (pip install ziglang; "
        "or a C compiler that can link statically: musl-gcc, cc, gcc, clang)"
    )


def test_a_compiler_that_fails_is_quoted_and_the_next_one_is_tried(tmp_path: Path):
    assert build.build(build.native(), tmp_path / "shim", using=[["false"], ["gcc"]]) == ["gcc"]
    with pytest.raises(build.CannotBuild) as error:
        build.build(build.native(), tmp_path / "none", using=[["sh", "-c", "echo no libc; exit 1"]])
    assert str(error.value) == (
        f"could not build the shim for {build.native()}: sh -c 'echo no libc; exit 1': no libc"
    )


def test_a_program_for_another_machine_is_not_taken(tmp_path: Path):
    other = next(machine for machine in build.MACHINES if machine != build.native())
    with pytest.raises(build.CannotBuild, match=r"gcc: makes programs for another machine$"):
        build.build(other, tmp_path / "shim", using=[["gcc"]])


def test_there_is_none_for_other_machines():
    with pytest.raises(build.CannotBuild) as error:
        build.machine_named("riscv64")
    assert str(error.value) == "there is no shim for the machine 'riscv64', only for x86_64 and aarch64"
    assert [build.machine_named(name) for name in ("amd64", "ARM64", "x86_64")] == [
        "x86_64",
        "aarch64",
        "x86_64",
    ]


def test_a_wheel_for_both_machines_runs_anywhere(tmp_path: Path):
    done = wheel(tmp_path, {"MULTINET_SHIM_ARCHS": "x86_64,aarch64"})
    assert done.returncode == 0, done.stdout
    (file,) = tmp_path.glob("*.whl")
    assert file.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(file) as archive:
        names = sorted(name for name in archive.namelist() if name.startswith("multinet/shim/"))
        assert names == [
            "multinet/shim/README.md",
            "multinet/shim/__init__.py",
            "multinet/shim/bin/multinet-shim-aarch64",
            "multinet/shim/bin/multinet-shim-x86_64",
        ]
        for machine in build.MACHINES:
            info = archive.getinfo(f"multinet/shim/bin/multinet-shim-{machine}")
            assert info.external_attr >> 16 & 0o111 == 0o111
            assert archive.read(info)[18] == build.MACHINES[machine]


def test_a_wheel_for_this_machine_only_is_tagged_so(tmp_path: Path):
    env = only_compiler(tmp_path / "bin", "gcc", "as", "ld")
    done = wheel(tmp_path, env)
    assert done.returncode == 0, done.stdout
    (file,) = tmp_path.glob("*.whl")
    assert file.name.endswith(f"-py3-none-linux_{build.native()}.whl")
    other = next(machine for machine in build.MACHINES if machine != build.native())
    assert f"The wheel will have none for {other}." in done.stdout
    failed = wheel(tmp_path, env | {"MULTINET_SHIM_ARCHS": "x86_64 aarch64"})
    assert failed.returncode != 0
    assert f"could not build the shim for {other}: no compiler is there" in failed.stdout


def test_a_wheel_without_this_machines_shim_is_not_made(tmp_path: Path):
    done = wheel(tmp_path, only_compiler(tmp_path / "bin"))
    assert done.returncode != 0
    assert f"could not build the shim for {build.native()}: no compiler is there" in done.stdout
    assert list(tmp_path.glob("*.whl")) == []


def test_the_one_of_a_checkout_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    built, packaged = tmp_path / "multinet", tmp_path / "bin" / "multinet-shim-aarch64"
    monkeypatch.setattr(shim, "_CHECKOUT", built)
    monkeypatch.setattr(shim, "_HERE", tmp_path)
    with pytest.raises(IOFailure) as error:
        shim.binary("arm64")
    assert error.value.message == f"this installation has no shim for aarch64: {packaged} is missing"
    built.touch()
    assert shim.binary() == built
    packaged.parent.mkdir()
    packaged.touch()
    assert shim.binary("arm64") == packaged
