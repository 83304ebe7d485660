"""Files whole or not at all, on file systems with unnamed files and without."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from multinet import files, steps
from multinet.errors import IOFailure
from multinet.locks import Lock


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """The steps that are announced."""
    seen: list[str] = []
    steps.listen(seen.append)
    yield seen
    steps.listen(None)


@pytest.fixture(params=["unnamed", "named"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One that has unnamed files, and one that has not."""
    if request.param == "named":
        opened = os.open

        def without(path: Any, flags: int, *args: Any, **keys: Any) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(errno.EOPNOTSUPP, "")
            return opened(path, flags, *args, **keys)

        monkeypatch.setattr(os, "open", without)
    return str(request.param)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_written_file_replaces_the_one_before(state: Path, heard: list[str]) -> None:
    file = state / "file"
    files.write_atomic(file, b"one")
    files.write_atomic(str(file), b"2", mode=0o600)
    assert file.read_bytes() == b"2"
    assert mode(file) == 0o600
    assert [path.name for path in state.iterdir()] == ["file"]
    assert heard == [f"write {state}/.file.tmp", f"rename {state}/.file.tmp to {file}"] * 2


def test_readers_see_the_old_file_until_the_new_one_is_whole(state: Path) -> None:
    file = state / "file"
    file.write_bytes(b"old")
    seen = []
    steps.listen(lambda _: seen.append(file.read_bytes()))
    try:
        files.write_atomic(file, b"new")
    finally:
        steps.listen(None)
    assert seen == [b"old", b"old"]


def test_a_file_left_half_written_does_not_disturb_the_next_writer(state: Path) -> None:
    Path(files.temporary(state / "file")).write_bytes(b"of a process that died, and long")
    files.write_atomic(state / "file", b"new")
    assert (state / "file").read_bytes() == b"new"


@pytest.mark.parametrize(("before", "after"), [(None, b"new"), (b"longer than new", b"new"), (b"", b"new")])
def test_overwriting_leaves_nothing_of_what_was_there(
    before: bytes | None, after: bytes, state: Path, heard: list[str]
) -> None:
    file = state / "file"
    if before is not None:
        file.write_bytes(before)
    files.overwrite(file, after)
    assert file.read_bytes() == after
    assert heard == [f"write {file}"]


@pytest.mark.usefixtures("file_system")
def test_a_file_is_created_once(state: Path) -> None:
    file = state / "file"
    assert files.create(file, b"one") is True
    assert files.create(file, b"two") is False
    assert file.read_bytes() == b"one"
    assert mode(file) == 0o600
    assert [path.name for path in state.iterdir()] == ["file"]


def test_creation_is_one_step_and_nothing_is_there_before(
    state: Path, heard: list[str], file_system: str
) -> None:
    file = state / "file"
    files.create(file, b"one")
    unfinished = f"{state}/.file.tmp"
    assert (
        heard
        == {
            "unnamed": [f"create {file}"],
            "named": [f"write {unfinished}", f"create {file}", f"remove {unfinished}"],
        }[file_system]
    )


def test_without_proc_a_file_is_created_under_a_name(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def without(source: Any, *args: Any, **keys: Any) -> None:
        if str(source).startswith("/proc"):
            raise FileNotFoundError(errno.ENOENT, "")
        link(source, *args, **keys)

    monkeypatch.setattr(os, "link", without)
    assert files.create(state / "file", b"one") is True
    assert [path.name for path in state.iterdir()] == ["file"]


def test_threads_may_create_the_same_unnamed_file(state: Path) -> None:
    made: list[int] = []
    start = threading.Barrier(4)

    def work(number: int) -> None:
        start.wait()
        made.extend(name for name in range(50) if files.create(state / str(name), str(number).encode()))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == list(range(50))


def test_what_is_absent_can_be_removed(state: Path, heard: list[str]) -> None:
    file = state / "file"
    file.touch()
    assert files.remove(file) is True
    assert files.remove(file) is False
    assert heard == [f"remove {file}"] * 2


def test_a_moved_file_replaces_another(state: Path, heard: list[str]) -> None:
    (state / "a").write_bytes(b"a")
    (state / "b").write_bytes(b"b")
    files.move(state / "a", state / "b")
    assert {path.name: path.read_bytes() for path in state.iterdir()} == {"b": b"a"}
    assert heard == [f"rename {state}/a to {state}/b"]


def test_folders_are_made_each_by_a_step(state: Path, heard: list[str]) -> None:
    for _ in range(2):
        files.make_dirs(state / "a/b/c", mode=0o700)
    assert [mode(state / path) for path in ("a", "a/b", "a/b/c")] == [0o700] * 3
    assert heard == [f"make the folder {state}/{path}" for path in ("a", "a/b", "a/b/c")]


def test_probing_leaves_nothing(state: Path, heard: list[str], file_system: str) -> None:
    files.probe_writable(state)
    assert list(state.iterdir()) == []
    assert heard == []


@pytest.fixture
def read_only(state: Path) -> Iterator[Path]:
    """A folder on a file system that is mounted for reading only."""
    (state / "mount").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "files", state / "mount"], check=True)
    yield state / "mount"
    subprocess.run(["umount", state / "mount"], check=True)


