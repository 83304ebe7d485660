"""Taps: links whose other end is a program, a virtual machine as a rule (linux/if_tun.h).

The kernel makes them by ioctl on /dev/net/tun and not by a message, in the namespace where that was opened. A tap
lives as long as the file that made it, until it is told to persist; that comes last, so a process that dies before
leaves nothing.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
from dataclasses import dataclass
from struct import Struct

from multinet import steps
from multinet.errors import Exists, KernelError
from multinet.kernel import links
from multinet.kernel.attributes import raw, u32
from multinet.kernel.errors import asking
from multinet.kernel.link import IFINFOMSG, IFLA_ADDRESS, IFLA_GROUP, IFLA_MTU
from multinet.kernel.links import RTM_SETLINK, Link, packed_mac
from multinet.kernel.namespace import Namespace, run_in
from multinet.kernel.rtnl import Message

DEVICE = "/dev/net/tun"

TUNSETIFF, TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP = 0x400454CA, 0x400454CB, 0x400454CC, 0x400454CE
IFF_TAP, IFF_MULTI_QUEUE, IFF_NO_PI, IFF_VNET_HDR, IFF_TUN_EXCL = 0x2, 0x100, 0x1000, 0x4000, 0x8000

_IFREQ = Struct("16sH22x")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tap:
    """What a tap is to be like. ``mtu`` 0 and ``mac`` "" leave it to the kernel."""

    multi_queue: bool = False
    owner: int | None = None
    """The user who may open it without CAP_NET_ADMIN; None: nobody."""
    group: int | None = None
    """The users' group that may."""
    mtu: int = 0
    mac: str = ""

    @property
    def flags(self) -> int:
        """The reference makes a tap for an owner and a group by itself and any other through `ip tuntap`; so the
        first has headers for offloads, and only with one queue a header that tells the protocol, and the
        others have neither. Whoever opens the tap says anew what he wants, but for the number of queues.
        """
        if self.owner is None or self.group is None:
            headers = IFF_NO_PI
        else:
            headers = IFF_VNET_HDR | (IFF_NO_PI if self.multi_queue else 0)
        return IFF_TAP | headers | (IFF_MULTI_QUEUE if self.multi_queue else 0)


def create(ns: Namespace, name: str, tap: Tap, *, group: int, context: str = "") -> Link:
    """Make a persistent tap in ``ns``, in the link group ``group``. Raises Exists when ``ns`` has the name.

    ``context``: the SELinux context that it belongs to from its making on.
    """
    if links.find(ns.rtnl, name) is not None:
        raise Exists(
            f"there is an interface {name!r} already",
            hint="somebody else made it, or an earlier ADD was not followed by its DEL",
        )
    if context:
        _create_labelled(ns, name, tap, context)
        try:
            return _finish(ns, name, tap, group)
        except BaseException:
            links.remove(ns.rtnl, name)
            raise
    with asking(f"open {DEVICE}"):
        file = ns.visit(lambda: os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC))
    try:
        request = _IFREQ.pack(name.encode(), tap.flags | IFF_TUN_EXCL)
        _control(file, f"make tap {name}", TUNSETIFF, request)
        link = _finish(ns, name, tap, group)
        if tap.owner is not None:
            _control(file, f"give {name} to user {tap.owner}", TUNSETOWNER, _signed(tap.owner))
        if tap.group is not None:
            _control(file, f"give {name} to group {tap.group}", TUNSETGROUP, _signed(tap.group))
        _control(file, f"keep tap {name}", TUNSETPERSIST, 1)
        return link
    finally:
        os.close(file)


def _control(file: int, doing: str, request: int, value: bytes | int) -> None:
    steps.step(doing)
    with asking(doing):
        fcntl.ioctl(file, request, value)


def _signed(number: int) -> int:
    """As ``fcntl.ioctl`` takes it, which knows no unsigned one."""
    return ctypes.c_int(number).value


def _finish(ns: Namespace, name: str, tap: Tap, group: int) -> Link:
    link = links.get(ns.rtnl, name)
    ns.rtnl.request(properties(link, tap, group))
    return links.get(ns.rtnl, name)


def properties(link: Link, tap: Tap, group: int) -> Message:
    """What a program that makes a tap can't say: MTU, MAC and link group, at once."""
    parts = [IFINFOMSG.pack(0, 0, link.index, 0, 0)]
    if tap.mtu:
        parts.append(u32(IFLA_MTU, tap.mtu))
    if tap.mac:
        parts.append(raw(IFLA_ADDRESS, packed_mac(tap.mac)))
    parts.append(u32(IFLA_GROUP, group))
    return Message(doing=f"set mtu, MAC and group of {link.name}", type=RTM_SETLINK, body=b"".join(parts))


def _create_labelled(ns: Namespace, name: str, tap: Tap, context: str) -> None:
    """A tap gets the context of the process that makes it, and a process with threads can't change its own. So a
    program is run in that context, the same that the reference runs.
    """
    argv = ["runcon", "--", context, "ip", "tuntap", "add", "mode", "tap", "name", name]
    if tap.multi_queue:
        argv.append("multi_queue")
    if tap.owner is not None:
        argv += ["user", str(tap.owner)]
    if tap.group is not None:
        argv += ["group", str(tap.group)]
    steps.step(f"make tap {name} as {context}")
    done = run_in(ns, argv)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise KernelError(
            f"could not make tap {name} as {context}: {said}",
            hint="the key 'selinuxContext' wants SELinux on this node, and a context that may run `ip`",
        )
