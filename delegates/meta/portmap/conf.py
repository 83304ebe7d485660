"""The configuration of portmap."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any

from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import CIDR, IP, Result
from multinet.delegate.contract import Call
from multinet.delegate.schema import Schema
from multinet.errors import InvalidConfig, inside
from multinet.kernel.nft_nat import PROTOCOLS

SCHEMA = Schema.of(__package__)

VERSIONS = (4, 6)
IPTABLES, NFTABLES = "iptables", "nftables"

DEFAULT_MARK_BIT = 13
"""Kubernetes has 14 and 15, Calico 20 to 31."""
MOST_MARK_BIT = 31
MOST_PORT = 65535
PORTS = f"a port is a number from 1 to {MOST_PORT}"


CHAIN = re.compile(r"[^-!\s\"'][^\s\"']{0,27}")
LOADER, SHORT_LOADER = "--modprobe", re.compile(r"-[^-]*M")
"""``--modprobe=/a/program``, ``-M``: iptables runs it, as root, where it misses a module."""
ENDS_A_RULE = {IPTABLES: frozenset[str](), NFTABLES: frozenset("#;")}


@dataclass(frozen=True, kw_only=True, slots=True)
class PortMapping:
    """A port of the host that leads to one of the container."""

    protocol: str
    host_port: int
    container_port: int
    host_ip: IP | None = None
    """As it was given; 0.0.0.0 and :: say the family, and no more."""

    def __str__(self) -> str:
        return f"{self.host_port}/{self.protocol}"

    def concerns(self, version: int) -> bool:
        return self.host_ip is None or self.host_ip.version == version

    @property
    def bound(self) -> IP | None:
        """The one address of the host that it is about."""
        return None if self.host_ip is None or self.host_ip.is_unspecified else self.host_ip


@dataclass(frozen=True, kw_only=True, slots=True)
class PortmapConf:
    mappings: tuple[PortMapping, ...]
    backend: str | None
    """None: whichever can be used."""
    snat: bool
    masq_all: bool
    mark_bit: int
    set_mark_chain: str | None
    """Somebody else's."""
    conditions: Mapping[int, tuple[str, ...]]
    """By IP version."""

    @staticmethod
    def backend_of(words: Sequence[str]) -> str:
        """Whose conditions these are: a word of nft's begins with neither."""
        return IPTABLES if words[0][0] in "-!" else NFTABLES

    def options_of(self, backend: str) -> list[str]:
        """The options that only this backend can carry out."""
        chain = ["externalSetMarkChain"] if self.set_mark_chain and backend == IPTABLES else []
        return chain + [
            f"conditionsV{version}"
            for version, words in self.conditions.items()
            if words and self.backend_of(words) == backend
        ]


def parse(conf: NetConf, args: Args) -> PortmapConf:
    raw = SCHEMA.read(conf.raw)
    mark_bit = raw.get("markMasqBit", DEFAULT_MARK_BIT)
    parsed = PortmapConf(
        mappings=tuple(_mappings(raw.get("runtimeConfig", {}).get("portMappings", ()), args.lenient)),
        backend=raw.get("backend"),
        snat=raw.get("snat", True),
        masq_all=raw.get("masqAll", False),
        mark_bit=mark_bit,
        set_mark_chain=raw.get("externalSetMarkChain"),
        conditions={
            version: tuple(word for word in raw.get(f"conditionsV{version}", ()) if word.strip())
            for version in VERSIONS
        },
    )
    if not args.lenient:
        _refuse_more_than_words(parsed)
        if parsed.set_mark_chain and "markMasqBit" in raw:
            raise InvalidConfig(
                "Cannot specify externalSetMarkChain and markMasqBit",
                hint="the chain that is not ours has a bit of its own",
            )
        if not 0 <= mark_bit <= MOST_MARK_BIT:
            raise InvalidConfig(f"MasqMarkBit must be between 0 and {MOST_MARK_BIT}")
        if parsed.backend:
            refuse_options_of_another(parsed, parsed.backend)
    return parsed


