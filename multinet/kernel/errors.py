"""errno becomes one of our errors, and a sentence.

"could not set mtu of eth1: Invalid argument (mtu less than device minimum)": the words in parentheses are the
kernel's own (its extended acknowledgement), where it gave any.
"""

from __future__ import annotations

import errno as numbers
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from multinet.errors import Busy, Exists, KernelError, NotFound, NotPermitted, strerror

P = ParamSpec("P")
T = TypeVar("T")

UNREADABLE: Final = (struct.error, LookupError, ValueError)
"""What taking a message to pieces raises where it is cut short, lacks a part, or holds no address or text."""

KINDS: Mapping[int, type[KernelError]] = {
    numbers.ENOENT: NotFound,
    numbers.ENODEV: NotFound,
    numbers.ENXIO: NotFound,
    numbers.ESRCH: NotFound,
    numbers.EADDRNOTAVAIL: NotFound,
    numbers.EEXIST: Exists,
    numbers.EBUSY: Busy,
    numbers.EPERM: NotPermitted,
    numbers.EACCES: NotPermitted,
}

HINTS: Mapping[type[KernelError], str] = {
    NotPermitted: "this takes root, or CAP_NET_ADMIN over the namespace",
}


def translate(errno: int, doing: str, extack: str = "") -> KernelError:
    """The error for ``errno`` (positive), met while ``doing`` something: "set mtu of eth1"."""
    kind = KINDS.get(errno, KernelError)
    said = f" ({extack})" if extack else ""
    return kind(f"could not {doing}: {strerror(errno)}{said}", errno=errno, hint=HINTS.get(kind, ""))


def unreadable(what: str, error: Exception) -> KernelError:
    """The error for one of ``UNREADABLE``, where a message tells of ``what``."""
    why = "a part is missing" if isinstance(error, LookupError) else str(error)
    return KernelError(
        f"could not read what the kernel tells of {what}: {why}",
        hint="this kernel speaks otherwise than those that are known: please report it",
    )


def reads(what: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """For what takes the kernel's messages to pieces: one that makes no sense is an error of ours, and says so."""

    def decorate(read: Callable[P, T]) -> Callable[P, T]:
        @wraps(read)
        def reading(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return read(*args, **kwargs)
            except UNREADABLE as error:
                raise unreadable(what, error) from error

        return reading

    return decorate


@contextmanager
def asking(doing: str) -> Iterator[None]:
    """Make a refusal inside the block, of the system or of pyroute2, an error of ours; keep it as the cause."""
    try:
        yield
    except OSError as error:
        raise translate(error.errno or 0, doing) from error
    except Exception as error:
        # pyroute2's NetlinkError is told by its module, so that nobody pays for importing it to catch it.
        code = getattr(error, "code", None)
        if type(error).__module__.partition(".")[0] != "pyroute2" or not isinstance(code, int):
            raise
        extack = next((word for word in error.args[1:] if isinstance(word, str)), "")
        raise translate(code, doing, "" if extack == os.strerror(code) else extack) from error
