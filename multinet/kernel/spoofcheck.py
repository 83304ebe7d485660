"""The MAC spoof check of bridge: a container may send with its own MAC only.

In table ``bridge nat``, as the reference leaves it, so that either can clear up after the other:

    chain PREROUTING { type filter hook prerouting priority dstnat; policy accept;
        iifname "veth…" jump cni-br-iface-ID }
    chain cni-br-iface-ID      { jump cni-br-iface-ID-mac }
    chain cni-br-iface-ID-mac  { ether saddr 0a:… return
                                 drop }                        each with the comment  macspoofchk-ID

ID is container id and ifname. The reference takes two transactions, and adds a second jump when it is called
again; here it is one, with one jump. The reference fails for an ID of which the names don't fit the kernel's 255
bytes, and lets an interface net1-mac overwrite what is for net1; such an ID is hashed here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from multinet.errors import CheckFailed
from multinet.kernel import links
from multinet.kernel.names import hashed
from multinet.kernel.namespace import Namespace
from multinet.kernel.nfnetlink import Message, Nfnetlink
from multinet.kernel.nfpool import borrowed
from multinet.kernel.nft import PREROUTING, PRIORITY_BRIDGE_DSTNAT, Chain, Family, Hook, Rule, Table, edit
from multinet.kernel.nft_expr import DROP, ETHER_SOURCE, IIFNAME, RETURN, ether_source, from_interface, jump

TABLE = Table(family=Family.BRIDGE, name="nat")
ENTRY = Chain(
    table=TABLE,
    name="PREROUTING",
    hook=Hook(kind="filter", number=PREROUTING, priority=PRIORITY_BRIDGE_DSTNAT, accept=True),
)
PREFIX = "cni-br-iface-"
SUFFIX = "-mac"
ID_BYTES = 255 - len(PREFIX) - len(SUFFIX)


@dataclass(frozen=True, kw_only=True, slots=True)
class Checks:
    """The names of one attachment's part."""

    ident: str

    @classmethod
    def of(cls, container_id: str, ifname: str) -> Self:
        ident = f"{container_id}-{ifname}"
        if len(ident) > ID_BYTES or ifname.endswith(SUFFIX):
            ident = hashed("", 128, ident)
        return cls(ident=ident)

    @property
    def comment(self) -> str:
        return f"macspoofchk-{self.ident}"

    @property
    def interface(self) -> Chain:
        """What comes from the one interface gets here."""
        return Chain(table=TABLE, name=PREFIX + self.ident)

    @property
    def mac(self) -> Chain:
        return Chain(table=TABLE, name=PREFIX + self.ident + SUFFIX)

    def removal(self, net: Nfnetlink) -> list[Message]:
        """The messages that remove as much of it as is there."""
        jumps = [
            rule for rule in ENTRY.rules(net, containing=self.ident) if rule.target == self.interface.name
        ]
        return [
            *[ENTRY.delete_rule(rule.handle) for rule in jumps],
            *[chain.delete() for chain in (self.interface, self.mac) if chain.exists(net)],
        ]


def setup(host: Namespace, *, container_id: str, ifname: str, host_veth: str, mac: str) -> None:
    """Let in from ``host_veth`` only what comes from ``mac``. A second time replaces the first."""
    checks = Checks.of(container_id, ifname)
    comment = checks.comment
    new = [
        checks.interface.add(),
        checks.mac.add(),
        ENTRY.append(from_interface(host_veth), jump(checks.interface.name), comment=comment),
        checks.interface.append(jump(checks.mac.name), comment=comment),
        checks.mac.append(ether_source(mac), RETURN, comment=comment),
        checks.mac.append(DROP, comment=comment),
    ]
    with borrowed(host) as net:

        def plan() -> list[Message]:
            # To add a chain that is there changes nothing, but leaves the kernel something to free (``nfpool``).
            ground = [] if ENTRY.exists(net) else [TABLE.add(), ENTRY.add()]
            return [*checks.removal(net), *ground, *new]

        edit(net, plan, doing=f"drop what {host_veth} sends with a false MAC")


def teardown(host: Namespace, *, container_id: str, ifname: str) -> None:
    """Remove this attachment's part. Absent is success. Table and base chain stay."""
    checks = Checks.of(container_id, ifname)
    with borrowed(host) as net:
        edit(net, lambda: checks.removal(net), doing=f"end the MAC spoof check of {ifname}")


def check(host: Namespace, *, container_id: str, ifname: str, host_veth: str, mac: str) -> None:
    """Raises CheckFailed unless what ``host_veth`` sends is checked for ``mac``."""
    checks = Checks.of(container_id, ifname)
    with borrowed(host) as net:
        entry = ENTRY.rules(net, containing=checks.ident)
        inner = checks.interface.rules(net)
        macs = checks.mac.rules(net)
    data = bytes.fromhex(mac.replace(":", ""))
    if not (
        any(rule.target == checks.interface.name and _interface(rule) == host_veth for rule in entry)
        and any(rule.target == checks.mac.name for rule in inner)
        and len(macs) == 2
        and macs[0].wanted(ETHER_SOURCE) == data
    ):
        raise CheckFailed(
            f"the MAC spoof check of {ifname} is not as ADD made it",
            hint=f"see `nft list chain bridge nat {checks.interface.name}` and what jumps there",
        )


def gc(host: Namespace, valid: Collection[tuple[str, str]]) -> None:
    """Remove the parts of attachments that are not ``valid`` and whose interface on the host is gone.

    The names hold no network, and ``valid`` speaks of one network only. So that an attachment is missing in
    it proves nothing, but that the interface is missing does: names of host ends are random and never come
    again. What has an interface and belongs to nobody is removed by the GC that comes after that of its link.
    """
    keep = {Checks.of(container_id, ifname).interface.name for container_id, ifname in valid}

    with borrowed(host) as net:

        def plan() -> list[Message]:
            changes: list[Message] = []
            for rule in ENTRY.rules(net, containing=PREFIX):
                ident = rule.target.removeprefix(PREFIX)
                if ident == rule.target or rule.target in keep or not (name := _interface(rule)):
                    continue
                if links.find(host.rtnl, name) is None:
                    changes += Checks(ident=ident).removal(net)
            return changes

        edit(net, plan, doing="remove MAC spoof checks of interfaces that are gone")


def _interface(rule: Rule) -> str:
    """The name of the interface that it wants packets to come from."""
    return (rule.wanted(IIFNAME) or b"").rstrip(b"\0").decode()
