"""Links that send on what is redirected to them, so that what another link receives can wait in a queue
(linux/if_link.h, kind ifb). They have no data of their own.
"""

from __future__ import annotations

from multinet.kernel import links
from multinet.kernel.attributes import nested, raw, text, u32
from multinet.kernel.link import (
    IFF_UP,
    IFINFOMSG,
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_LINKINFO,
    IFLA_TXQLEN,
    INFO_KIND,
    Link,
)
from multinet.kernel.rtnl import F_CREATE, F_ECHO, F_EXCL, Message, Rtnl


def create(net: Rtnl, name: str, *, mtu: int) -> Link:
    """Make one and set it up. Raises Exists when the name is taken."""
    echoed = net.request(make(name, mtu=mtu))
    return Link(echoed) if echoed is not None else links.get(net, name)  # kernels before 6.2 don't echo


def make(name: str, *, mtu: int) -> Message:
    """It has no transmit queue, like that of the reference's plugins."""
    parts = (
        IFINFOMSG.pack(0, 0, 0, IFF_UP, IFF_UP),
        text(IFLA_IFNAME, name),
        u32(IFLA_TXQLEN, 0),
        *links.common(mtu=mtu),
        nested(IFLA_LINKINFO, text(INFO_KIND, "ifb")),
    )
    flags = F_CREATE | F_EXCL | F_ECHO
    return Message(doing=f"make ifb {name}", type=links.RTM_NEWLINK, flags=flags, body=b"".join(parts))


def set_alias(link: links.End | Link, alias: str) -> Message:
    """What `ip link` shows with it; at most 255 bytes."""
    body = IFINFOMSG.pack(0, 0, link.index, 0, 0) + raw(IFLA_IFALIAS, alias.encode())
    return Message(doing=f"note what {link.name} is for", type=links.RTM_SETLINK, body=body)
