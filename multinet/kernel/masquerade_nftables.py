"""Masquerading by rules of nf_tables, one an address.

Table, chains, rules and comments are those of the reference. A rule's comment begins with a hash of the
network and one of ifname and container id, by which it is found again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from ipaddress import ip_network

from multinet.cni.types import CIDR
from multinet.kernel.names import hashed
from multinet.kernel.nfnetlink import Message, Nfnetlink
from multinet.kernel.nft import POSTROUTING, PRIORITY_SRCNAT, Chain, Family, Hook, Rule, Table, edit
from multinet.kernel.nft_expr import (
    MASQUERADE,
    NEQ,
    RETURN,
    SOURCE,
    destination,
    goto,
    meanings,
    protocol,
    source,
)

TABLE = Table(
    family=Family.INET,
    name="cni_plugins_masquerade",
    comment="Masquerading for plugins from github.com/containernetworking/plugins",
)
CHECKS = Chain(
    table=TABLE,
    name="masq_checks",
    comment="Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet",
)
ENTRY = Chain(
    table=TABLE,
    name="postrouting",
    hook=Hook(kind="nat", number=POSTROUTING, priority=PRIORITY_SRCNAT),
)
MULTICAST = [ip_network("224.0.0.0/4"), ip_network("ff00::/8")]

WAY: Sequence[bytes] = [
    *[protocol(net.version) + destination(net) + RETURN for net in MULTICAST],
    goto(CHECKS.name),
]
"""The rules of ``postrouting``."""

FOUNDATION: Sequence[Message] = [
    TABLE.add(),
    CHECKS.add(),
    ENTRY.add(),
    ENTRY.flush(),
    *[ENTRY.append(rule) for rule in WAY],
]
TRIAL: Sequence[Message] = [*FOUNDATION, CHECKS.append(MASQUERADE)]

COMMENT_BYTES = 128


def setup(net: Nfnetlink, *, network: str, ifname: str, container_id: str, addresses: Sequence[CIDR]) -> None:
    attachment = hash_of(network, ifname, container_id)
    comment = f"{attachment}, net: {network}, if: {ifname}, id: {container_id}"
    comment = comment.replace('"', "")[:COMMENT_BYTES]
    new = [CHECKS.append(*masquerading(address), comment=comment) for address in addresses]

    def plan() -> list[Message]:
        stale = [CHECKS.delete_rule(rule.handle) for rule in rules_of(net, attachment)]
        # The reference lays the foundation with every ADD; one that stands is as good.
        stands = [rule.meaning for rule in ENTRY.rules(net)] == [meanings(rule) for rule in WAY]
        return [*([] if stands else FOUNDATION), *stale, *new]

    edit(net, plan, doing=f"masquerade what comes from {ifname}")


def teardown(net: Nfnetlink, *, network: str, ifname: str, container_id: str) -> None:
    attachment = hash_of(network, ifname, container_id)
    _remove(net, attachment, (), doing=f"end the masquerading of what comes from {ifname}")


def gc(net: Nfnetlink, network: str, valid: Collection[tuple[str, str]]) -> None:
    keep = {hash_of(network, ifname, container_id) for container_id, ifname in valid}
    _remove(net, f"{hashed('', 16, network)}-", keep, doing=f"end stale masquerading for network {network}")


def masqueraded(net: Nfnetlink, *, network: str, ifname: str, container_id: str) -> Collection[bytes]:
    """The addresses, packed, of which this attachment's rules masquerade what comes, if packets get there."""
    if not any(rule.target == CHECKS.name for rule in ENTRY.rules(net)):
        return ()
    rules = rules_of(net, hash_of(network, ifname, container_id))
    masquerade = [rule for rule in rules if any(name == "masq" for name, *_ in rule.meaning)]
    return {ip for rule in masquerade for field in SOURCE.values() if (ip := rule.wanted(field))}


def masquerading(address: CIDR) -> Iterable[bytes]:
    """``ip saddr ADDRESS ip daddr != SUBNET masquerade``"""
    return (
        protocol(address.version),
        source(address.ip),
        destination(address.network, op=NEQ),
        MASQUERADE,
    )


def hash_of(network: str, ifname: str, container_id: str) -> str:
    return f"{hashed('', 16, network)}-{hashed('', 16, f'{ifname}:{container_id}')}"


def rules_of(net: Nfnetlink, prefix: str) -> list[Rule]:
    return [rule for rule in CHECKS.rules(net, containing=prefix) if rule.comment.startswith(prefix)]


def _remove(net: Nfnetlink, prefix: str, keep: Collection[str], *, doing: str) -> None:
    def plan() -> list[Message]:
        stale = [rule for rule in rules_of(net, prefix) if rule.comment.partition(",")[0] not in keep]
        return [CHECKS.delete_rule(rule.handle) for rule in stale]

    edit(net, plan, doing=doing)
