"""What is leased, by whom and for how long; and how it is written down.

Times are those of CLOCK_BOOTTIME: it goes on while the machine sleeps, nobody sets it, and it begins anew with the
machine, when no container of before is left to have a lease.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any, Final, NamedTuple, Self

from delegates.ipam.dhcp import packet, terms
from delegates.ipam.dhcp.packet import Packet

DEFAULT_SECONDS: Final = 3600
"""Of a server that names no time. The reference's."""
SHORTEST_SECONDS: Final = 4
"""A server that leases for less would keep us doing nothing else."""
FOREVER: Final = float("inf")
MAC_OCTETS: Final = 6
MOST_CLIENT_ID: Final = 254
"""Octets: option 61 has room for 255, and its type takes one."""


def now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Key(NamedTuple):
    """Whose it is."""

    container_id: str
    network: str
    ifname: str

    def __str__(self) -> str:
        return "/".join(self)

    @classmethod
    def of_json(cls, listed: Any) -> Self:
        """Raises ValueError, TypeError."""
        container_id, network, ifname = listed
        if not all(isinstance(one, str) for one in (container_id, network, ifname)):
            raise TypeError("a key is three texts")
        return cls(container_id, network, ifname)

    @property
    def client_id(self) -> bytes:
        """Option 61, as the reference writes it, so that either gets the address that the other had."""
        return b"\0" + str(self).encode()[:MOST_CLIENT_ID]


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What to ask a server for."""

    key: Key
    mac: bytes
    options: Mapping[int, bytes] = field(default_factory=dict)
    """Sent with each message but RELEASE: what is provided, and what is asked for."""
    broadcast: bool = False
    """Ask for answers to everybody, for a link that gets no others before it has an address."""

    @property
    def client_id(self) -> bytes:
        """The key's, unless one is provided; the server finds the lease by it."""
        return self.options.get(packet.CLIENT_ID, self.key.client_id)

    def to_json(self) -> dict[str, Any]:
        return {
            "key": list(self.key),
            "mac": self.mac.hex(),
            "options": _hex(self.options),
            "broadcast": self.broadcast,
        }

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Self:
        """Raises what reading something else may raise (``store.DAMAGED``)."""
        mac, options = bytes.fromhex(document["mac"]), _unhex(document["options"])
        if len(mac) != MAC_OCTETS or sum(map(len, options.values())) > packet.LARGEST:
            raise ValueError("no message could carry that")
        return cls(
            key=Key.of_json(document["key"]),
            mac=mac,
            options=options,
            broadcast=bool(document["broadcast"]),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """``renew``, ``rebind`` and ``expires`` are T1, T2 and the end (RFC 2131, section 4.4.5)."""

    address: IPv4Address
    server: IPv4Address
    server_mac: bytes
    """Whence the last answer came: the server, or a relay that leads to it."""
    options: Mapping[int, bytes]
    renew: float
    rebind: float
    expires: float

    @classmethod
    def of_ack(cls, ack: Packet, mac: bytes, now: float, before: Lease | None = None) -> Self:
        """``before``: a renewal may leave out what has not changed."""
        old = {} if before is None else {code: v for code, v in before.options.items() if code not in _TIMES}
        options = {**old, **ack.options}
        seconds = terms.number(options, packet.LEASE_SECONDS, 4)
        if seconds == terms.FOREVER:
            renew = rebind = lasts = FOREVER
        else:
            lasts = float(max(DEFAULT_SECONDS if seconds is None else seconds, SHORTEST_SECONDS))
            renew = float(terms.number(options, packet.RENEWAL_SECONDS, 4) or lasts / 2)
            rebind = float(terms.number(options, packet.REBINDING_SECONDS, 4) or lasts * 0.85)
            if not 1 <= renew < rebind < lasts:  # a server that can't count
                renew, rebind = lasts / 2, lasts * 0.85
        return cls(
            address=ack.yiaddr,
            server=ack.server or (before.server if before else packet.NOWHERE),
            server_mac=mac,
            options=options,
            renew=now + renew,
            rebind=now + rebind,
            expires=now + lasts,
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "address": str(self.address),
            "server": str(self.server),
            "serverMac": self.server_mac.hex(),
            "options": _hex(self.options),
            "times": [None if one == FOREVER else one for one in (self.renew, self.rebind, self.expires)],
        }

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Self:
        """Raises what reading something else may raise (``store.DAMAGED``)."""
        renew, rebind, expires = (FOREVER if one is None else float(one) for one in document["times"])
        if not renew <= rebind <= expires:
            raise ValueError("times that are in no order")
        return cls(
            address=IPv4Address(document["address"]),
            server=IPv4Address(document["server"]),
            server_mac=bytes.fromhex(document["serverMac"]),
            options=_unhex(document["options"]),
            renew=renew,
            rebind=rebind,
            expires=expires,
        )


_TIMES = (packet.LEASE_SECONDS, packet.RENEWAL_SECONDS, packet.REBINDING_SECONDS)


def _hex(options: Mapping[int, bytes]) -> dict[str, str]:
    return {str(code): value.hex() for code, value in options.items()}


def _unhex(document: Mapping[str, str]) -> dict[int, bytes]:
    found = {int(code): bytes.fromhex(value) for code, value in document.items()}
    if any(not 0 < code < 255 for code in found):
        raise ValueError("no option has that number")
    return found
