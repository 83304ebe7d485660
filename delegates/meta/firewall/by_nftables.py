"""Letting through by rules of nf_tables, in two tables that are the plugin's own:

    table inet multinet_firewall {
        chain forward {
            type filter hook forward priority filter       # its policy is the operator's: accept, unless changed
            jump CNI-ADMIN                                 # the operator's chain
            jump isolation
            jump pods
        }
        chain CNI-ADMIN { }
        chain isolation {
            iifname "br0" oifname != "br0" jump isolation_out
            iifname "br0" oifname "br0" drop               # isolated
        }
        chain isolation_out { oifname "br0" drop }
        chain pods {
            ip daddr 10.1.2.3 ct state established,related accept
            ip saddr 10.1.2.3 accept                       # each with a comment that begins with hashes
        }
    }
    table bridge multinet_firewall {
        chain forward {
            type filter hook forward priority filter
            iifname "veth…" drop                           # isolated: also what never leaves the bridge
            oifname "veth…" drop
        }
    }

A change is one transaction, made for the rules as they were read. Nothing is ever emptied: rules that others put into
these chains stay, and nobody else's table is touched. So what another table drops stays dropped: in nf_tables a drop
anywhere is final, and an accept ends its own chain only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from delegates.meta.firewall.conf import ISOLATED, OPEN
from multinet.cni.types import IP
from multinet.errors import CheckFailed, KernelError
from multinet.kernel import links
from multinet.kernel.names import hashed
from multinet.kernel.namespace import Namespace
from multinet.kernel.nfnetlink import Message, Nfnetlink
from multinet.kernel.nfpool import borrowed
from multinet.kernel.nft import (
    FORWARD,
    PRIORITY_BRIDGE_FILTER,
    PRIORITY_FILTER,
    Chain,
    Family,
    Hook,
    Rule,
    Table,
    edit,
)
from multinet.kernel.nft_expr import (
    ACCEPT,
    DROP,
    ESTABLISHED,
    IIFNAME,
    NEQ,
    OIFNAME,
    RELATED,
    destination,
    from_interface,
    jump,
    meanings,
    protocol,
    source,
    to_interface,
    tracked,
)

NAME = "multinet_firewall"
ROUTED = Table(family=Family.INET, name=NAME, comment="multinet's firewall: what is routed")
ENTRY = Chain(
    table=ROUTED, name="forward", hook=Hook(kind="filter", number=FORWARD, priority=PRIORITY_FILTER)
)
ISOLATION = Chain(table=ROUTED, name="isolation")
OUT = Chain(table=ROUTED, name="isolation_out")
PODS = Chain(table=ROUTED, name="pods")

BRIDGED = Table(family=Family.BRIDGE, name=NAME, comment="multinet's firewall: what stays on one bridge")
PORTS = Chain(
    table=BRIDGED, name="forward", hook=Hook(kind="filter", number=FORWARD, priority=PRIORITY_BRIDGE_FILTER)
)

COMMENT_BYTES = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """Whose rules they are."""

    network: str
    container_id: str
    ifname: str

    @property
    def prefix(self) -> str:
        return prefix_of(self.network, self.container_id, self.ifname)

    @property
    def comment(self) -> str:
        words = f"{self.prefix}, net: {self.network}, if: {self.ifname}, id: {self.container_id}"
        return words.replace('"', "")[:COMMENT_BYTES]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    admin_chain: str
    ips: tuple[IP, ...] = ()
    policy: str = OPEN
    bridge: str = ""
    ports: tuple[str, ...] = ()
    """The container's ends on the bridge."""

    @property
    def admin(self) -> Chain:
        return Chain(table=ROUTED, name=self.admin_chain)

    def of_the_owner(self) -> list[tuple[Chain, bytes]]:
        """What comes with the container, and goes with it."""
        rules = [(PODS, rule) for ip in self.ips for rule in passing(ip)]
        if self.policy == ISOLATED:
            for port in self.ports:
                rules += [(PORTS, from_interface(port) + DROP), (PORTS, to_interface(port) + DROP)]
        return rules

    def of_the_bridge(self) -> list[tuple[Chain, bytes]]:
        """What others on the bridge share."""
        if self.policy == OPEN:
            return []
        leaving = from_interface(self.bridge) + to_interface(self.bridge, op=NEQ) + jump(OUT.name)
        rules = [(ISOLATION, leaving), (OUT, to_interface(self.bridge) + DROP)]
        if self.policy == ISOLATED:
            within = from_interface(self.bridge) + to_interface(self.bridge) + DROP
            rules.append((ISOLATION, within))
        return rules


def passing(ip: IP) -> tuple[bytes, bytes]:
    """What is answered to it, and all that it sends."""
    version = protocol(ip.version)
    return (
        version + destination(ip_network(ip)) + tracked(ESTABLISHED | RELATED) + ACCEPT,
        version + source(ip) + ACCEPT,
    )


