"""Links that stand on another one, their master (linux/if_link.h).

The message goes to the namespace where the master is, and the link comes up in the target's: it is never in the
master's, where its name might be somebody else's.
"""

from __future__ import annotations

from collections.abc import Callable

from multinet.errors import Exists
from multinet.kernel import links
from multinet.kernel.attributes import nested, text, u16, u32
from multinet.kernel.link import (
    IFLA_IFNAME,
    IFLA_LINK,
    IFLA_LINKINFO,
    IFLA_NET_NS_FD,
    INFO_DATA,
    INFO_KIND,
    IPVLAN_MODE,
    IPVLAN_MODES,
    MACVLAN_BC_QUEUE_LEN,
    MACVLAN_MODE,
    MACVLAN_MODES,
    VLAN_ID,
    Link,
)
from multinet.kernel.names import random_veth
from multinet.kernel.namespace import Namespace
from multinet.kernel.rtnl import F_CREATE, F_EXCL, Message


def create_macvlan(
    home: Namespace,
    target: Namespace,
    name: str,
    *,
    master: Link,
    mode: str = "bridge",
    mtu: int = 0,
    mac: str = "",
    bcqueuelen: int = 0,
    group: int = 0,
) -> Link:
    """Make a macvlan in ``target``, of a master in ``home``. Raises Exists when ``target`` has the name."""

    def make(name: str) -> Message:
        return make_macvlan(
            name,
            master.index,
            target_ns_fd=target.fd,
            mode=mode,
            mtu=mtu,
            mac=mac,
            bcqueuelen=bcqueuelen,
            group=group,
        )

    return _create(home, target, name, make)


def create_vlan(
    home: Namespace,
    target: Namespace,
    name: str,
    *,
    master: Link,
    vlan_id: int,
    mtu: int = 0,
    group: int = 0,
) -> Link:
    """The same, of a VLAN: it has its master's MAC."""

    def make(name: str) -> Message:
        return make_vlan(name, master.index, target_ns_fd=target.fd, vlan_id=vlan_id, mtu=mtu, group=group)

    return _create(home, target, name, make)


def create_ipvlan(
    home: Namespace,
    target: Namespace,
    name: str,
    *,
    master: Link,
    mode: str = "l2",
    mtu: int = 0,
    group: int = 0,
) -> Link:
    """The same, of an ipvlan: it has its master's MAC, and all of one master have one mode, the last one's."""

    def make(name: str) -> Message:
        return make_ipvlan(name, master.index, target_ns_fd=target.fd, mode=mode, mtu=mtu, group=group)

    return _create(home, target, name, make)


def _create(home: Namespace, target: Namespace, name: str, make: Callable[[str], Message]) -> Link:
    """Kernels before 6.15 look for the name in ``home``, too, and refuse it if a link has it there: then the link
    is made with a random name and renamed.
    """
    try:
        home.rtnl.request(make(name))
        return links.get(target.rtnl, name)
    except Exists:
        if links.find(target.rtnl, name) is not None or links.find(home.rtnl, name) is None:
            raise
    for_now = random_veth()
    home.rtnl.request(make(for_now))
    made = links.get(target.rtnl, for_now)
    try:
        target.rtnl.request(links.rename(made, name))
    except BaseException:
        target.rtnl.request(links.delete(made))
        raise
    return links.get(target.rtnl, name)


def make_macvlan(
    name: str,
    master: int,
    *,
    target_ns_fd: int,
    mode: str = "bridge",
    mtu: int = 0,
    mac: str = "",
    bcqueuelen: int = 0,
    group: int = 0,
) -> Message:
    """A macvlan in the namespace of ``target_ns_fd``; to be sent where ``master`` is."""
    data = [u32(MACVLAN_MODE, MACVLAN_MODES[mode])]
    if bcqueuelen:
        data.append(u32(MACVLAN_BC_QUEUE_LEN, bcqueuelen))
    settings = links.common(mtu=mtu, mac=mac, group=group)
    return _make("macvlan", name, master, target_ns_fd, settings, *data)


def make_vlan(
    name: str, master: int, *, target_ns_fd: int, vlan_id: int, mtu: int = 0, group: int = 0
) -> Message:
    """What ``master`` sends and gets with that tag, in the namespace of ``target_ns_fd``."""
    settings = links.common(mtu=mtu, group=group)
    return _make("vlan", name, master, target_ns_fd, settings, u16(VLAN_ID, vlan_id))


def make_ipvlan(
    name: str, master: int, *, target_ns_fd: int, mode: str = "l2", mtu: int = 0, group: int = 0
) -> Message:
    """An ipvlan in the namespace of ``target_ns_fd``; to be sent where ``master`` is."""
    settings = links.common(mtu=mtu, group=group)
    return _make("ipvlan", name, master, target_ns_fd, settings, u16(IPVLAN_MODE, IPVLAN_MODES[mode]))


def _make(
    kind: str, name: str, master: int, target_ns_fd: int, settings: list[bytes], *data: bytes
) -> Message:
    parts = (
        links.NO_LINK,
        u32(IFLA_LINK, master),
        u32(IFLA_NET_NS_FD, target_ns_fd),
        text(IFLA_IFNAME, name),
        *settings,
        nested(IFLA_LINKINFO, text(INFO_KIND, kind), nested(INFO_DATA, *data)),
    )
    return Message(
        doing=f"make {kind} {name}", type=links.RTM_NEWLINK, flags=F_CREATE | F_EXCL, body=b"".join(parts)
    )
