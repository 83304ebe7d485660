"""A network namespace is held, not entered.

A socket belongs for life to the namespace it was opened in, and so does a file below /proc/sys/net. So a
thread goes there only to open something and comes back at once (``visit``), and whatever else is done is done
through what was opened. What must really run inside, an executable, runs from a thread of its own that ends
there (``run_in``).
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import NamedTuple, NoReturn, Self, TypeVar

from multinet.errors import InvalidNetns, MultinetError, NetnsGone, NotAContainers, NotPermitted, strerror
from multinet.kernel import sysctl
from multinet.kernel.errors import translate
from multinet.kernel.rtnl import Rtnl, new_socket, prepared
from multinet.kernel.sysctl import Setting
from multinet.waiting import waiting

T = TypeVar("T")

CLONE_NEWNET = 0x40000000
NS_GET_NSTYPE = 0xB703
HERE = "/proc/thread-self/ns/net"
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK  # a FIFO at the path must not stop us

if sys.version_info >= (3, 12):
    _setns = os.setns
else:
    _libc = ctypes.CDLL(None, use_errno=True)

    def _setns(fd: int, nstype: int = 0) -> None:
        if _libc.setns(fd, nstype):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


class _Home(NamedTuple):
    """The namespace that a thread is in, by an open file of it."""

    fd: int
    identity: tuple[int, int]

    @classmethod
    def open(cls) -> _Home:
        fd = os.open(HERE, _OPEN)
        status = os.fstat(fd)
        return cls(fd, (status.st_dev, status.st_ino))


_kept = threading.local()


@contextmanager
def at_home() -> Iterator[None]:
    """While inside, the calling thread is moved by nobody but ``Namespace.visit``, which then need not ask each
    time where it is: the walk through /proc to that is half of what a visit costs. Without a free file descriptor it
    asks each time, as everywhere else.
    """
    try:
        home = _Home.open()
    except OSError:
        yield
        return
    _kept.home = home
    try:
        yield
    finally:
        del _kept.home
        os.close(home.fd)


class Namespace:
    """A network namespace, by an open file of it. Who opens one closes it; one thread uses it at a time."""

    __slots__ = ("_identity", "_parameters", "_rtnl", "fd", "path")

    def __init__(self, fd: int, path: str = "") -> None:
        """Take over ``fd``, a file of a network namespace."""
        self.fd = fd
        self.path = path
        self._rtnl: Rtnl | None = None
        self._identity: tuple[int, int] | None = None
        self._parameters: dict[str, int] = {}
        """Open files of those that are asked for again and again."""

    @classmethod
    def open(cls, path: str) -> Self:
        """The namespace at ``path``. Raises NetnsGone for nothing there, InvalidNetns for anything else."""
        try:
            fd = os.open(path, _OPEN)
        except OSError as error:
            raise could_not_open(path, error.errno or 0) from error
        try:
            refuse_others(fd, path)
        except BaseException:
            os.close(fd)
            raise
        return cls(fd, path)

    @classmethod
    def of_fd(cls, fd: int, path: str = "") -> Self:
        """The namespace that ``fd`` is a file of; ``fd`` stays the caller's."""
        refuse_others(fd, path or f"/proc/self/fd/{fd}")
        return cls(os.dup(fd), path)

    @classmethod
    def current(cls) -> Self:
        """The calling thread's."""
        return cls(os.open(HERE, _OPEN), HERE)

    def __repr__(self) -> str:
        return f"Namespace({self.path!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._rtnl is not None:
            self._rtnl.close()
        while self._parameters:
            os.close(self._parameters.popitem()[1])
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode: equal for two files of one namespace, whatever their paths."""
        if self._identity is None:
            status = os.fstat(self.fd)
            self._identity = status.st_dev, status.st_ino
        return self._identity

    def same_as(self, other: Namespace) -> bool:
        return self.identity == other.identity

    @property
    def rtnl(self) -> Rtnl:
        """Its netlink socket, opened when first asked for, and again when the last one fell out of step."""
        if self._rtnl is None or self._rtnl.closed:
            self._rtnl = Rtnl(prepared(self.visit(new_socket)))
        return self._rtnl

    def visit(self, open_something: Callable[[], T]) -> T:
        """Go there, do that, come back. For opening things only: nothing that waits, calls back or logs.

        A thread that can't come back would do the next pod's work in this pod's namespace, so then the
        process ends. One that is there already stays, and needs no right to go anywhere.
        """
        kept: _Home | None = getattr(_kept, "home", None)
        if kept is not None:
            return self._visit_from(kept, open_something)
        home = _Home.open()
        try:
            return self._visit_from(home, open_something)
        finally:
            os.close(home.fd)

    def _visit_from(self, home: _Home, open_something: Callable[[], T]) -> T:
        if home.identity == self.identity:
            return open_something()
        try:
            self._enter()
            return open_something()
        finally:
            try:
                _setns(home.fd, CLONE_NEWNET)
            except BaseException as error:
                _lost(self.path, error)

    def _enter(self) -> None:
        try:
            _setns(self.fd, CLONE_NEWNET)
        except OSError as error:
            raise translate(error.errno or 0, f"enter network namespace {self.path!r}") from error

    def read_sysctl(self, name: str) -> str:
        """The value of ``net/ipv4/ip_forward``; dots may stand for the slashes."""
        return sysctl.read(self._open_sysctl(name), name)

    def look_at_sysctl(self, name: str) -> str:
        """The same, of one that every request looks at: its file stays open as long as the namespace does."""
        file = self._parameters.get(name)
        if file is None:
            file = self._parameters[name] = self._open_sysctl(name)
        return sysctl.look(file, name)

    def _open_sysctl(self, name: str) -> int:
        try:
            return self.visit(sysctl.open_to_read(name))
        except OSError as error:
            raise translate(error.errno or 0, f"read sysctl {name}") from error

    def write_sysctl(self, name: str, value: str) -> None:
        self.set_sysctls((Setting(name=name, value=value),))

    def write_sysctls(self, values: Iterable[tuple[str, str]], *, ignore_errors: bool = False) -> None:
        """Write several, in order, on one visit."""
        self.set_sysctls(
            [Setting(name=name, value=value, ignore_errors=ignore_errors) for name, value in values]
        )

    def set_sysctls(self, settings: Sequence[Setting]) -> None:
        """Write several on one visit, each with its own conditions."""
        if settings:
            sysctl.write_all(settings, self.visit(sysctl.open_to_write(settings)))


def run_in(
    namespace: Namespace, argv: Sequence[str], input: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run an executable in ``namespace`` and wait for it. Raises NotFound when there is no such executable.

    A child inherits the namespace of the thread that starts it; this thread is made for it and ends.
    """
    outcome: list[subprocess.CompletedProcess[bytes] | BaseException] = []

    def work() -> None:
        try:
            namespace._enter()
            outcome.append(subprocess.run(argv, input=input, capture_output=True))
        except BaseException as error:
            outcome.append(error)

    thread = Thread(target=work, name=f"run {argv[0]}")
    with waiting():
        thread.start()
        thread.join()
    (done,) = outcome
    if isinstance(done, OSError):
        raise translate(done.errno or 0, f"run {argv[0]}") from done
    if isinstance(done, BaseException):
        raise done
    return done


