"""errno becomes one of our errors, and a sentence.

"could not set mtu of eth1: Invalid argument (mtu less than device minimum)": the words in parentheses are the
kernel's own (its extended acknowledgement), where it gave any.
"""

from __future__ import annotations

import errno as numbers
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from multinet.errors import Busy, Exists, KernelError, NotFound, NotPermitted

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
    return kind(f"could not {doing}: {os.strerror(errno)}{said}", errno=errno, hint=HINTS.get(kind, ""))


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
