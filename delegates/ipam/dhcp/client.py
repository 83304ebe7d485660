"""One lease's conversation with servers (RFC 2131, section 4.4), without a socket and without a clock.

It is told the time and what came, and says what to send and when it wants to be woken.

    SELECTING --offer--> REQUESTING --ack--> BOUND --T1--> RENEWING --T2--> REBINDING --end--> ENDED
        ^                    |                 ^______ack_____|_____________|   |
        |____________________| nak, or no answer                                | nak: once more SELECTING, but
                                                                                  the same address or none

An address that a pod has been given can't be changed any more: the runtime has told it. So where a server takes
it back, another offer is no help, and the lease ends.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Final

from delegates.ipam.dhcp import packet
from delegates.ipam.dhcp.lease import Lease, Order
from delegates.ipam.dhcp.packet import NOWHERE, Kind, Packet

EVERYBODY: Final = IPv4Address("255.255.255.255")
EVERYBODYS_MAC: Final = b"\xff" * 6
NEVER: Final = float("inf")

FIRST_SECONDS: Final = 1.0
"""Until a message is said again; it doubles. RFC 2131 has 4, for networks of 1997; a pod waits here."""
LEAST_SECONDS: Final = 5.0
"""Between two tries to keep a lease, which come half of the remaining time after each other. RFC 2131 has 60,
which leaves a lease of two minutes one try to rebind."""
NAK_SECONDS: Final = 1.0
"""After a NAK, before all is begun anew: a server that says no to everything must not be asked at its own pace."""
AGAIN_SECONDS: Final = 10.0
"""To get the same address once more after a NAK."""
JITTER: Final = 0.25
"""Of each pause, so that a node's pods don't all speak at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How long to try. The names are those of the daemon's options."""

    timeout: float = 10.0
    """Seconds for an answer to a REQUEST; then it is begun anew."""
    resend_most: float = 62.0
    """The longest pause between two messages."""
    total: float = 60.0
    """Seconds until an acquisition is given up."""


class State(StrEnum):
    SELECTING = "selecting"
    REQUESTING = "requesting"
    BOUND = "bound"
    RENEWING = "renewing"
    REBINDING = "rebinding"
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True, slots=True)
class Send:
    packet: Packet
    source: IPv4Address = NOWHERE
    target: IPv4Address = EVERYBODY
    mac: bytes = EVERYBODYS_MAC


