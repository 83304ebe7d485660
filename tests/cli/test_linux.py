"""A folder of the node's own at a path of the machine's, seen by one program only."""

from __future__ import annotations

from pathlib import Path

import pytest

from multinet.cli.sandbox import linux

pytestmark = pytest.mark.kernel


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder that stands for /var/lib, with one of everything in it."""
    folder = tmp_path / "lib"
    (folder / "apt/lists").mkdir(parents=True)
    (folder / "file").write_text("text")
    (folder / "link").symlink_to("file")
    return folder


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_is_found_at_a_path_that_nobody_else_sees_it_at(
    machine: Path, tmp_path: Path, there: bool
) -> None:
    target, own, spare = machine / "cni", tmp_path / "own", tmp_path / "spare"
    own.mkdir()
    spare.mkdir()
    if there:
        target.mkdir()
    before = sorted(machine.rglob("*"))

    def work() -> list[Path]:
        linux.unshare(linux.CLONE_NEWNS)
        linux.mount("/", flags=linux.MS_REC | linux.MS_SLAVE)
        linux.bind(own, target, spare)
        (target / "kept").touch()
        assert (machine / "link").read_text() == "text"
        return sorted(machine.rglob("*"))

    assert linux.in_thread(work) == sorted({*before, target, target / "kept"})
    assert sorted(machine.rglob("*")) == before
    assert [path.name for path in own.iterdir()] == ["kept"]
    assert list(spare.iterdir()) == []


def test_what_a_thread_raises_is_raised_here() -> None:
    def work() -> None:
        raise OSError(5, "no")

    with pytest.raises(OSError, match="no"):
        linux.in_thread(work)
