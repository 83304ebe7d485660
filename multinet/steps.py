"""Every change to the kernel or to the disk announces itself here, just before it is made.

Nobody listens in production, where an announcement costs one comparison. A test that listens can stop the
process at each step in turn, so that "what if it dies here" is asked of every place and not of a sample.
The announcers are the doors through which all changes go: a netlink socket's send, a sysctl write, a file's
creation, rename or removal, the start of an executable. While somebody listens, messages that otherwise share
one ``sendmsg`` are sent one by one, so that no step hides behind another.
"""

from __future__ import annotations

from collections.abc import Callable

_listener: Callable[[str], None] | None = None


def listen(listener: Callable[[str], None] | None) -> None:
    """Call ``listener`` before each change from now on, with a few words that say which; None ends it."""
    global _listener
    _listener = listener


def heard() -> bool:
    """Is somebody listening? Then changes are made one by one."""
    return _listener is not None


def step(what: str) -> None:
    """Announce the change that follows."""
    if _listener is not None:
        _listener(what)
