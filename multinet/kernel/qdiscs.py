"""Queueing disciplines, which decide what a link sends when (linux/pkt_sched.h): the token bucket, and classes that
give a part of the traffic a limit of its own.

A handle is two numbers, written 1:2. A qdisc has a first number, its classes the same and a second one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from struct import Struct
from typing import Final

from multinet.errors import NotFound
from multinet.kernel import attributes
from multinet.kernel.attributes import nested, raw, text, u32
from multinet.kernel.errors import reads
from multinet.kernel.links import Which, index_of, named
from multinet.kernel.rtnl import F_CREATE, F_EXCL, Message, Rtnl

RTM_NEWQDISC, RTM_DELQDISC, RTM_GETQDISC = 36, 37, 38
RTM_NEWTCLASS, RTM_GETTCLASS = 40, 42
TCA_KIND, TCA_OPTIONS = 1, 2
TCA_TBF_PARMS, TCA_TBF_RATE64 = 1, 4
TCA_HTB_PARMS, TCA_HTB_INIT, TCA_HTB_DIRECT_QLEN, TCA_HTB_RATE64, TCA_HTB_CEIL64 = 1, 2, 5, 6, 7

TCMSG = Struct("=BxxxiIII")
"""Family, link, handle, parent, and of a filter its priority and protocol."""
ROOT: Final = 0xFFFFFFFF
INGRESS: Final = 0xFFFFFFF1
FIRST: Final = 1 << 16
"""1:0, the handle of our root qdiscs."""
INGRESS_HANDLE: Final = 0xFFFF << 16
"""ffff:0, of what sees the packets that a link receives."""
SHAPED_CLASS: Final = FIRST | 1
UNSHAPED: Final = FIRST
"""htb sends at once what a filter leads to no class but to itself."""

TICK_NANOSECONDS: Final = 64
"""The kernel's unit for how long sending takes (PSCHED_SHIFT), the same on all machines since 2.6.31."""
MOST: Final = 0xFFFFFFFF

HTB_VERSION: Final = 3
HTB_QUANTUM: Final = 1514
"""Bytes before it is another class's turn. There is one class, so that only a warning in the kernel's log depends on
it, which a value that it finds by itself may cause."""
HTB_RATE_TO_QUANTUM: Final = 10
DIRECT_QUEUE: Final = 1000
"""Packets that may wait though nothing holds them up; the kernel's default is the transmit queue's length, and a
veth that has none drops the third."""
ETHERNET: Final = 1
"""So the kernel reckons sizes itself and looks for no table of them."""

_RATE = Struct("=BBHhHI")
_TBF = Struct("=12s12sIII")
_HTB_INIT = Struct("=IIIII")
_HTB_CLASS = Struct("=12s12sIIIII")
_U32 = Struct("=I")
_U64 = Struct("=Q")
_NO_RATE = bytes(12)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """``rate`` bytes a second; ``burst`` bytes may go at once when nothing went for a while."""

    rate: int
    burst: int
    latency_microseconds: int
    """Longer than this, and the burst's time, nothing waits."""

    @property
    def ticks(self) -> int:
        """How long the burst takes at this rate: whole microseconds made ticks, as tc reckons."""
        microseconds = int(self.burst * 1e6 / self.rate)
        return min(int(microseconds * (1000 / TICK_NANOSECONDS)), MOST)

    @property
    def limit(self) -> int:
        """Bytes that may wait."""
        return min(int(self.rate * self.latency_microseconds / 1e6) + self.burst, MOST)


@dataclass(frozen=True, kw_only=True, slots=True)
class Qdisc:
    """What a qdisc or a class says of itself; None is for what its kind does not have."""

    kind: str
    handle: int
    rate: int | None = None
    ticks: int | None = None
    limit: int | None = None
    default_class: int | None = None


# Making


def tbf(link: Which, bucket: Bucket) -> Message:
    """A token bucket for all that the link sends."""
    parms = _TBF.pack(_rate(bucket.rate), _NO_RATE, bucket.limit, bucket.ticks, 0)
    options = [raw(TCA_TBF_PARMS, parms)]
    if bucket.rate > MOST:
        options.append(raw(TCA_TBF_RATE64, _U64.pack(bucket.rate)))
    return _make(f"limit what {named(link)} sends", link, FIRST, ROOT, "tbf", *options)


def htb(link: Which, *, default_class: int) -> Message:
    """What a filter may lead to a class. ``default_class`` is the second number of that for all else; 0 for none."""
    init = _HTB_INIT.pack(HTB_VERSION, HTB_RATE_TO_QUANTUM, default_class, 0, 0)
    options = raw(TCA_HTB_INIT, init), u32(TCA_HTB_DIRECT_QLEN, DIRECT_QUEUE)
    return _make(f"class what {named(link)} sends", link, FIRST, ROOT, "htb", *options)


