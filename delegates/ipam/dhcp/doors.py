"""Where leases are had: at the keeper of this process, or at the daemon's socket. Each call waits for its answer.

The socket's protocol is ours: a line of JSON each way, and with ``allocate`` the namespace as an open file. The
reference's is Go's own (net/rpc), and either side tells the other so.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

from delegates.ipam.dhcp.keeper import Keeper
from delegates.ipam.dhcp.lease import Key, Lease, Order
from delegates.ipam.dhcp.store import DAMAGED
from multinet import errors
from multinet.cni import jsonkeys
from multinet.errors import DecodingFailure, MultinetError, TryAgain
from multinet.kernel.namespace import Namespace
from multinet.waiting import remaining, waiting

T = TypeVar("T")

SOCKET: Final = "/run/cni/dhcp.sock"
"""The reference's."""
LOOK_SECONDS: Final = 0.25
"""How often who waits looks whether its time is over."""
SOON_SECONDS: Final = 10.0
"""For what waits for no DHCP server."""
MOST_BYTES: Final = 1 << 16
"""Of a line."""
START: Final = (
    "start 'python -m delegates.ipam.dhcp daemon' on this node, or run multinet's agent, which needs none"
)
NOT_OURS: Final = (
    "the reference's daemon listens there: stop it and start multinet's, or name dhcp in 'executables'"
)


class Leases(Protocol):
    """Each raises TryAgain when nobody answers in time."""

    def allocate(self, order: Order, namespace: Namespace) -> Lease:
        """Raises AddressError when there is none to be had."""

    def find(self, key: Key) -> Lease:
        """Raises AddressError when there is none."""

    def release(self, key: Key) -> None: ...

    def keep_only(self, network: str, valid: frozenset[tuple[str, str]]) -> None: ...

    def ping(self) -> None: ...


class Here:
    """The keeper of this process."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def allocate(self, order: Order, namespace: Namespace) -> Lease:
        future = self._keeper.allocate(order, namespace)
        try:
            with waiting():
                return self._patiently(future)
        except TryAgain:
            self._keeper.release(order.key)  # nobody would use it
            raise

    def _patiently(self, future: Future[T]) -> T:
        """The keeper itself gives up in the end; the request may have less time."""
        while True:
            try:
                return future.result(LOOK_SECONDS)
            except TimeoutError:
                if remaining() <= 0:
                    raise TryAgain(
                        "no DHCP server answered while the request had time",
                        hint="the runtime will ask again",
                    ) from None

    def find(self, key: Key) -> Lease:
        return self._soon(self._keeper.find(key))

    def release(self, key: Key) -> None:
        self._soon(self._keeper.release(key))

    def keep_only(self, network: str, valid: frozenset[tuple[str, str]]) -> None:
        self._soon(self._keeper.keep_only(network, valid))

    def ping(self) -> None:
        self._soon(self._keeper.ping())

    @staticmethod
    def _soon(future: Future[T]) -> T:
        try:
            return future.result(SOON_SECONDS)
        except TimeoutError:
            raise TryAgain("the keeper of DHCP leases does not answer", hint="see its log") from None


class Unreachable(TryAgain):
    """Nobody listens at the socket, or nobody who knows our protocol."""


class There:
    """The daemon at ``path``."""

    def __init__(self, path: str) -> None:
        self._path = path

    def allocate(self, order: Order, namespace: Namespace) -> Lease:
        asked = {"do": "allocate", "order": order.to_json(), "netns": os.path.abspath(namespace.path)}
        with waiting():
            return self._lease(self._ask(asked, fd=namespace.fd, seconds=float("inf")))

    def find(self, key: Key) -> Lease:
        return self._lease(self._ask({"do": "find", "key": list(key)}))

    def release(self, key: Key) -> None:
        self._ask({"do": "release", "key": list(key)})

    def keep_only(self, network: str, valid: frozenset[tuple[str, str]]) -> None:
        self._ask({"do": "keep only", "network": network, "valid": sorted(map(list, valid))})

    def ping(self) -> None:
        self._ask({"do": "ping"})

    def _ask(
        self, asked: Mapping[str, Any], *, fd: int = -1, seconds: float = SOON_SECONDS
    ) -> dict[str, Any]:
        line = json.dumps(asked).encode() + b"\n"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
                connection.settimeout(SOON_SECONDS)
                connection.connect(self._path)
                sent = socket.send_fds(connection, [line], [fd]) if fd >= 0 else connection.send(line)
                if rest := line[sent:]:  # even nothing can't be sent to one who has answered and gone
                    connection.sendall(rest)
                connection.settimeout(LOOK_SECONDS)
                said = self._hear(connection, time.monotonic() + seconds)
        except TimeoutError:
            raise Unreachable(
                f"the DHCP daemon at {self._path} does not answer", hint="see its log"
            ) from None
        except OSError as error:
            why = error.strerror or str(error)
            raise Unreachable(
                f"could not reach the DHCP daemon at {self._path}: {why}", hint=START
            ) from error
        return self._read(said)

    def _hear(self, connection: socket.socket, end: float) -> bytes:
        said = b""
        while not said.endswith(b"\n") and len(said) < MOST_BYTES:
            try:
                part = connection.recv(MOST_BYTES)
            except TimeoutError:
                if remaining() <= 0 or time.monotonic() > end:
                    raise
                continue
            if not part:
                break
            said += part
        return said

    def _lease(self, answer: Mapping[str, Any]) -> Lease:
        try:
            return Lease.of_json(answer["lease"])
        except DAMAGED as error:
            raise Unreachable(
                f"the DHCP daemon at {self._path} answered what is no lease: {error!r}", hint=START
            ) from error

    def _read(self, said: bytes) -> dict[str, Any]:
        if said.startswith(b"HTTP/"):
            raise Unreachable(f"what listens at {self._path} speaks another protocol", hint=NOT_OURS)
        document: Any = None
        with suppress(DecodingFailure):
            document = jsonkeys.load(said)
        if not isinstance(document, dict):
            raise Unreachable(f"the DHCP daemon at {self._path} hung up", hint="see its log")
        if failure := document.get("error"):
            raise error_of(failure)
        return document


def error_to_json(error: BaseException) -> dict[str, str]:
    if isinstance(error, MultinetError):
        return {"kind": type(error).__name__, "message": error.message, "hint": error.hint}
    return {"kind": "MultinetError", "message": f"the DHCP daemon failed: {error!r}", "hint": "see its log"}


def error_of(failure: object) -> MultinetError:
    failure = failure if isinstance(failure, dict) else {"message": f"it failed with {failure!r:.200}"}
    failure = {key: value for key, value in failure.items() if isinstance(value, str)}
    kind = getattr(errors, failure.get("kind", ""), None)
    if not (isinstance(kind, type) and issubclass(kind, MultinetError)):
        kind = MultinetError
    message, hint = failure.get("message", "").strip() or "it failed", failure.get("hint", "")
    try:
        return kind(message, hint=hint)
    except TypeError:  # one that wants to know more
        return MultinetError(message, hint=hint)
