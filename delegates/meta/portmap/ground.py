"""The tables of nf_tables that port mappings are in, and how an attachment's rules are known there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from delegates.meta.portmap.conf import VERSIONS, Attachment, PortMapping
from multinet.kernel.names import hashed
from multinet.kernel.nfnetlink import Message, Nfnetlink
from multinet.kernel.nft import (
    OUTPUT,
    POSTROUTING,
    PREROUTING,
    PRIORITY_DSTNAT,
    PRIORITY_SRCNAT,
    Chain,
    Family,
    Hook,
    Rule,
    Table,
)
from multinet.kernel.nft_expr import jump, meanings
from multinet.kernel.nft_nat import DESTINATION, PROTOCOLS, Translation, to_this_host, translation

COMMENT_BYTES = 128
"""What nft takes; a container's id is no longer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """The table of one IP family and its chains."""

    version: int
    table: Table

    @classmethod
    def of(cls, version: int) -> Ground:
        family = Family.IPV4 if version == 4 else Family.IPV6
        return cls(
            version=version,
            table=Table(family=family, name="cni_hostport", comment="CNI portmap plugin"),
        )

    def chain(self, name: str, hook: int | None = None, priority: int = PRIORITY_DSTNAT) -> Chain:
        base = None if hook is None else Hook(kind="nat", number=hook, priority=priority)
        return Chain(table=self.table, name=name, hook=base)

    @property
    def ports(self) -> Chain:
        return self.chain("hostports")

    @property
    def old_ports(self) -> Chain:
        return self.chain("hostip_hostports")

    @property
    def masquerading(self) -> Chain:
        return self.chain("masquerading", POSTROUTING, PRIORITY_SRCNAT)

    @property
    def ways(self) -> Sequence[tuple[Chain, Sequence[bytes]]]:
        """The chains that lead to ``ports``, and all that is in them."""
        everything = self.chain("hostports_all")
        entry = to_this_host() + jump(everything.name)
        return (
            (everything, (jump(self.old_ports.name), jump(self.ports.name))),
            (self.chain("prerouting", PREROUTING), (entry,)),
            (self.chain("output", OUTPUT), (entry,)),
        )

    def stands(self, net: Nfnetlink) -> bool:
        return all(
            [rule.meaning for rule in chain.rules(net)] == [meanings(rule) for rule in rules]
            for chain, rules in self.ways
        )

    def laying(self) -> list[Message]:
        """The messages that lay it, or lay it anew: a way with somebody's conditions is for those alone."""
        ways = [
            message
            for chain, rules in self.ways
            for message in (chain.add(), chain.flush(), *map(chain.append, rules))
        ]
        return [self.table.add(), self.ports.add(), self.old_ports.add(), *ways]

    def rules(self, net: Nfnetlink, container_id: str) -> Iterator[tuple[Chain, Rule]]:
        """Those of a container, ours or the reference's."""
        comment = comment_of(container_id)
        for chain in (self.ports, self.old_ports, self.masquerading):
            for rule in chain.rules(net, containing=comment):
                if rule.comment == comment:
                    yield chain, rule

    def maps(self, rule: Rule) -> bool:
        return translation(rule.meaning, self.version) is not None

    def target(self, rule: Rule) -> bytes | None:
        """The container's address in a rule."""
        found = translation(rule.meaning, self.version)
        return found.to if found else rule.wanted(DESTINATION[self.version])


GROUNDS = tuple(Ground.of(version) for version in VERSIONS)


def comment_of(container_id: str) -> str:
    return container_id[:COMMENT_BYTES]


def network_mark(network: str) -> str:
    return f"{hashed('', 16, network)}-"


def mark_of(network: str, ifname: str, container_id: str) -> str:
    return network_mark(network) + hashed("", 16, f"{ifname}:{container_id}")


def mark(whose: Attachment) -> str:
    return mark_of(whose.network, whose.ifname, whose.container_id)


def carries_out(found: Translation, mapping: PortMapping) -> bool:
    bound = mapping.bound
    return (
        found.port == mapping.host_port
        and found.protocol in (None, PROTOCOLS[mapping.protocol])
        and found.address == (bound.packed if bound else None)
    )
