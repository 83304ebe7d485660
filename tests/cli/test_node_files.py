"""Our program in the runtime's folder: put there, linked, replaced, removed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from multinet.cli import main
from multinet.cli.node_files import Programs
from multinet.errors import InvalidConfig


@pytest.fixture
def shim(tmp_path: Path) -> Path:
    file = tmp_path / "built"
    file.write_bytes(b"#!/bin/sh\necho one\n")
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "opt" / "cni" / "bin"


def install(folder: Path, shim: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["install", "--bin-dir", str(folder), "--shim", str(shim), *more])


def test_the_program_is_put_there_with_its_links(folder: Path, shim: Path):
    done = install(folder, shim, "--link", "multus", "--link", "macvlan")
    assert done.output.splitlines() == [
        f"installed {folder}/multinet",
        f"linked {folder}/multus",
        f"linked {folder}/macvlan",
    ]
    assert sorted(os.listdir(folder)) == ["macvlan", "multinet", "multus"]
    assert os.readlink(folder / "multus") == "multinet"
    assert subprocess.check_output([folder / "macvlan"]) == b"one\n"


def test_what_is_there_already_is_left_alone(folder: Path, shim: Path):
    install(folder, shim, "--link", "multus")
    before = (folder / "multinet").stat()
    done = install(folder, shim, "--link", "multus")
    assert done.output.splitlines() == [
        f"{folder}/multinet is there already",
        f"{folder}/multus is there already",
    ]
    after = (folder / "multinet").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_one_that_runs_is_replaced_and_runs_on(folder: Path, shim: Path):
    shim.write_bytes(Path("/bin/cat").read_bytes())
    install(folder, shim)
    with subprocess.Popen([folder / "multinet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        shim.write_bytes(b"#!/bin/sh\necho two\n")
        assert install(folder, shim).output == f"replaced {folder}/multinet\n"
        assert subprocess.check_output([folder / "multinet"]) == b"two\n"
        assert running.communicate(b"still here")[0] == b"still here"


def test_one_that_may_not_be_executed_is_put_right(folder: Path, shim: Path):
    install(folder, shim)
    (folder / "multinet").chmod(0o600)
    assert install(folder, shim).output == f"replaced {folder}/multinet\n"
    assert (folder / "multinet").stat().st_mode & 0o777 == 0o755


def test_a_name_that_nobody_answers_to_is_refused_before_anything_is_done(folder: Path, shim: Path):
    done = install(folder, shim, "--link", "multus", "--link", "calico")
    assert done.exit_code == 1
    told = f"multinet: could not link {folder}/calico: multinet does not answer to 'calico' (it does to bandwidth"
    assert done.output.startswith(told)
    assert not folder.exists()


def test_another_s_program_is_put_aside_only_when_asked_and_brought_back(folder: Path, shim: Path):
    folder.mkdir(parents=True)
    (folder / "bridge").write_bytes(b"another's")
    done = install(folder, shim, "--link", "bridge")
    assert done.exit_code == 1
    assert done.output == (
        f"multinet: could not link {folder}/bridge: there is a program of that name, and not ours (--replace puts it "
        "aside as bridge.before-multinet, and the uninstall brings it back)\n"
    )
    assert (folder / "bridge").read_bytes() == b"another's"
    assert install(folder, shim, "--link", "bridge", "--replace").exit_code == 0
    assert os.readlink(folder / "bridge") == "multinet"
    assert Programs(folder).remove() == [
        f"removed {folder}/bridge",
        f"brought back {folder}/bridge",
        f"removed {folder}/multinet",
    ]
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {"bridge": b"another's"}


def test_nothing_is_removed_that_is_not_ours(folder: Path):
    folder.mkdir(parents=True)
    (folder / "host-local").write_bytes(b"another's")
    (folder / "portmap").symlink_to("host-local")
    assert Programs(folder).remove() == []
    assert Programs(folder.parent / "nothing").remove() == []
    assert sorted(os.listdir(folder)) == ["host-local", "portmap"]


def test_half_a_program_of_one_who_died_is_cleared_away(folder: Path, shim: Path):
    folder.mkdir(parents=True)
    (folder / ".multinet.tmp").write_bytes(b"half")
    assert install(folder, shim).exit_code == 0
    assert os.listdir(folder) == ["multinet"]


def test_a_folder_that_can_t_be_written_is_named(folder: Path, shim: Path):
    folder.parent.mkdir(parents=True)
    folder.write_bytes(b"a file")
    done = install(folder, shim)
    assert done.exit_code == 1
    assert done.output == (
        f"multinet: could not make the folder {folder}: File exists (what has that name is no folder)\n"
    )


def test_names_are_checked_against_what_is_installed(folder: Path):
    with pytest.raises(InvalidConfig, match="does not answer to 'multinet'"):
        Programs(folder).check_names(["multinet"])