class Client:
    """``due``: when to call ``wake``. ``listening``: is an answer awaited? ``why``: it ended, for what reason."""

    def __init__(self, order: Order, pace: Pace, lease: Lease | None = None) -> None:
        """With a ``lease``, one that is had already goes on."""
        self.order = order
        self.lease = lease
        self.state = State.SELECTING if lease is None else State.BOUND
        self.due = 0.0 if lease is None else lease.renew
        self.why = ""
        self._pace = pace
        self._began = 0.0
        self._said = 0.0
        self._give_up = NEVER
        self._pause = FIRST_SECONDS
        self._xid = 0
        self._offer: Packet | None = None
        self._offer_ends = NEVER
        self._heard = ""

    @property
    def listening(self) -> bool:
        return self.state not in (State.BOUND, State.ENDED)

    @property
    def bound(self) -> bool:
        """May the address be used?"""
        return self.lease is not None and self.state is not State.ENDED

    def begin(self, now: float) -> list[Send]:
        """Ask for a lease."""
        self._give_up = now + self._pace.total
        return self._discover(now)

    def wake(self, now: float) -> list[Send]:
        """It is ``due``."""
        if now < self.due:
            return []
        match self.state:
            case State.SELECTING | State.REQUESTING:
                return self._ask_again(now)
            case State.BOUND | State.RENEWING | State.REBINDING:
                return self._keep(now)
            case State.ENDED:
                self.due = NEVER
                return []

    def hear(self, message: Packet, mac: bytes, now: float) -> list[Send]:
        """Something came. What is not for us, or not now, is passed over."""
        if message.op != packet.REPLY or message.xid != self._xid or message.chaddr != self.order.mac:
            return []
        if message.kind == Kind.OFFER and self.state is State.SELECTING:
            return self._offered(message, now)
        if not self._may_answer(message):
            return []
        if message.kind == Kind.ACK:
            self._bind(message, mac)
        elif message.kind == Kind.NAK:
            self._refused(message, now)
        return []

    def release(self) -> Send | None:
        """What tells the server that the address is free (section 4.4.6)."""
        lease = self.lease
        if lease is None or self.state is State.ENDED:
            return None
        options = {
            packet.MESSAGE_TYPE: bytes((Kind.RELEASE,)),
            packet.SERVER: lease.server.packed,
            packet.CLIENT_ID: self.order.client_id,
        }
        said = Packet(
            op=packet.REQUEST, xid=_new_xid(), chaddr=self.order.mac, ciaddr=lease.address, options=options
        )
        return self._to_server(said, lease)

    def end(self, why: str) -> None:
        self.state = State.ENDED
        self.why = why
        self.due = NEVER

    # --- acquiring ---

    def _discover(self, now: float) -> list[Send]:
        self.state = State.SELECTING
        self._offer = None
        self._xid = _new_xid()
        self._began = now
        self._pause = FIRST_SECONDS
        return self._say(now)

    def _ask_again(self, now: float) -> list[Send]:
        if now >= self._give_up:
            self.end(self._heard or "no DHCP server answered in time")
            return []
        if self.state is State.REQUESTING and now >= self._offer_ends:
            return self._discover(now)
        if self._xid == 0:
            return self._discover(now)
        return self._say(now)

    def _offered(self, offer: Packet, now: float) -> list[Send]:
        wanted = self.lease.address if self.lease else offer.yiaddr
        if offer.server is None or offer.yiaddr != wanted or not _usable(offer.yiaddr):
            return []
        self.state = State.REQUESTING
        self._offer = offer
        self._offer_ends = now + self._pace.timeout
        self._pause = FIRST_SECONDS
        return self._say(now)

    def _say(self, now: float) -> list[Send]:
        """DISCOVER or REQUEST; and when to say it again."""
        self._said = now
        self.due = min(now + _about(self._pause), self._give_up)
        self._pause = min(2 * self._pause, max(self._pace.resend_most, FIRST_SECONDS))
        more: dict[int, bytes] = {}
        kind = Kind.DISCOVER
        if self._offer is not None:
            kind = Kind.REQUEST
            more = {
                packet.REQUESTED_ADDRESS: self._offer.yiaddr.packed,
                packet.SERVER: self._offer.options[packet.SERVER],
            }
        elif self.lease is not None:
            more = {packet.REQUESTED_ADDRESS: self.lease.address.packed}
        return [Send(packet=self._message(kind, now, more))]

    def _bind(self, ack: Packet, mac: bytes) -> None:
        due = self.lease.address if self.lease else self._offer.yiaddr if self._offer else ack.yiaddr
        if ack.yiaddr != due:
            return
        self.lease = Lease.of_ack(ack, mac, self._said, self.lease)  # it counts from the question
        self.state = State.BOUND
        self._give_up = NEVER
        self._heard = ""
        self.due = self.lease.renew

    # --- keeping ---

    def _keep(self, now: float) -> list[Send]:
        assert self.lease is not None
        lease = self.lease
        if now >= lease.expires:
            self.end(f"no server renewed the lease of {lease.address} in time")
            return []
        if now < lease.renew:
            self.due = lease.renew
            return []
        self._xid = _new_xid()
        self._began = self._said = now
        limit = lease.expires if now >= lease.rebind else lease.rebind
        self.due = min(limit, now + max(LEAST_SECONDS, (limit - now) / 2))
        message = self._message(Kind.REQUEST, now, {}, ciaddr=lease.address)
        if now >= lease.rebind:
            self.state = State.REBINDING
            return [Send(packet=message, source=lease.address)]
        self.state = State.RENEWING
        return [self._to_server(message, lease)]

    def _may_answer(self, message: Packet) -> bool:
        """A server that was not asked has no say, but to a broadcast every one may answer."""
        match self.state:
            case State.REQUESTING:
                return self._offer is not None and message.server == self._offer.server
            case State.RENEWING:
                return self.lease is not None and message.server in (None, self.lease.server)
            case State.REBINDING:
                return True
            case _:
                return False

    def _refused(self, nak: Packet, now: float) -> None:
        words = nak.options.get(packet.MESSAGE, b"").decode(errors="replace")[:200]
        self._heard = f"the DHCP server {nak.server or ''} refused".replace("  ", " ")
        if words.isprintable() and words:
            self._heard += f": {words}"
        if self.state is not State.REQUESTING:
            self._give_up = now + AGAIN_SECONDS
        self.state = State.SELECTING
        self._offer = None
        self._xid = 0
        self.due = now + _about(NAK_SECONDS)

    # --- both ---

    def _message(
        self, kind: Kind, now: float, more: dict[int, bytes], ciaddr: IPv4Address = NOWHERE
    ) -> Packet:
        options = {
            packet.MESSAGE_TYPE: bytes((kind,)),
            packet.MOST_OCTETS: (packet.LARGEST + 28).to_bytes(2, "big"),
            packet.CLIENT_ID: self.order.client_id,
            **self.order.options,
            **more,
        }
        return Packet(
            op=packet.REQUEST,
            xid=self._xid,
            chaddr=self.order.mac,
            secs=int(now - self._began),
            broadcast=self.order.broadcast and not int(ciaddr),
            ciaddr=ciaddr,
            options=options,
        )

    @staticmethod
    def _to_server(message: Packet, lease: Lease) -> Send:
        return Send(packet=message, source=lease.address, target=lease.server, mac=lease.server_mac)


def _usable(address: IPv4Address) -> bool:
    """Can an interface have it? (What a broken server offers must not reach the kernel.)"""
    return not (address.is_unspecified or address.is_multicast or address.is_loopback or address == EVERYBODY)


def _new_xid() -> int:
    """Never 0."""
    return random.SystemRandom().randrange(1, 1 << 32)


def _about(seconds: float) -> float:
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)