def setup(host: Namespace, owner: Owner, wanted: Wanted) -> None:
    """A second time replaces the first."""
    with borrowed(host) as net:

        def plan() -> list[Message]:
            shared = [chain.insert(rule) for chain, rule in _missing(net, wanted.of_the_bridge())]
            own = [chain.append(rule, comment=owner.comment) for chain, rule in wanted.of_the_owner()]
            return [*_foundation(net, wanted), *_removal(net, owner.prefix), *shared, *own]

        edit(net, plan, doing=f"let what {owner.ifname} sends and is answered through")


def remove(host: Namespace, owner: Owner) -> bool:
    """Was anything of its there? Tables and chains stay, and so do the rules of its bridge: others may be on it."""
    if not present(host):
        return False
    with borrowed(host) as net:
        found: list[Message] = []

        def plan() -> list[Message]:
            found[:] = _removal(net, owner.prefix)
            return found

        edit(net, plan, doing=f"let what {owner.ifname} sends and is answered through no more")
    return bool(found)


def check(host: Namespace, owner: Owner, wanted: Wanted) -> None:
    with borrowed(host) as net:
        targets = [rule.target for rule in ENTRY.rules(net)]
        for chain in (wanted.admin, ISOLATION, PODS):
            if chain.name not in targets:
                raise CheckFailed(
                    f"expected rule [jump {chain.name}] not found in {ENTRY}",
                    hint="something removed it after ADD",
                )
        lost = _missing(net, wanted.of_the_bridge()) + _missing(net, wanted.of_the_owner(), owner.prefix)
    if lost:
        raise CheckFailed(
            f"rules of {owner.ifname} are not found in {lost[0][0]}", hint="something removed them after ADD"
        )


def gc(host: Namespace, network: str, valid: Collection[tuple[str, str]]) -> None:
    """What belongs to no container of this network any more; and to no bridge any more, whosever."""
    if not present(host):
        return
    keep = {prefix_of(network, container_id, ifname) for container_id, ifname in valid}
    with borrowed(host) as net:

        def plan() -> list[Message]:
            gone = [
                chain.delete_rule(rule.handle)
                for chain in (ISOLATION, OUT)
                for rule in chain.rules(net)
                if (bridge := _bridge(rule)) and links.find(host.rtnl, bridge) is None
            ]
            return gone + _removal(net, f"{hashed('', 16, network)}-", keep)

        edit(net, plan, doing=f"remove stale firewall rules of network {network}")


def present(host: Namespace) -> bool:
    """Is there our table, and nf_tables at all?"""
    try:
        with borrowed(host) as net:
            return ENTRY.exists(net)
    except KernelError:
        return False


def prefix_of(network: str, container_id: str, ifname: str) -> str:
    return f"{hashed('', 16, network)}-{hashed('', 16, f'{ifname}:{container_id}')}"


def _foundation(net: Nfnetlink, wanted: Wanted) -> list[Message]:
    """What is not there of the tables, the chains and the way through them."""
    changes: list[Message] = []
    entry = ENTRY.rules(net)
    targets = [rule.target for rule in entry]
    if ISOLATION.name not in targets or PODS.name not in targets:
        half = [rule for rule in entry if rule.target in (ISOLATION.name, PODS.name)]
        changes += [ROUTED.add(), ENTRY.add(), ISOLATION.add(), OUT.add(), PODS.add()]
        changes += [ENTRY.delete_rule(rule.handle) for rule in half]
        changes += [ENTRY.append(jump(ISOLATION.name)), ENTRY.append(jump(PODS.name))]
    if wanted.admin_chain not in targets:
        changes += [wanted.admin.add(), ENTRY.insert(jump(wanted.admin_chain))]
    if wanted.policy == ISOLATED and wanted.ports and not PORTS.exists(net):
        changes += [BRIDGED.add(), PORTS.add()]
    return changes


def _missing(
    net: Nfnetlink, wanted: Sequence[tuple[Chain, bytes]], prefix: str = ""
) -> list[tuple[Chain, bytes]]:
    there = {
        (chain, rule.meaning)
        for chain in dict.fromkeys(chain for chain, _ in wanted)
        for rule in chain.rules(net, containing=prefix)
        if rule.comment.startswith(prefix)
    }
    return [(chain, rule) for chain, rule in wanted if (chain, meanings(rule)) not in there]


def _removal(net: Nfnetlink, prefix: str, keep: Collection[str] = ()) -> list[Message]:
    return [
        chain.delete_rule(rule.handle)
        for chain in (PODS, PORTS)
        for rule in chain.rules(net, containing=prefix)
        if rule.comment.startswith(prefix) and rule.comment.partition(",")[0] not in keep
    ]


def _bridge(rule: Rule) -> str:
    """The bridge that a rule of isolation is about."""
    return (rule.wanted(IIFNAME) or rule.wanted(OIFNAME) or b"").rstrip(b"\0").decode()
