"""Netfilter sockets are kept open for the next to use them.

Not for the price of opening one (some 30 us), but of closing one: before the kernel lets such a socket go, it waits
until all that anybody deleted in the namespace lately is freed. That takes an RCU grace period, 10 to 30 ms, in
which nobody else in the namespace can change a rule. An agent closes none as a rule; a process that ends pays once.
A socket keeps its namespace alive, so only a few are kept, those that were used last.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

from multinet.errors import KernelError
from multinet.kernel.namespace import Namespace
from multinet.kernel.nfnetlink import Nfnetlink

KEPT_SOCKETS = 16

_lock = Lock()
_kept: list[tuple[tuple[int, int], Nfnetlink]] = []


@contextmanager
def borrowed(namespace: Namespace) -> Iterator[Nfnetlink]:
    """A socket in ``namespace`` that nobody else uses meanwhile. It is kept unless the block fails."""
    identity = namespace.identity
    net = _take(identity) or Nfnetlink.open(namespace)
    try:
        yield net
    except BaseException:
        net.close()
        raise
    _keep(identity, net)


@contextmanager
def borrowed_if_any(namespace: Namespace) -> Iterator[Nfnetlink | None]:
    """The same, or None where the kernel has no nf_tables or does not let us."""
    with ExitStack() as stack:
        net: Nfnetlink | None = None
        try:
            net = stack.enter_context(borrowed(namespace))
            net.generation()
        except KernelError:
            net = None
        yield net


def _take(identity: tuple[int, int]) -> Nfnetlink | None:
    with _lock:
        for number, (where, _) in enumerate(_kept):
            if where == identity:
                return _kept.pop(number)[1]
    return None


def _keep(identity: tuple[int, int], net: Nfnetlink) -> None:
    with _lock:
        _kept.insert(0, (identity, net))
        surplus = _kept[KEPT_SOCKETS:]
        del _kept[KEPT_SOCKETS:]
    for _, old in surplus:
        old.close()


def close_all() -> None:
    """Close what is kept. At exit, and in a forked child, which must not share its parent's sockets."""
    with _lock:
        kept, _kept[:] = _kept[:], []
    for _, net in kept:
        net.close()


atexit.register(close_all)
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
os.register_at_fork(after_in_child=close_all)
