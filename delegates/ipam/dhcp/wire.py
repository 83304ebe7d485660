"""A packet socket of a container's interface, over which DHCP is spoken: it needs no address there (packet(7)).

It is open only while something is said or awaited, and the kernel passes it nothing but what comes for a DHCP
client: a pod's other packets cost nothing.
"""

from __future__ import annotations

import ctypes
import socket
from collections.abc import Iterator
from struct import Struct
from typing import Final

from delegates.ipam.dhcp import datagram
from delegates.ipam.dhcp.client import Send
from delegates.ipam.dhcp.datagram import CLIENT_PORT, UDP
from multinet import steps
from multinet.errors import DecodingFailure
from multinet.kernel.errors import translate
from multinet.kernel.namespace import Namespace

ETH_P_IP: Final = 0x0800
LARGEST: Final = 1 << 16
_SO_ATTACH_FILTER: Final = 26
_FILTER = Struct("=HBBI")
_PROGRAM = Struct("@HP")
"""linux/filter.h: `struct sock_filter`, `struct sock_fprog`."""

# The packet begins with its IP header (SOCK_DGRAM). A jump says how many to leave out when true, when false.
_ONLY_FOR_CLIENTS = b"".join(
    _FILTER.pack(*line)
    for line in (
        (0x30, 0, 0, 9),  # A = protocol
        (0x15, 0, 6, UDP),
        (0x28, 0, 0, 6),  # A = flags and fragment offset
        (0x45, 4, 0, 0x1FFF),  # not the first fragment: no ports in it
        (0xB1, 0, 0, 0),  # X = length of the header
        (0x48, 0, 0, 2),  # A = port it is for
        (0x15, 0, 1, CLIENT_PORT),
        (0x06, 0, 0, LARGEST),  # all of it
        (0x06, 0, 0, 0),  # nothing of it
    )
)


class Wire:
    """Who opens one closes it."""

    def __init__(self, namespace: Namespace, ifname: str) -> None:
        """Raises KernelError; NotFound when there is no such interface."""
        self._ifname = ifname
        self._socket = namespace.visit(_new)
        try:
            _attach(self._socket)
            self._socket.bind((ifname, ETH_P_IP))  # its namespace is the socket's, wherever we are
        except OSError as error:
            self._socket.close()
            raise translate(error.errno or 0, f"speak DHCP over {ifname}") from error

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self, message: Send) -> None:
        """Raises KernelError."""
        data = datagram.wrap(message.packet.encode(), message.source, message.target)
        steps.step(f"send a DHCP message over {self._ifname}")
        try:
            self._socket.sendto(data, (self._ifname, ETH_P_IP, 0, 0, message.mac))
        except OSError as error:
            raise translate(error.errno or 0, f"send a DHCP message over {self._ifname}") from error

    def receive(self) -> Iterator[tuple[bytes, bytes]]:
        """What is there now: DHCP messages as they stand, and the MAC each came from. Raises KernelError."""
        while True:
            try:
                data, address = self._socket.recvfrom(LARGEST)
            except BlockingIOError:
                return
            except OSError as error:
                raise translate(error.errno or 0, f"hear DHCP over {self._ifname}") from error
            try:
                yield datagram.unwrap(data), address[4]
            except DecodingFailure:
                continue  # damaged, or not meant


def _new() -> socket.socket:
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    return socket.socket(socket.AF_PACKET, kind, 0)  # protocol 0: nothing comes before it is bound


def _attach(to: socket.socket) -> None:
    lines = ctypes.create_string_buffer(_ONLY_FOR_CLIENTS, len(_ONLY_FOR_CLIENTS))
    program = _PROGRAM.pack(len(_ONLY_FOR_CLIENTS) // _FILTER.size, ctypes.addressof(lines))
    to.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
