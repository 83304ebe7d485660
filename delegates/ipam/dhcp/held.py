"""One lease that is kept: its conversation, its socket, its file, its namespace. The keeper's thread has it alone."""

from __future__ import annotations

import os
import selectors
from collections.abc import Callable, Iterable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Final

from delegates.ipam.dhcp import packet
from delegates.ipam.dhcp.client import Client, Send
from delegates.ipam.dhcp.lease import Lease, now
from delegates.ipam.dhcp.store import Saved, Store
from delegates.ipam.dhcp.wire import Wire
from multinet import log
from multinet.errors import AddressError, DecodingFailure, InvalidNetns, KernelError, MultinetError, TryAgain
from multinet.kernel import links
from multinet.kernel.absence import provably_gone
from multinet.kernel.namespace import Namespace

MOST_MESSAGES: Final = 64
"""Read at once of one lease: whoever floods one pod's network must not keep the others' leases waiting."""


class Held:
    """Closed by ``close``, with its namespace. ``netns`` is the namespace's path as this process sees it. A wire is
    given to ``close`` when nothing more is to be heard over it.
    """

    def __init__(
        self,
        client: Client,
        *,
        netns: str,
        identity: tuple[int, int],
        namespace: Namespace | None,
        store: Store,
        selector: selectors.BaseSelector,
        close: Callable[[Wire], object],
    ) -> None:
        self.client = client
        self.key = client.order.key
        self.netns = netns
        self.identity = identity
        self._namespace = namespace
        self._seen = identity_at(netns) == identity
        self._store = store
        self._selector = selector
        self._close = close
        self._wire: Wire | None = None
        self._waiters: list[Future[Lease]] = []
        self._saved = client.lease

    def __str__(self) -> str:
        return str(self.key)

    # --- what happens to it ---

    def begin(self) -> None:
        """Raises MultinetError."""
        self._say(self.client.begin(now()))

    def wake(self) -> None:
        """Raises MultinetError."""
        self._say(self.client.wake(now()))
        self._settle()

    def hear(self) -> None:
        """Raises MultinetError."""
        if self._wire is None:
            return
        for _, (data, mac) in zip(range(MOST_MESSAGES), self._wire.receive(), strict=False):
            try:
                message = packet.decode(data)
            except DecodingFailure:
                continue  # anybody on that network can send one
            self._say(self.client.hear(message, mac, now()))
        self._settle()

    def answer(self, future: Future[Lease]) -> None:
        """With the lease, once it is there."""
        self._waiters.append(future)
        self._tell()

    def fail(self, error: Exception) -> None:
        """Whoever waits for it."""
        for waiter in self._take_waiters():
            with suppress(InvalidStateError):
                waiter.set_exception(error)

    def release(self, why: str) -> None:
        """Tell the server, if there is still a way, and forget it. Raises IOFailure."""
        said = self.client.release()
        if said is not None:
            try:
                self._say([said])
                log.info("dhcp lease released", lease=str(self), address=self._address, why=why)
            except MultinetError as error:
                log.info(
                    "dhcp lease dropped, its server not told", lease=str(self), why=why, error=str(error)
                )
        self.fail(TryAgain(f"the lease of {self} was given up: {why}"))
        self.close()
        self._store.remove(self.key)

    def close(self) -> None:
        self._hang_up()
        if self._namespace is not None:
            self._namespace.close()
            self._namespace = None

    # --- its namespace ---

    def gone(self) -> bool:
        """Is its namespace no more? What was never seen from here is only gone when that can be proved."""
        there = identity_at(self.netns)
        if there is not None:
            self._seen = self._seen or there == self.identity
            # Another namespace has the path (their device is one), or something else, as before a mount.
            return there != self.identity and there[0] == self.identity[0]
        return self._seen or provably_gone(self.netns)

    def _home(self) -> Namespace:
        """Raises InvalidNetns."""
        if self._namespace is None:
            found = Namespace.open(self.netns)
            if found.identity != self.identity:
                found.close()
                raise InvalidNetns(f"another namespace is at {self.netns} by now")
            self._namespace = found
        return self._namespace

    # --- speaking ---

    def _say(self, messages: Iterable[Send]) -> None:
        for message in messages:
            self._open().send(message)

    def _open(self) -> Wire:
        if self._wire is None:
            self._wire = Wire(self._home(), self.key.ifname)
            self._selector.register(self._wire, selectors.EVENT_READ, self)
        return self._wire

    def _hang_up(self) -> None:
        if self._wire is not None:
            self._selector.unregister(self._wire)
            self._close(self._wire)
            self._wire = None

    def _settle(self) -> None:
        """What follows from how the conversation stands now. Raises IOFailure."""
        if not self.client.listening:
            self._hang_up()
        lease = self.client.lease
        if not self.client.bound:
            if self.client.why and lease is not None and self._saved is not None:
                self._saved = None
                self._take_down()
        elif lease is not None and lease is not self._saved:
            first = self._saved is None
            self._store.write(
                Saved(order=self.client.order, lease=lease, netns=self.netns, identity=self.identity)
            )
            self._saved = lease
            if first:
                log.info(
                    "dhcp lease acquired", lease=str(self), address=self._address, server=str(lease.server)
                )
        self._tell()

    def _take_down(self) -> None:
        """Nobody may use an address whose lease has ended (RFC 2131, section 4.4.5)."""
        log.warn(
            "dhcp lease lost, interface set down", lease=str(self), address=self._address, why=self.client.why
        )
        try:
            net = self._home().rtnl
            net.request(links.set_down(links.get(net, self.key.ifname)))
            net.close()
        except (KernelError, InvalidNetns) as error:
            log.warn("interface not set down", lease=str(self), error=str(error))
        self._store.remove(self.key)

    def _tell(self) -> None:
        lease = self.client.lease
        if self.client.bound and lease is not None:
            for waiter in self._take_waiters():
                with suppress(InvalidStateError):
                    waiter.set_result(lease)
        elif self.client.why:
            self.fail(
                AddressError(
                    f"no lease for {self.key.ifname}: {self.client.why}",
                    hint="see whether a DHCP server is on that network and has addresses left",
                )
            )

    def _take_waiters(self) -> list[Future[Lease]]:
        waiters, self._waiters = self._waiters, []
        return waiters

    @property
    def _address(self) -> str:
        return str(self.client.lease.address) if self.client.lease else ""


def identity_at(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
