"""Clearing up what nf_tables holds of port mappings, ours or the reference's (``by_nftables`` says how it looks)."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from delegates.meta.portmap.conf import Attachment, PortMapping
from delegates.meta.portmap.ground import GROUNDS, Ground, carries_out, mark, mark_of, network_mark
from multinet.kernel.nfnetlink import Message, Nfnetlink
from multinet.kernel.nft import Rule, edit
from multinet.kernel.nft_nat import translation


def teardown(net: Nfnetlink, mappings: Collection[PortMapping], whose: Attachment) -> None:
    def plan() -> list[Message]:
        return [change for ground in GROUNDS for change in removal(ground, net, mappings, whose)]

    edit(net, plan, doing=f"end the port mappings of {whose.ifname}")


def removal(
    ground: Ground, net: Nfnetlink, mappings: Collection[PortMapping], whose: Attachment
) -> list[Message]:
    """The messages that remove what is this attachment's, and stays behind of nobody."""
    rules = list(ground.rules(net, whose.container_id))
    ours = {rule.handle for _, rule in rules if _belongs(ground, rule, mappings, whose)}
    # Masquerading goes with the last rule that leads to its address.
    gone = {ground.target(rule) for _, rule in rules if rule.handle in ours}
    held = {ground.target(rule) for _, rule in rules if rule.handle not in ours and ground.maps(rule)}
    ours |= {
        rule.handle
        for _, rule in rules
        if not rule.mark and not ground.maps(rule) and ground.target(rule) in gone - held
    }
    return [chain.delete_rule(rule.handle) for chain, rule in rules if rule.handle in ours]


def _belongs(ground: Ground, rule: Rule, mappings: Collection[PortMapping], whose: Attachment) -> bool:
    """Nothing known of an attachment but its container: then all that is not marked for another is its."""
    if rule.mark:
        return rule.mark == mark(whose)
    if not mappings and not whose.addresses:
        return True
    address = whose.addresses.get(ground.version)
    if address and ground.target(rule) == address.ip.packed:
        return True
    found = translation(rule.meaning, ground.version)
    return found is not None and any(carries_out(found, mapping) for mapping in mappings)


def gc(net: Nfnetlink, network: str, valid: Collection[tuple[str, str]]) -> None:
    """Only what is marked for this network, and what leads to the same addresses of the same containers. Of other
    rules nobody knows whether they are this network's."""
    prefix = network_mark(network)
    keep = {mark_of(network, ifname, container_id) for container_id, ifname in valid}

    def plan() -> list[Message]:
        return [change for ground in GROUNDS for change in _stale(ground, net, prefix, keep)]

    edit(net, plan, doing=f"end stale port mappings of network {network}")


def _stale(ground: Ground, net: Nfnetlink, prefix: str, keep: Collection[str]) -> Iterator[Message]:
    chains = (ground.ports, ground.masquerading)
    marked = [rule for chain in chains for rule in chain.rules(net, containing=prefix)]
    stale = {
        (rule.comment, ground.target(rule))
        for rule in marked
        if rule.mark.startswith(prefix) and rule.mark not in keep
    }
    held = {(rule.comment, ground.target(rule)) for rule in marked if rule.mark in keep}
    for comment in {comment for comment, _ in stale}:
        for chain, rule in ground.rules(net, comment):
            ours = rule.mark.startswith(prefix) and rule.mark not in keep
            if ours or (not rule.mark and (comment, ground.target(rule)) in stale - held):
                yield chain.delete_rule(rule.handle)