@pytest.mark.kernel
@pytest.mark.usefixtures("file_system")
def test_a_read_only_file_system_is_told(read_only: Path) -> None:
    hint = "(name a place on a file system that is mounted for writing)"
    for work, words in (
        (lambda: files.write_atomic(read_only / "a", b""), f"could not write {read_only}/a"),
        (lambda: files.overwrite(read_only / "a", b""), f"could not write {read_only}/a"),
        (lambda: files.create(read_only / "a", b""), f"could not create {read_only}/a"),
        (lambda: files.make_dirs(read_only / "a"), f"could not make the folder {read_only}/a"),
        (lambda: Lock(read_only / "a").__enter__(), f"could not lock {read_only}/a"),
    ):
        with pytest.raises(IOFailure) as caught:
            work()
        assert str(caught.value) == f"{words}: Read-only file system {hint}"
        assert caught.value.code == 5
    with pytest.raises(IOFailure, match=f"could not write to {read_only}: "):
        files.probe_writable(read_only)
    assert files.remove(read_only / "absent") is False


@pytest.fixture
def full(state: Path) -> Iterator[Path]:
    """A folder on a file system that has names left, and no room."""
    (state / "mount").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "files", state / "mount"], check=True)
    with pytest.raises(OSError, match="No space left on device"):
        (state / "mount" / "all").write_bytes(bytes(1 << 20))
    yield state / "mount"
    subprocess.run(["umount", state / "mount"], check=True)


@pytest.mark.kernel
def test_a_full_file_system_is_told_though_files_can_be_made_there(full: Path) -> None:
    with pytest.raises(IOFailure) as told:
        files.probe_writable(full)
    assert str(told.value) == (
        f"could not write to {full}: No space left on device (make room on that file system)"
    )
    (full / "all").unlink()
    files.probe_writable(full)


@pytest.mark.kernel
def test_what_finds_no_room_leaves_the_file_as_it_was_and_nothing_beside_it(full: Path) -> None:
    file = full / "all"
    with pytest.raises(IOFailure) as told:
        files.write_atomic(file, b"new")
    assert (
        str(told.value) == f"could not write {file}: No space left on device (make room on that file system)"
    )
    assert [path.name for path in full.iterdir()] == ["all"]


def test_failures_name_the_file_and_the_reason(state: Path) -> None:
    (state / "file").touch()
    inside = state / "file/a"
    gone = state / "gone/a"
    for work, words in (
        (lambda: files.read(gone), f"could not read {gone}: No such file or directory"),
        (lambda: files.create(gone, b""), f"could not create {gone}: No such file or directory"),
        (lambda: files.write_atomic(gone, b""), f"could not write {gone}: No such file or directory"),
        (lambda: files.move(gone, state), f"could not rename {gone} to {state}: No such file or directory"),
        (
            lambda: files.remove(inside),
            f"could not remove {inside}: Not a directory (a part of the path is a file)",
        ),
        (
            lambda: files.make_dirs(inside),
            f"could not make the folder {state}/file: File exists (what has that name is no folder)",
        ),
        (lambda: files.remove(state), f"could not remove {state}: Is a directory"),
    ):
        with pytest.raises(IOFailure) as caught:
            work()
        assert str(caught.value) == words


def test_older_files_are_found_by_pattern_and_age(state: Path) -> None:
    now = time.time()
    for name, age in (("a.json", 100), ("b.json", 10), ("c.txt", 100)):
        (state / name).touch()
        os.utime(state / name, (now - age, now - age))
    (state / "folder.json").mkdir()
    os.utime(state / "folder.json", (now - 100, now - 100))
    (state / "link.json").symlink_to(state / "a.json")

    assert files.older(state, "*.json", 50) == [state / "a.json"]
    assert files.older(state / "missing", "*", 0) == []


def test_a_folder_that_keeps_its_owner_out_is_opened_to_him_and_to_nobody_else(
    state: Path, heard: list[str]
) -> None:
    closed, open_ = state / "closed", state / "open"
    closed.mkdir(mode=0o600)
    open_.mkdir(mode=0o711)

    for folder in (closed, open_, state / "missing"):
        files.let_owner_in(folder)

    assert [folder.stat().st_mode & 0o777 for folder in (closed, open_)] == [0o700, 0o711]
    assert heard == [f"let root into {closed}"]


def test_folders_that_are_missing_are_made_on_the_way(state: Path):
    files.write_atomic(state / "a" / "b" / "file", b"content", dirs=0o700)
    assert (state / "a" / "b" / "file").read_bytes() == b"content"
    with Lock(state / "a" / "c" / "lock", dirs=0o750):
        assert (state / "a" / "c" / "lock").exists()
    assert [(state / name).stat().st_mode & 0o777 for name in ("a/b", "a/c")] == [0o700, 0o750]


def test_a_file_where_a_folder_is_to_be_made_is_named(state: Path):
    (state / "file").touch()
    for write in (
        lambda: files.write_atomic(state / "file" / "a", b"", dirs=0o700),
        lambda: Lock(state / "file" / "a", dirs=0o700).__enter__(),
    ):
        with pytest.raises(IOFailure, match=f"could not make the folder {state}/file: File exists"):
            write()
