"""Keeps the leases of a node's containers: one thread for all of them (and a few that close), one file each.

What is asked of it is done by that thread, which alone knows the leases; who asks gets a future. A socket is open
only while an answer is awaited, so an idle lease costs a file descriptor (its namespace's) and no more.

A lease ends with its release, with its namespace, or when no server renews it. It does not end with this process:
the next one goes on from the files.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, Final

from delegates.ipam.dhcp.client import NEVER, Client, Pace
from delegates.ipam.dhcp.held import Held
from delegates.ipam.dhcp.lease import Key, Lease, Order, now
from delegates.ipam.dhcp.store import Store
from delegates.ipam.dhcp.wire import Wire
from multinet import log
from multinet.errors import AddressError, Busy, IOFailure, MultinetError, NotFound, TryAgain
from multinet.kernel.namespace import Namespace

MOST_LEASES: Final = 4096
"""Of one node. A node runs some hundred pods: beyond it, something asks for ever."""
LOOK_SECONDS: Final = 30.0
"""How often it is looked whether namespaces are gone of which no DEL told."""
LOCK_SECONDS: Final = 0.5
"""Between two tries to take the leases over from a process that is about to end."""
TROUBLE_SECONDS: Final = 10.0
"""After a lease could not be worked on (its link is down, the disk is full), before the next try."""
STOP_SECONDS: Final = 5.0
CLOSERS: Final = 4
"""Threads. To close a packet socket waits for an RCU grace period, 10 to 20 ms, and all other leases would wait with
it; several at once wait for the same one."""

Work = Callable[[Future[Any]], None]


class Keeper:
    """From the first thing that is asked, or ``start``, to ``stop``."""

    def __init__(self, folder: Path, pace: Pace, *, prefix: str = "", broadcast: bool = False) -> None:
        """``prefix`` leads to the host's root, where its paths are not ours. ``broadcast``: servers are asked to
        answer to everybody.
        """
        self._folder = folder
        self._pace = pace
        self._prefix = prefix
        self._broadcast = broadcast
        self._store = Store(folder)
        self._held: dict[Key, Held] = {}
        self._asked: SimpleQueue[tuple[Work, Future[Any]]] = SimpleQueue()
        self._stopping = Event()
        self._starting = Lock()
        self._selector = selectors.DefaultSelector()
        self._bell, self._ear = socket.socketpair()
        for end in (self._bell, self._ear):
            end.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._closers = ThreadPoolExecutor(CLOSERS, thread_name_prefix="dhcp-close")
        self._look_due = 0.0
        self._thread: Thread | None = None

    def start(self) -> None:
        """Go on with the leases that are on disk."""
        with self._starting:
            if self._thread is None and not self._stopping.is_set():
                self._thread = Thread(target=self._run, name="dhcp-leases", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Nothing is released: the containers go on, and so will the next keeper."""
        with self._starting:
            self._stopping.set()
        self._ring()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
        self._refuse_all()
        self._closers.shutdown()
        for end in (self._bell, self._ear):
            end.close()
        self._selector.close()

    # --- what may be asked, by any thread ---

    def allocate(self, order: Order, namespace: Namespace) -> Future[Lease]:
        """The lease, when it is there; one that is known is answered as it is. ``namespace`` stays the caller's."""
        own = Namespace.of_fd(namespace.fd, self._prefix + namespace.path)
        begun = Event()

        def work(future: Future[Lease]) -> None:
            begun.set()
            self._allocate(order, own, future)

        future = self._ask(work)
        future.add_done_callback(lambda _: None if begun.is_set() else own.close())
        return future

    def find(self, key: Key) -> Future[Lease]:
        """Fails with AddressError when there is none that may be used, and says why."""
        return self._ask(partial(self._find, key))

    def release(self, key: Key) -> Future[None]:
        """Absent is success; so is a server that can't be told."""
        return self._ask(partial(self._release, key))

    def keep_only(self, network: str, valid: frozenset[tuple[str, str]]) -> Future[None]:
        """Release those of a network that belong to none of these containers and interfaces."""
        return self._ask(partial(self._keep_only, network, valid))

    def ping(self) -> Future[None]:
        """Done when it works."""
        return self._ask(lambda future: future.set_result(None))

    def _ask(self, work: Work) -> Future[Any]:
        future: Future[Any] = Future()
        self._asked.put((work, future))
        self.start()
        if self._stopping.is_set():
            self._refuse_all()
        else:
            self._ring()
        return future

    def _ring(self) -> None:
        with suppress(OSError):  # full: it rings already
            self._bell.send(b"\0")

    def _refuse_all(self) -> None:
        """After the end: what was asked too late, and what was still waited for."""
        error = TryAgain("the keeper of DHCP leases is stopping", hint="the runtime will ask again")
        with suppress(Empty):
            while True:
                _, future = self._asked.get_nowait()
                with suppress(InvalidStateError):
                    future.set_exception(error)

    # --- the thread ---

    def _run(self) -> None:
        with ExitStack() as stack:
            stack.callback(self._close_all)
            if not self._take_over(stack):
                return
            self._resume()
            while not self._stopping.is_set():
                try:
                    self._round()
                except Exception as error:  # a defect: without this thread every lease of the node would end
                    log.warn("keeping dhcp leases failed", error=repr(error))
                    self._stopping.wait(LOCK_SECONDS)

    def _take_over(self, stack: ExitStack) -> bool:
        """Have the folder for ourselves, as soon as whoever keeps it has ended. False: to be stopped."""
        told = False
        while not self._stopping.is_set():
            try:
                stack.enter_context(self._store.lock())
                return True
            except (Busy, IOFailure) as error:
                if not told:
                    log.warn(
                        "dhcp leases can't be taken over yet", folder=str(self._folder), error=str(error)
                    )
                told = True
            self._stopping.wait(LOCK_SECONDS)
        return False

    def _resume(self) -> None:
        for saved in self._store.all():
            held = Held(
                Client(saved.order, self._pace, saved.lease),
                netns=saved.netns,
                identity=saved.identity,
                namespace=None,
                store=self._store,
                selector=self._selector,
                close=self._close,
            )
            self._held[held.key] = held
        self._look()
        if self._held:
            log.info("dhcp leases resumed", leases=len(self._held))

    def _round(self) -> None:
        self._selector_wait()
        with suppress(Empty):
            while True:
                work, future = self._asked.get_nowait()
                try:
                    work(future)
                except Exception as error:
                    with suppress(InvalidStateError):
                        future.set_exception(error)
        moment = now()
        for held in [held for held in self._held.values() if held.client.due <= moment]:
            self._work(held, held.wake)
        if moment >= self._look_due:
            self._look()

    def _selector_wait(self) -> None:
        due = min([self._look_due, *(held.client.due for held in self._held.values())])
        wait = max(0.0, due - now()) if self._held else None
        for ready, _ in self._selector.select(wait):
            if ready.data is None:
                with suppress(BlockingIOError):
                    self._ear.recv(4096)
            else:
                self._work(ready.data, ready.data.hear)

    def _work(self, held: Held, do: Callable[[], None]) -> None:
        """Whatever becomes of one lease, the others are kept."""
        try:
            do()
        except NotFound as error:
            self._drop(held, f"its interface is gone: {error}")
            return
        except Exception as error:  # a defect with one lease, too
            said = str(error) if isinstance(error, MultinetError) else repr(error)
            log.warn("dhcp lease in trouble", lease=str(held), error=said)
            held.client.due = min(max(held.client.due, now() + TROUBLE_SECONDS), self._end_of(held))
        if held.client.why and held.client.lease is None:
            self._forget(held)  # it never had one

    def _end_of(self, held: Held) -> float:
        """A lease must not be used beyond its end, whatever the trouble is. (Past it, there is nothing to hurry.)"""
        lease = held.client.lease
        return lease.expires if lease is not None and lease.expires > now() else NEVER

    def _look(self) -> None:
        self._look_due = now() + LOOK_SECONDS
        for held in list(self._held.values()):
            if held.gone():
                self._drop(held, "its namespace is gone")

    def _close(self, wire: Wire) -> None:
        self._closers.submit(wire.close)

    # --- what was asked ---

    def _allocate(self, order: Order, own: Namespace, future: Future[Lease]) -> None:
        held = self._held.get(order.key)
        if held is not None and (
            held.client.why or held.identity != own.identity or held.client.order.mac != order.mac
        ):
            self._drop(held, "another interface takes its place")
            held = None
        if held is not None:
            own.close()
        else:
            if len(self._held) >= MOST_LEASES:
                own.close()
                raise AddressError(f"this node holds {MOST_LEASES} DHCP leases, and takes no more")
            held = Held(
                Client(replace(order, broadcast=order.broadcast or self._broadcast), self._pace),
                netns=own.path,
                identity=own.identity,
                namespace=own,
                store=self._store,
                selector=self._selector,
                close=self._close,
            )
            self._held[order.key] = held
            try:
                held.begin()
            except BaseException:
                self._forget(held)
                raise
        held.answer(future)

    def _find(self, key: Key, future: Future[Lease]) -> None:
        held = self._held.get(key)
        if held is None or held.client.lease is None or not held.client.bound:
            why = held.client.why if held is not None else ""
            raise AddressError(why or f"no lease of {key} is known", hint="the pod has to be made anew")
        future.set_result(held.client.lease)

    def _release(self, key: Key, future: Future[None]) -> None:
        if held := self._held.get(key):
            self._give_back(held, "its container was taken down")
        else:
            self._store.remove(key)
        future.set_result(None)

    def _keep_only(self, network: str, valid: frozenset[tuple[str, str]], future: Future[None]) -> None:
        for key, held in list(self._held.items()):
            if key.network == network and (key.container_id, key.ifname) not in valid:
                self._give_back(held, "its container is gone")
        future.set_result(None)

    # --- ends ---

    def _give_back(self, held: Held, why: str) -> None:
        """Raises IOFailure when its file can't be removed; then it is known still."""
        held.release(why)
        del self._held[held.key]

    def _drop(self, held: Held, why: str) -> None:
        """As far as it goes: nobody waits for it."""
        try:
            self._give_back(held, why)
        except IOFailure as error:
            log.warn("dhcp lease can't be dropped", lease=str(held), error=str(error))
            held.client.end(why)

    def _forget(self, held: Held) -> None:
        held.close()
        self._held.pop(held.key, None)

    def _close_all(self) -> None:
        for held in self._held.values():
            held.fail(TryAgain("the keeper of DHCP leases is stopping", hint="the runtime will ask again"))
            held.close()
        self._held.clear()