def require_entering() -> None:
    """Raise NotPermitted where this process may not enter network namespaces at all: no ADD could be served."""
    with Namespace.current() as here:
        try:
            here._enter()
        except NotPermitted as error:
            raise NotPermitted(
                "this process may not enter network namespaces",
                errno=error.errno,
                hint="it needs the capability SYS_ADMIN (and NET_ADMIN, to make anything there)",
            ) from error


def could_not_open(path: str, number: int) -> InvalidNetns:
    """The error for a path that could not be opened with that errno: NetnsGone where nothing is there."""
    gone = number in (errno.ENOENT, errno.ENOTDIR)
    return (NetnsGone if gone else InvalidNetns)(
        f'failed to open netns "{path}": failed to Statfs "{path}": {strerror(number).lower()}'
    )


def refuse_others(fd: int, path: str) -> None:
    """Raise NotAContainers unless ``fd`` is a file of a network namespace; InvalidNetns when that can't be told."""
    try:
        kind = fcntl.ioctl(fd, NS_GET_NSTYPE)
    except OSError as error:
        if error.errno != errno.ENOTTY:
            raise InvalidNetns(f'failed to open netns "{path}": {error.strerror}') from error
        raise NotAContainers(
            f'failed to open netns "{path}": unknown FS magic on "{path}": {magic_of(fd):x}',
            hint="CNI_NETNS must be the path of a network namespace",
        ) from error
    if kind != CLONE_NEWNET:
        raise NotAContainers(f'failed to open netns "{path}": it is a namespace, but not one of networks')


def magic_of(fd: int) -> int:
    """The magic number of the file system that ``fd`` is on: the first member of `struct statfs`."""
    buffer = ctypes.create_string_buffer(256)
    if ctypes.CDLL(None, use_errno=True).fstatfs(fd, buffer):
        raise MultinetError(f"could not ask for a file system: {os.strerror(ctypes.get_errno())}")
    return ctypes.cast(buffer, ctypes.POINTER(ctypes.c_long)).contents.value & 0xFFFFFFFF


def _lost(path: str, error: BaseException) -> NoReturn:
    try:
        words = f"multinet: could not return from network namespace {path!r}: {error}; this process ends\n"
        os.write(2, words.encode())
    finally:
        os._exit(70)  # EX_SOFTWARE
