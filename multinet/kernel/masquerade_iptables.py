"""Masquerading by iptables: in table nat a chain a container and network, and a jump to it an address.

    -A POSTROUTING -s 10.1.2.3/32     -j CNI-<hash>
    -A CNI-<hash>  -d 10.1.2.0/24     -j ACCEPT
    -A CNI-<hash>  ! -d 224.0.0.0/4   -j MASQUERADE           each with the comment  name: "net-a" id: "0ab5…"

Chain and comment are the reference's, and name no interface: a network attached twice to one container shares
the chain. There the reference strips the second attachment with the first DEL, and where it can't read the
addresses off the link it strips nothing, and fails for ever after. Here the jumps say what is in use. A DEL
removes those of them whose address no other interface of the container holds, and the chain with the last: so
it needs to know no address, is right for either of two attachments, leaves nothing when the container is
gone, and clears up after the reference (whose rules could not be told apart by a chain name of our own).

One more thing is done otherwise: the subnets of several addresses are all accepted *before* the rest is
masqueraded. The reference appends them as they come, so that traffic within all but the first subnet is
masqueraded.

iptables is run to set up, and to read or change the old kind's tables. The nf_tables kind's are read, and
cleared up, through the kernel itself: that costs no process, and also works where iptables is not installed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from ipaddress import ip_network
from typing import Protocol

from multinet.cni.types import CIDR, IP
from multinet.kernel.iptables import Iptables, Net, legacy_tables, quoted
from multinet.kernel.names import hashed
from multinet.kernel.namespace import Namespace
from multinet.kernel.nfnetlink import Message, Nfnetlink
from multinet.kernel.nft import Chain, Family, Rule, Table, edit
from multinet.kernel.nft_expr import SOURCE

VERSIONS = (4, 6)
FAMILIES = {4: Family.IPV4, 6: Family.IPV6}
MULTICAST = {4: "224.0.0.0/4", 6: "ff00::/8"}

Held = Callable[[], Collection[IP]]


def chain_name(network: str, container_id: str) -> str:
    return hashed("CNI-", 28, network + container_id)


def comment_of(network: str, container_id: str) -> str:
    return f'name: "{network}" id: "{container_id}"'


def setup(host: Namespace, *, network: str, container_id: str, addresses: Sequence[CIDR]) -> None:
    chain = chain_name(network, container_id)
    comment = comment_of(network, container_id)
    for version in VERSIONS:
        if mine := [address for address in addresses if address.version == version]:
            program = Iptables(host, version)
            lines = missing_lines(program, chain, comment, mine)
            if lines:
                program.apply("nat", lines, doing=f"masquerade {', '.join(str(a.ip) for a in mine)}")


def missing_lines(program: Iptables, chain: str, comment: str, addresses: Sequence[CIDR]) -> list[str]:
    """What iptables-restore must be told so that everything is there, once."""
    match = f"-m comment --comment {quoted(comment)}"
    there = program.rules("nat", chain)
    lines = [f":{chain} - [0:0]"] if there is None else []
    accepted = {rule.destination for rule in there or () if rule.target == "ACCEPT"}
    masquerades = any(rule.target == "MASQUERADE" for rule in there or ())
    place = f"-I {chain} 1" if masquerades else f"-A {chain}"
    subnets = dict.fromkeys(address.network for address in addresses)
    lines += [f"{place} -d {subnet} {match} -j ACCEPT" for subnet in subnets if subnet not in accepted]
    if not masquerades:
        lines.append(f"-A {chain} ! -d {MULTICAST[addresses[0].version]} {match} -j MASQUERADE")
    jumping = {rule.source for rule in program.rules("nat", "POSTROUTING") or () if rule.target == chain}
    lines += [
        f"-A POSTROUTING -s {address.ip} {match} -j {chain}"
        for address in addresses
        if ip_network(address.ip) not in jumping
    ]
    return lines


def teardown(host: Namespace, net: Nfnetlink | None, *, network: str, container_id: str, held: Held) -> None:
    """``held``: the addresses that other interfaces of the container have."""
    chain = chain_name(network, container_id)
    holders = cache(held)
    for store in stores(host, net):
        store.remove(chain, keep=lambda jump: any(ip in jump for ip in holders()))


def gc(host: Namespace, net: Nfnetlink | None, network: str, valid: Collection[str]) -> None:
    """``valid``: ids of containers. Of one that stays, all attachments stay: they can't be told apart."""
    for store in stores(host, net):
        for container_id in set(store.container_ids(network)) - set(valid):
            store.remove(chain_name(network, container_id), keep=lambda jump: False)