def refuse_options_of_another(conf: PortmapConf, backend: str) -> None:
    """Raise InvalidConfig for what ``backend`` can't carry out."""
    other = NFTABLES if backend == IPTABLES else IPTABLES
    if found := conf.options_of(other):
        raise InvalidConfig(
            f"{backend} backend was requested but configuration contains {other}-specific options "
            f"[{' '.join(found)}]",
            hint=f'set "backend": "{other}", or write them for {backend}',
        )


def _refuse_more_than_words(conf: PortmapConf) -> None:
    """What goes into the input of nft and iptables may not become another command there."""
    if (chain := conf.set_mark_chain) and not CHAIN.fullmatch(chain):
        raise InvalidConfig(f"externalSetMarkChain: {chain!r} can't be the name of a chain of iptables")
    for version, words in conf.conditions.items():
        for number, word in enumerate(words):
            ends = ENDS_A_RULE[conf.backend_of(words)]
            if not word.isprintable() or ends.intersection(word):
                raise InvalidConfig(
                    f"conditionsV{version}[{number}]: {word!r} is more than a part of a rule",
                    hint="leave out line breaks" + "".join(f" and '{one}'" for one in sorted(ends)),
                )
            if conf.backend_of(words) == IPTABLES and _names_a_loader(word):
                raise InvalidConfig(
                    f"conditionsV{version}[{number}]: {word!r} names a program for iptables to run",
                    hint="write nothing but matches",
                )


def _names_a_loader(word: str) -> bool:
    """An option's name may be cut short."""
    name = word.partition("=")[0]
    return bool(SHORT_LOADER.match(word)) or (len(name) > len("--") and LOADER.startswith(name))


def _mappings(given: Sequence[Mapping[str, Any]], lenient: bool) -> Iterator[PortMapping]:
    """Where nothing is to be refused, what can't have been made is left out."""
    for number, entry in enumerate(given):
        try:
            with inside(f"runtimeConfig.portMappings[{number}]"):
                yield _mapping(entry)
        except InvalidConfig:
            if not lenient:
                raise


def _mapping(entry: Mapping[str, Any]) -> PortMapping:
    container_port, host_port = entry.get("containerPort", 0), entry.get("hostPort", 0)
    if not 0 < container_port <= MOST_PORT:
        raise InvalidConfig(f"Invalid container port number: {container_port}", hint=PORTS)
    if not 0 < host_port <= MOST_PORT:
        raise InvalidConfig(f"Invalid host port number: {host_port}", hint=PORTS)
    protocol = entry.get("protocol", "").lower() or "tcp"
    if protocol not in PROTOCOLS:
        raise InvalidConfig(f'unknown protocol "{protocol}"', hint=f"choose one of {', '.join(PROTOCOLS)}")
    return PortMapping(
        protocol=protocol,
        host_port=host_port,
        container_port=container_port,
        host_ip=_host_ip(entry.get("hostIP", "")),
    )


def _host_ip(text: str) -> IP | None:
    try:
        address = ip_address(text) if text else None
    except ValueError:
        raise InvalidConfig(f'hostIP "{text}" is no IP address') from None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """What the mappings belong to, and the first address of each family that they lead to."""

    network: str
    container_id: str
    ifname: str
    addresses: Mapping[int, CIDR]
    """By IP version."""

    @classmethod
    def of(cls, call: Call[PortmapConf]) -> Attachment:
        addresses: dict[int, CIDR] = {}
        for address in container_addresses(call.prev_result, call.ifname):
            addresses.setdefault(address.version, address)
        return cls(
            network=call.network, container_id=call.container_id, ifname=call.ifname, addresses=addresses
        )


def container_addresses(result: Result | None, ifname: str) -> Iterator[CIDR]:
    """Those of the result that are not known to be another interface's."""
    for ip in result.ips if result else ():
        known = result.interfaces if result else ()
        if ip.interface is not None and 0 <= ip.interface < len(known):
            interface = known[ip.interface]
            if interface.name != ifname or not interface.sandbox:
                continue
        yield ip.address
