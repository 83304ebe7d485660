"""The system's D-Bus, for a few calls and no longer (D-Bus Specification, "Message Protocol").

jeepney knows the messages; here is the socket, with a deadline over everything that is waited for.
"""

from __future__ import annotations

import os
import socket
import time
from types import TracebackType
from typing import Any, Self

from multinet.errors import IOFailure, MultinetError

ADDRESS = "DBUS_SYSTEM_BUS_ADDRESS"
USUAL_SOCKET = "/var/run/dbus/system_bus_socket"

SECONDS = 10.0
"""For all that is said to it. firewalld answers within some 10 ms, unless it is reloading all its rules."""

NAME, PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"


class Refused(MultinetError):
    """An error that was answered; the message is what it says of itself."""

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


class Bus:
    """A connection. Whoever opens one closes it."""

    def __init__(self, sock: socket.socket) -> None:
        from jeepney import Parser  # 20 ms to import: paid where there is a bus

        self._socket = sock
        self._until = time.monotonic() + SECONDS
        self._parser = Parser()
        self._serial = 0

    @classmethod
    def open(cls) -> Self:
        """Raises IOFailure where there is no bus."""
        address = _address()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        bus = cls(sock)
        try:
            bus._wait()
            sock.connect(address)
            bus._introduce()
        except (OSError, ValueError) as error:
            sock.close()
            where = address.replace("\0", "@", 1)
            raise IOFailure(
                f"could not connect to D-Bus at {where}: {_reason(error)}",
                hint=f"firewalld is spoken to over D-Bus; {ADDRESS} tells where that is elsewhere",
            ) from error
        except BaseException:
            sock.close()
            raise
        return bus

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def call(self, name: str, path: str, interface: str, method: str, *texts: str) -> tuple[Any, ...]:
        """Call a method that takes texts. Raises Refused, IOFailure."""
        from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call

        address = DBusAddress(path, bus_name=name, interface=interface)
        message = new_method_call(address, method, "s" * len(texts) or None, texts)
        self._serial += 1
        try:
            self._wait()
            self._socket.sendall(message.serialise(serial=self._serial))
            while True:
                answer = self._next()
                if answer.header.fields.get(HeaderFields.reply_serial) == self._serial:
                    break
        except (OSError, ValueError) as error:
            raise IOFailure(f"could not call {interface}.{method} over D-Bus: {_reason(error)}") from error
        if answer.header.message_type is MessageType.error:
            kind = str(answer.header.fields.get(HeaderFields.error_name, ""))
            raise Refused(str(answer.body[0]) if answer.body else kind, name=kind)
        return tuple(answer.body)

    def _introduce(self) -> None:
        """Tell who we are, which the other end sees by itself, and be given a name."""
        from jeepney.auth import BEGIN, Authenticator

        who = Authenticator()
        for line in who:
            self._wait()
            self._socket.sendall(line)
            who.feed(self._receive())
        self._socket.sendall(BEGIN)
        self.call(NAME, PATH, NAME, "Hello")

    def _next(self) -> Any:
        while (message := self._parsed()) is None:
            self._wait()
            self._parser.add_data(self._receive())
        return message

    def _parsed(self) -> Any:
        try:
            return self._parser.get_next_message()
        except Exception as error:  # jeepney says of what is no message whatever it stumbles upon
            raise ValueError(f"what came is no message: {error!r}") from error

    def _receive(self) -> bytes:
        if not (data := self._socket.recv(4096)):
            raise ConnectionResetError("it hung up")
        return data

    def _wait(self) -> None:
        """Give the next operation the time that is left."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)


def present() -> bool:
    """Might there be a bus?"""
    return bool(os.environ.get(ADDRESS)) or os.path.exists(USUAL_SOCKET)


def _address() -> str:
    from jeepney.bus import find_system_bus

    try:
        return str(find_system_bus())
    except (RuntimeError, ValueError) as error:
        raise IOFailure(
            f"{ADDRESS}: {os.environ.get(ADDRESS, '')!r} is no address of a local bus",
            hint="such as unix:path=/run/dbus/system_bus_socket",
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {SECONDS:g} seconds"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error)