def masqueraded(
    host: Namespace, net: Nfnetlink | None, *, network: str, container_id: str
) -> Collection[Net]:
    """The sources whose packets get to the chain of this container and network."""
    chain = chain_name(network, container_id)
    return {source for store in stores(host, net) for source in store.sources(chain)}


class Store(Protocol):
    """Where the rules of one IP version are: in nf_tables, or in the old kind's tables."""

    def sources(self, chain: str) -> Collection[Net]:
        """What POSTROUTING sends to ``chain``."""

    def container_ids(self, network: str) -> Collection[str]:
        """The containers in the comments of this network's rules."""

    def remove(self, chain: str, *, keep: Callable[[Net], bool]) -> None:
        """Delete the jumps to ``chain`` but for those to ``keep``; if none is left, the chain too."""


def stores(host: Namespace, net: Nfnetlink | None) -> Iterator[Store]:
    for version in VERSIONS:
        if net:
            yield NfTables(net, version)
        program = Iptables(host, version, legacy=True)
        if "nat" in legacy_tables(host, version) and program.installed:
            yield Legacy(program)


class NfTables:
    """The rules that iptables' nf_tables kind made, without iptables."""

    def __init__(self, net: Nfnetlink, version: int) -> None:
        self._net = net
        self._version = version
        self._table = Table(family=FAMILIES[version], name="nat")
        self._postrouting = Chain(table=self._table, name="POSTROUTING")

    def _jumps(self, chain: str) -> list[tuple[Net | None, Rule]]:
        rules = self._postrouting.rules(self._net, containing=chain)
        return [(_source(rule, self._version), rule) for rule in rules if rule.target == chain]

    def sources(self, chain: str) -> Collection[Net]:
        return {source for source, _ in self._jumps(chain) if source}

    def container_ids(self, network: str) -> Collection[str]:
        # Where a comment is kept has changed between versions of iptables, how it reads has not.
        pattern = re.compile(re.escape(f'name: "{network}" id: "').encode() + rb'([^"]*)"')
        found = self._table.dump_rules(self._net, containing=f'name: "{network}" id: "')
        return {match.decode() for body in found for match in pattern.findall(body)}

    def remove(self, chain: str, *, keep: Callable[[Net], bool]) -> None:
        ours = Chain(table=self._table, name=chain)

        def plan() -> list[Message]:
            if not ours.exists(self._net):
                return []
            jumps = self._jumps(chain)
            stale = [rule for source, rule in jumps if source is None or not keep(source)]
            changes = [self._postrouting.delete_rule(rule.handle) for rule in stale]
            return changes if len(stale) < len(jumps) else [*changes, ours.delete()]

        edit(self._net, plan, doing=f"remove {ours} or jumps to it")


class Legacy:
    """The rules in the old kind's tables, by running iptables."""

    def __init__(self, program: Iptables) -> None:
        self._program = program

    def sources(self, chain: str) -> Collection[Net]:
        rules = self._program.rules("nat", "POSTROUTING") or ()
        return {rule.source for rule in rules if rule.target == chain and rule.source}

    def container_ids(self, network: str) -> Collection[str]:
        pattern = re.compile(re.escape(f'name: "{network}" id: "') + r'([^"]*)"')
        rules = self._program.rules("nat") or ()
        return {match[1] for rule in rules if (match := pattern.fullmatch(rule.comment))}

    def remove(self, chain: str, *, keep: Callable[[Net], bool]) -> None:
        if self._program.rules("nat", chain) is None:
            return
        jumps = [rule for rule in self._program.rules("nat", "POSTROUTING") or () if rule.target == chain]
        stale = [rule for rule in jumps if rule.source is None or not keep(rule.source)]
        lines = [f"-D {rule.spec}" for rule in stale]
        if len(stale) == len(jumps):
            lines += [f"-F {chain}", f"-X {chain}"]
        if lines:
            self._program.apply("nat", lines, doing=f"remove chain {chain} of iptables, or jumps to it")


def _source(rule: Rule, version: int) -> Net | None:
    """The one address, or the subnet of whole bytes, that a rule wants packets to come from."""
    wanted = rule.wanted(SOURCE[version])
    size = 4 if version == 4 else 16
    return ip_network((wanted.ljust(size, b"\0"), 8 * len(wanted))) if wanted else None
