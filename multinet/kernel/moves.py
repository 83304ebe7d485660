"""Links that are moved from one namespace to another: real devices, which can't be made where they are needed.

Everything is in one message: the kernel moves the device, renames it and notes the name it came from, and gives
its lock back only then. So nobody (udev, NetworkManager) sees it half done, and a process that is killed has
done all of it or nothing. The reference goes through a third namespace for that.

A move holds the kernel's lock through several RCU grace periods while every other request of the node waits for
it. Hence moves go one at a time.
"""

from __future__ import annotations

from threading import Lock

from multinet.errors import Exists, KernelError
from multinet.kernel import links
from multinet.kernel.attributes import raw, text, u32
from multinet.kernel.link import IFF_UP, IFINFOMSG, IFLA_IFALIAS, IFLA_IFNAME, IFLA_NET_NS_FD
from multinet.kernel.links import RTM_SETLINK, Link
from multinet.kernel.namespace import Namespace
from multinet.kernel.rtnl import Message

_ONE_AT_A_TIME = Lock()


def move(
    link: Link, source: Namespace, target: Namespace, *, name: str, alias: str, up: bool = False
) -> Link:
    """Move ``link`` from ``source`` to ``target``, where it is called ``name`` and has that alias ("" for none).

    It is down then, without addresses and routes, unless it is to be ``up``. A refused move leaves it where it
    was, as it was but for its addresses. Raises Exists when ``target`` has a link of that name.
    """
    with _ONE_AT_A_TIME:
        if links.find(target.rtnl, name) is not None:
            raise Exists(
                f"could not move {link.name}: there is an interface {name!r} already",
                hint="somebody else made it, or an earlier ADD was not followed by its DEL",
            )
        try:
            source.rtnl.request(move_message(link, target.fd, name=name, alias=alias, up=up))
        except KernelError:
            _bring_back(link, source, target)
            raise
        return links.get(target.rtnl, name)


def move_message(link: Link, target_ns_fd: int, *, name: str, alias: str, up: bool) -> Message:
    flags = IFF_UP if up else 0
    parts = (
        IFINFOMSG.pack(0, 0, link.index, flags, flags),
        u32(IFLA_NET_NS_FD, target_ns_fd),
        text(IFLA_IFNAME, name),
        raw(IFLA_IFALIAS, alias.encode()),
    )
    return Message(doing=f"move {link.name} to be {name}", type=RTM_SETLINK, body=b"".join(parts))


def _bring_back(link: Link, source: Namespace, target: Namespace) -> None:
    """The kernel moves first and renames then; when it refuses the second, the first stays done."""
    stray = links.find(target.rtnl, link.name)
    if stray is None or (stray.kind, stray.mac) != (link.kind, link.mac):
        return
    if links.find(source.rtnl, link.name) is None:
        back = move_message(stray, source.fd, name=link.name, alias=link.alias, up=link.up)
        target.rtnl.request(back)


def call_again(link: Link, name: str) -> list[Message]:
    """Give a link that lost its name the one it had, for which its alias stood: down, as after a move."""
    body = IFINFOMSG.pack(0, 0, link.index, 0, 0) + text(IFLA_IFNAME, name) + raw(IFLA_IFALIAS, b"")
    return [
        links.set_down(link),
        Message(doing=f"rename {link.name} to {name}", type=RTM_SETLINK, body=body),
    ]
