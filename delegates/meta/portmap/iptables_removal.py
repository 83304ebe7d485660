"""Clearing up what iptables holds of port mappings, ours or the reference's (``by_iptables`` says how it looks).

The nf_tables kind's rules are cleared up through the kernel, without iptables, unless a chain may be shared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from delegates.meta.portmap.conf import VERSIONS, Attachment, PortMapping
from delegates.meta.portmap.listing import (
    ENTRY,
    NOTHING,
    OLD_ENTRY,
    Listing,
    chain_name,
    old_chain_name,
    port_of,
)
from multinet.cni.types import IP
from multinet.kernel.iptables import Iptables, legacy_tables
from multinet.kernel.namespace import Namespace
from multinet.kernel.nfnetlink import Message, Nfnetlink
from multinet.kernel.nft import Chain, Family, Rule, Table, edit
from multinet.kernel.nft_nat import DESTINATION, L4PROTO, PORT, PROTOCOLS

NFT_FAMILIES = {4: Family.IPV4, 6: Family.IPV6}


def removal(
    there: Listing, chain: str, mappings: Collection[PortMapping], whose: Attachment, version: int
) -> Iterator[str]:
    """What removes an attachment from the chain: its mappings, and what leads to its address. With the last of all
    the chain goes; of an attachment that nothing is known of, all is."""
    address = whose.addresses.get(version)
    to = address and (f"[{address.ip}]" if version == 6 else str(address.ip))
    ports = {port_of(mapping) for mapping in mappings}
    ports |= {line.port for line in there.of(chain) if to and line.leads_to(to)}
    staying = {line.port for line in there.of(chain) if line.target == "DNAT"} - ports
    if not staying or not (mappings or whose.addresses):
        yield from whole_removal(there, chain)
        return
    used = {(protocol, port) for protocol, port, _ in staying}
    for line in there.of(ENTRY):
        protocol, given = line.ports
        if line.target == chain and used.isdisjoint((protocol, port) for port in given.split(",")):
            yield line.deletion
    for line in there.of(chain):
        if line.port in ports:
            yield line.deletion


def whole_removal(there: Listing, chain: str) -> Iterator[str]:
    if chain in there.chains:
        yield from (line.deletion for line in there.lines if line.target == chain)
        yield from (f"-F {chain}", f"-X {chain}")


def teardown(
    host: Namespace, net: Nfnetlink | None, mappings: Collection[PortMapping], whose: Attachment
) -> None:
    """What can be told by the kernel alone to be this attachment's takes no program."""
    chains = [name(whose.network, whose.container_id) for name in (chain_name, old_chain_name)]
    for version in VERSIONS:
        if net and (found := in_nf_tables(net, version, chains)):
            program = Iptables(host, version)
            alone = is_alone(found[0].rules(net), mappings, version) or not (mappings or whose.addresses)
            if alone or not remove_by_program(program, chains, mappings, whose, version):
                remove_from_nf_tables(net, version, found)
        if "nat" in legacy_tables(host, version):
            program = Iptables(host, version, legacy=True)
            remove_by_program(program, chains, mappings, whose, version)


def remove_by_program(
    program: Iptables,
    chains: Sequence[str],
    mappings: Collection[PortMapping],
    whose: Attachment,
    version: int,
) -> bool:
    """False when it knows nothing of the chains: it may be of the other kind, or not be there."""
    there = Listing.read(program, *chains) if program.installed else NOTHING
    if there.chains.isdisjoint(chains):
        return False
    chain, old = chains
    lines = [*removal(there, chain, mappings, whose, version), *whole_removal(there, old)]
    if lines:
        program.apply("nat", lines, doing=f"remove chain {chain} of iptables, or ports from it")
    return True


def in_nf_tables(net: Nfnetlink, version: int, chains: Iterable[str]) -> list[Chain]:
    """Those of the chains that are there."""
    table = Table(family=NFT_FAMILIES[version], name="nat")
    found = [Chain(table=table, name=name) for name in chains]
    return [chain for chain in found if chain.exists(net)]


def is_alone(rules: Iterable[Rule], mappings: Collection[PortMapping], version: int) -> bool:
    """Is every rule about one of the mappings? False also for what is said in another way than today's iptables'."""
    wanted = {
        (bytes([PROTOCOLS[mapping.protocol]]), mapping.host_port.to_bytes(2), packed(mapping.bound))
        for mapping in mappings
        if mapping.concerns(version)
    }
    fields = (L4PROTO, PORT, DESTINATION[version])
    return bool(wanted) and all(tuple(map(rule.wanted, fields)) in wanted for rule in rules)


def packed(address: IP | None) -> bytes | None:
    return address.packed if address else None


def remove_from_nf_tables(net: Nfnetlink, version: int, chains: Collection[Chain]) -> None:
    """Whatever is in them, and the jumps to them."""
    entries = [
        Chain(table=Table(family=NFT_FAMILIES[version], name="nat"), name=name) for name in (ENTRY, OLD_ENTRY)
    ]

    def plan() -> list[Message]:
        there = [chain for chain in chains if chain.exists(net)]
        jumps = [
            entry.delete_rule(rule.handle)
            for chain in there
            for entry in entries
            for rule in entry.rules(net, containing=chain.name)
            if rule.target == chain.name
        ]
        return [*jumps, *(chain.delete() for chain in there)]

    edit(net, plan, doing=f"remove {', '.join(map(str, chains))} and the jumps there")


def gc(host: Namespace, net: Nfnetlink | None, network: str, valid: Collection[tuple[str, str]]) -> None:
    """Of a container that stays, all attachments stay: they can't be told apart."""
    keep = {chain_name(network, container_id) for container_id, _ in valid}
    begin = f'dnat name: "{network}" id: "'
    for version in VERSIONS:
        if net:
            entry = Chain(table=Table(family=NFT_FAMILIES[version], name="nat"), name=ENTRY)
            jumps = entry.rules(net, containing=begin)
            stale = {rule.target for rule in jumps} - keep - {""}
            if found := in_nf_tables(net, version, sorted(stale)):
                remove_from_nf_tables(net, version, found)
        if "nat" in legacy_tables(host, version):
            program = Iptables(host, version, legacy=True)
            there = Listing.read(program, "CNI-DN-") if program.installed else NOTHING
            jumping = {
                line.target for line in there.of(ENTRY) if line.said.get("--comment", "").startswith(begin)
            }
            for chain in jumping - keep:
                program.apply("nat", list(whole_removal(there, chain)), doing=f"remove chain {chain}")
