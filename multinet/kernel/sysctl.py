"""Kernel parameters: the files behind their names, and several of them written in one go.

A file below /proc/sys/net belongs to the namespace of the thread that opens it, and stays so. Hence the files
are opened in one visit (``Namespace.visit``), and read and written afterwards.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from multinet import steps
from multinet.errors import KernelError, NotPermitted
from multinet.kernel.errors import translate

_FLAGS = os.O_CLOEXEC | os.O_NOCTTY
Opened = int | OSError

FOLDER = "/proc/sys"
"""In a container that is not privileged it is mounted for reading only; its node's, mounted elsewhere, is not."""

_folder = FOLDER


class Setting(NamedTuple):
    """One value to be written. (A tuple, as ``rtnl.Message`` is: an ADD makes twelve.)"""

    name: str
    value: str
    only_if_other: bool = False
    """Leave it alone where it has the value already, or where there is no such parameter."""
    ignore_errors: bool = False


def use(folder: str) -> None:
    """Look for them in ``folder`` from now on: for all of the process, before it has threads. Raises NotPermitted
    where that is mounted for reading only, KernelError where there are none.
    """
    try:
        status = os.statvfs(os.path.join(folder, "net"))
    except OSError as error:
        raise translate(error.errno or 0, f"find kernel parameters in {folder}") from error
    if status.f_flag & os.ST_RDONLY:
        raise NotPermitted(
            f"kernel parameters can't be written: {folder} is mounted for reading only",
            errno=errno.EROFS,
            hint="mount the node's /proc/sys into the container, say at /host/proc/sys, and name it in the setting "
            "agent.sysctlDir",
        )
    global _folder
    _folder = folder


def path_of(name: str) -> str:
    """The file of ``net/ipv4/conf/eth0.7/arp_notify`` or ``net.ipv4.conf.eth0/7.arp_notify``.

    The first separator in the name decides which it is; with dots the two are swapped throughout, since a
    dot in an interface's name is then written as a slash.
    """
    dot, slash = name.find("."), name.find("/")
    if dot >= 0 and (slash < 0 or dot < slash):
        name = name.translate(_SWAPPED)
    return f"{_folder}/{name}"


_SWAPPED = str.maketrans("./", "/.")


def open_to_read(name: str) -> Callable[[], int]:
    """What to do on a visit to read ``name``."""
    return lambda: os.open(path_of(name), os.O_RDONLY | _FLAGS)


def open_to_write(settings: Sequence[Setting]) -> Callable[[], list[Opened]]:
    """What to do on a visit to write ``settings``: a file of each, or why it could not be opened."""
    return lambda: [_opened(setting) for setting in settings]


def _opened(setting: Setting) -> Opened:
    mode = os.O_RDWR if setting.only_if_other else os.O_WRONLY
    try:
        return os.open(path_of(setting.name), mode | _FLAGS)
    except OSError as error:
        return error


def read(file: int, name: str) -> str:
    """The value in an opened file, without its last newline; closes it."""
    try:
        return look(file, name)
    finally:
        os.close(file)


def look(file: int, name: str) -> str:
    """The value as it is now in a file that stays open."""
    try:
        return os.pread(file, 4096, 0).decode().rstrip("\n")
    except OSError as error:
        raise translate(error.errno or 0, f"read sysctl {name}") from error


def write_all(settings: Sequence[Setting], opened: Sequence[Opened]) -> None:
    """Write ``settings`` into the files opened for them, in order, up to a failure; close all files."""
    try:
        for setting, file in zip(settings, opened, strict=True):
            try:
                _write(setting, file)
            except KernelError:
                if not setting.ignore_errors:
                    raise
    finally:
        for file in opened:
            if isinstance(file, int):
                os.close(file)


def _write(setting: Setting, file: Opened) -> None:
    if setting.only_if_other and isinstance(file, FileNotFoundError):
        return
    try:
        if isinstance(file, OSError):
            raise file
        if setting.only_if_other and os.pread(file, 4096, 0).decode().rstrip("\n") == setting.value:
            return
        if steps.heard():
            steps.step(_doing(setting))
        os.write(file, setting.value.encode())
    except OSError as error:
        raise translate(error.errno or 0, _doing(setting)) from error


def _doing(setting: Setting) -> str:
    return f"set sysctl {setting.name} to {setting.value!r}"