def htb_class(link: Which, bucket: Bucket) -> Message:
    rate = _rate(bucket.rate, ETHERNET)
    parms = _HTB_CLASS.pack(rate, rate, bucket.ticks, bucket.ticks, HTB_QUANTUM, 0, 0)
    options = [raw(TCA_HTB_PARMS, parms)]
    if bucket.rate > MOST:
        options += [
            raw(TCA_HTB_RATE64, _U64.pack(bucket.rate)),
            raw(TCA_HTB_CEIL64, _U64.pack(bucket.rate)),
        ]
    doing = f"limit a class of what {named(link)} sends"
    return _make(doing, link, SHAPED_CLASS, FIRST, "htb", *options, type_=RTM_NEWTCLASS)


def bfifo(link: Which, limit: int) -> Message:
    """A queue of so many bytes for the class."""
    doing = f"make a queue of {named(link)}"
    body = _body(link, 2 << 16, SHAPED_CLASS) + text(TCA_KIND, "bfifo") + raw(TCA_OPTIONS, _U32.pack(limit))
    return Message(doing=doing, type=RTM_NEWQDISC, flags=F_CREATE | F_EXCL, body=body)


def ingress(link: Which) -> Message:
    """Something that filters can be put to that see what the link receives."""
    return _make(f"catch what {named(link)} receives", link, INGRESS_HANDLE, INGRESS, "ingress")


def _make(
    doing: str, link: Which, handle: int, parent: int, kind: str, *options: bytes, type_: int = RTM_NEWQDISC
) -> Message:
    body = _body(link, handle, parent) + text(TCA_KIND, kind) + nested(TCA_OPTIONS, *options)
    return Message(doing=doing, type=type_, flags=F_CREATE | F_EXCL, body=body)


def _body(link: Which, handle: int, parent: int) -> bytes:
    return TCMSG.pack(0, index_of(link), handle, parent, 0)


def _rate(rate: int, linklayer: int = 0) -> bytes:
    return _RATE.pack(0, linklayer, 0, 0, 0, min(rate, MOST))


# Looking and deleting


@reads("a queue")
def find(net: Rtnl, link: Which, parent: int = ROOT) -> Qdisc | None:
    """None where there is nothing, or nothing that the kernel tells of (the one of a link that is down).

    All of the namespace are listed for it: who asks for that of one link alone may wait in vain, since where there is
    nothing to tell the kernel says nothing.
    """
    doing = f"look at the queue of {named(link)}"
    message = Message(doing=doing, type=RTM_GETQDISC, body=_body(link, 0, 0))
    wanted = index_of(link), parent
    for body in net.dump(message):
        _, index, _, above, _ = TCMSG.unpack_from(body)
        if (index, above) == wanted:
            return decode(body)
    return None


def classes(net: Rtnl, link: Which) -> list[Qdisc]:
    body = _body(link, 0, 0)
    message = Message(doing=f"list the classes of {named(link)}", type=RTM_GETTCLASS, body=body)
    return [decode(body) for body in net.dump(message)]


@reads("a queue")
def decode(body: bytes) -> Qdisc:
    """The body of an RTM_NEWQDISC or RTM_NEWTCLASS."""
    _, _, handle, _, _ = TCMSG.unpack_from(body)
    found = attributes.parse(body, TCMSG.size)
    kind = found.get(TCA_KIND, b"").rstrip(b"\0").decode(errors="replace")
    options = found.get(TCA_OPTIONS, b"")
    if kind == "bfifo":
        return Qdisc(kind=kind, handle=handle, limit=_U32.unpack(options)[0])
    said = attributes.parse(options) if kind in ("tbf", "htb") else {}
    if kind == "tbf":
        rate, _, limit, ticks, _ = _TBF.unpack(said[TCA_TBF_PARMS])
        whole = _whole_rate(rate, said.get(TCA_TBF_RATE64))
        return Qdisc(kind=kind, handle=handle, rate=whole, ticks=ticks, limit=limit)
    if TCA_HTB_INIT in said:
        return Qdisc(kind=kind, handle=handle, default_class=_HTB_INIT.unpack(said[TCA_HTB_INIT])[2])
    if TCA_HTB_PARMS in said:
        rate, _, ticks, *_ = _HTB_CLASS.unpack(said[TCA_HTB_PARMS])
        return Qdisc(kind=kind, handle=handle, rate=_whole_rate(rate, said.get(TCA_HTB_RATE64)), ticks=ticks)
    return Qdisc(kind=kind, handle=handle)


def _whole_rate(short: bytes, wide: bytes | None) -> int:
    return int(_U64.unpack(wide)[0] if wide else _RATE.unpack(short)[5])


def delete(link: Which, parent: int) -> Message:
    body = _body(link, 0, parent)
    return Message(doing=f"take the queue off {named(link)}", type=RTM_DELQDISC, body=body)


def remove(net: Rtnl, link: Which, parent: int) -> None:
    """Delete it if it, and the link, is there."""
    with suppress(NotFound):
        net.request(delete(link, parent))
