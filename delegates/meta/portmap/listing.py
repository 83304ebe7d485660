"""What iptables' table nat holds of port mappings, as iptables lists it, and the names that it goes by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from delegates.meta.portmap.conf import PortMapping
from multinet.kernel.iptables import Iptables, network_of, words_of
from multinet.kernel.names import hashed

ENTRY, MARKING, MASQUERADING = "CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-SETMARK", "CNI-HOSTPORT-MASQ"
OLD_ENTRY = "CNI-HOSTPORT-SNAT"
"""Of the reference before 0.7, with a chain CNI-SN-<hash> a container."""
OURS = "CNI-HOSTPORT-"
HOOKS = ("PREROUTING", "OUTPUT")
SHARED = ("-N ", *(f"-A {chain} " for chain in (*HOOKS, "POSTROUTING", MARKING, MASQUERADING)))
"""Begin the lines of what all containers share."""

Ports: TypeAlias = tuple[str, str]
"""Protocol and ports of a jump, as in ("tcp", "8080,8081")."""
Port: TypeAlias = tuple[str, str, str]
"""Protocol, host port and the host's address of a mapping, "" for any."""


def chain_name(network: str, container_id: str) -> str:
    return hashed("CNI-DN-", 28, network + container_id)


def old_chain_name(network: str, container_id: str) -> str:
    return hashed("CNI-SN-", 28, network + container_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A rule as iptables lists it."""

    text: str
    chain: str
    said: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Line:
        words = words_of(text)
        return cls(text=text, chain=words[1] if len(words) > 1 else "", said=dict(pairwise(words)))

    @property
    def target(self) -> str:
        return self.said.get("-j", "")

    @property
    def ports(self) -> Ports:
        return self.said.get("-p", ""), self.said.get("--dports", "")

    @property
    def port(self) -> Port:
        """ "" for the address where it says none, or one that is none of ours: 10.0.1.0/255.0.255.0."""
        address = network_of(self.said.get("-d", ""))
        return (
            self.said.get("-p", ""),
            self.said.get("--dport", ""),
            str(address.network_address) if address else "",
        )

    def leads_to(self, address: str) -> bool:
        """An IPv6 address in brackets."""
        return self.said.get("--to-destination", "").rpartition(":")[0] == address

    @property
    def deletion(self) -> str:
        return f"-D {self.text.removeprefix('-A ')}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What concerns a container's chain in table nat: the chain, and what leads to it and serves it."""

    chains: frozenset[str]
    lines: Sequence[Line]

    @classmethod
    def read(cls, program: Iptables, *chains: str) -> Listing:
        """Others may have ten thousands of rules there, and other containers some, so lines are looked into only
        where they matter."""
        texts = [
            text
            for text in program.listing("nat") or ()
            if any(name in text for name in chains) or (OURS in text and text.startswith(SHARED))
        ]
        return cls(
            chains=frozenset(text.removeprefix("-N ") for text in texts if text.startswith("-N ")),
            lines=[Line.parse(text) for text in texts if text.startswith("-A ")],
        )

    def of(self, chain: str) -> list[Line]:
        return [line for line in self.lines if line.chain == chain]

    def has(self, chain: str, target: str, *words: str) -> bool:
        return any(line.target == target and set(words) <= set(line.said.values()) for line in self.of(chain))


NOTHING = Listing(chains=frozenset(), lines=())


def port_of(mapping: PortMapping) -> Port:
    return mapping.protocol, str(mapping.host_port), str(mapping.bound or "")
