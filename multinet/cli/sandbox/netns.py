"""Named network namespaces, where and as ``ip netns`` has them: a mount on ``/run/netns/<name>``.

So ``ip netns exec NAME`` works on what is made here, and the other way round.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from multinet.cli.sandbox import linux
from multinet.errors import IOFailure, MultinetError

FOLDER = Path("/run/netns")


def path(name: str) -> Path:
    return FOLDER / name


def exists(name: str) -> bool:
    """Is a namespace there? A file of that name may also be what a crash left."""
    return os.path.ismount(path(name))


def make(name: str) -> None:
    """Raises IOFailure; then nothing is left of it."""
    file = path(name)
    try:
        os.close(os.open(file, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0))
    except OSError as error:
        raise refused(f"could not make the network namespace {name}", error) from error
    try:
        linux.in_thread(lambda: _make_at(file))
    except OSError as error:
        file.unlink()
        raise refused(f"could not make the network namespace {name}", error) from error


def _make_at(file: Path) -> None:
    linux.unshare(linux.CLONE_NEWNET)
    linux.mount(file, source="/proc/thread-self/ns/net", flags=linux.MS_BIND)


def share_folder() -> bool:
    """Make the folder a mount whose mounts are seen in every mount namespace that has it, as ``ip`` does.

    Otherwise a namespace could not be removed while another process has a copy of its mount. True when it
    was not a mount before.
    """
    try:
        linux.mount(FOLDER, flags=linux.MS_SHARED | linux.MS_REC)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        linux.mount(FOLDER, source=FOLDER, flags=linux.MS_BIND | linux.MS_REC)
        linux.mount(FOLDER, flags=linux.MS_SHARED | linux.MS_REC)
        return True
    return False


def remove(name: str) -> None:
    """The name goes; the namespace follows when no process is left in it. Absent is success."""
    file = path(name)
    with suppress(OSError):  # a plain file, left by a process that died before the mount
        linux.unmount(file)
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise refused(f"could not remove the network namespace {name}", error) from error


def processes(name: str) -> list[str]:
    """The programs that run in the namespace: ``["1234 sleep"]``; none when it is not there."""
    if not exists(name):
        return []
    wanted = os.stat(path(name))
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):  # it has ended meanwhile
            place = os.stat(entry / "ns" / "net")
            if (place.st_dev, place.st_ino) == (wanted.st_dev, wanted.st_ino):
                found.append(f"{entry.name} {(entry / 'comm').read_text().strip()}")
    return sorted(found, key=lambda one: int(one.split()[0]))


def run(
    argv: Sequence[str],
    *,
    namespace: Path | None,
    furnish: Callable[[], None],
    env: Mapping[str, str],
    stdin: bytes,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program in ``namespace`` (None: in this one) and in a mount namespace of its own.

    ``furnish`` is called there before, and mounts what only that program is to see.
    """

    def start() -> subprocess.Popen[bytes]:
        linux.unshare(linux.CLONE_NEWNS)
        linux.mount("/", flags=linux.MS_REC | linux.MS_SLAVE)
        furnish()
        if namespace is not None:
            enter(namespace)
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=dict(env), cwd="/")

    try:
        process = linux.in_thread(start)
    except OSError as error:
        raise refused(f"could not run {argv[0]} in {namespace or 'this namespace'}", error) from error
    stdout, stderr = process.communicate(stdin)
    return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)


def enter(file: Path) -> None:
    """The calling thread moves there, for good."""
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        linux.setns(fd, linux.CLONE_NEWNET)
    finally:
        os.close(fd)


def replace_process(file: Path, argv: Sequence[str]) -> None:
    """This process becomes ``argv`` in that namespace, with a ``/sys`` that shows the namespace's links.

    Raises MultinetError when the program can't be started.
    """
    try:
        enter(file)
        linux.unshare(linux.CLONE_NEWNS)
        linux.mount("/", flags=linux.MS_REC | linux.MS_SLAVE)
    except OSError as error:
        raise refused(f"could not enter the network namespace {file.name}", error) from error
    with suppress(OSError):  # not everybody may mount one, and few programs need it
        linux.mount("/sys", source="sysfs", kind="sysfs")
    try:
        os.execvp(argv[0], list(argv))
    except OSError as error:
        raise MultinetError(f"could not run {argv[0]}: {error.strerror}") from error


def refused(doing: str, error: OSError) -> IOFailure:
    """A sentence for the refusal, with the way out for those who may not."""
    hint = ""
    if error.errno in (errno.EPERM, errno.EACCES):
        hint = "run it as root, or inside `multinet sandbox shell`, which an ordinary user may have"
    return IOFailure(f"{doing}: {error.strerror}", hint=hint)
