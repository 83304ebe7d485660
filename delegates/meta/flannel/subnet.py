"""What flanneld says of the node it runs on: ``subnet.env``, lines of ``KEY=VALUE`` of which the last counts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeAlias, TypeVar

from multinet import files
from multinet.errors import DecodingFailure, TryAgain

T = TypeVar("T")

Network: TypeAlias = IPv4Network | IPv6Network

MAX_MTU = 2**32 - 1

NETWORKS = "FLANNEL_NETWORK", "FLANNEL_IPV6_NETWORK"
SUBNETS = "FLANNEL_SUBNET", "FLANNEL_IPV6_SUBNET"
MTU = "FLANNEL_MTU"
IPMASQ = "FLANNEL_IPMASQ"

LOOK = "flanneld writes it when it runs and has a subnet for this node: see whether it does, and what it logs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Subnet:
    """``networks`` are those of all nodes, ``subnets`` this node's: IPv4 first, both without an address in them.
    ``ipmasq``: does flanneld masquerade what leaves them?"""

    networks: tuple[Network, ...]
    subnets: tuple[Network, ...]
    mtu: int
    ipmasq: bool


STAND_IN = Subnet(
    networks=(ip_network("192.0.2.0/24"),), subnets=(ip_network("192.0.2.0/25"),), mtu=1450, ipmasq=True
)
"""For reading a configuration while nobody knows the real one: addresses for documentation (RFC 5737)."""


def read(path: str) -> Subnet:
    """Raises TryAgain when there is none yet, DecodingFailure for one that says too little or nonsense."""
    if not os.path.exists(path):
        raise TryAgain(f"flannel has given this node no subnet: there is no {path}", hint=LOOK)
    return parse(files.read(path).decode(errors="replace"), path)


def parse(text: str, path: str) -> Subnet:
    said = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        said[key.strip()] = value.strip()
    if missing := _missing(said):
        raise DecodingFailure(f"{path} is missing {', '.join(missing)}", hint=LOOK)

    def member(key: str, of: Callable[[str], T]) -> T:
        try:
            return of(said[key])
        except ValueError as error:
            raise DecodingFailure(f"{path}: {key}={said[key]}: {error}", hint=LOOK) from None

    return Subnet(
        networks=tuple(dict.fromkeys(one for key in NETWORKS if key in said for one in member(key, _listed))),
        subnets=tuple(member(key, _network) for key in SUBNETS if key in said),
        mtu=member(MTU, _mtu),
        ipmasq=said[IPMASQ] == "true",
    )


def _missing(said: Mapping[str, str]) -> list[str]:
    families = [key for pair in (NETWORKS, SUBNETS) if not said.keys() & set(pair) for key in pair]
    return families + [key for key in (MTU, IPMASQ) if key not in said]


def _listed(text: str) -> list[Network]:
    """Of a family there may be several, with commas between them."""
    return [_network(one.strip()) for one in text.split(",")]


def _network(text: str) -> Network:
    """``10.1.17.1/24`` is 10.1.17.0/24."""
    if "/" not in text:
        raise ValueError("expected an address with a length: 10.244.1.0/24")
    return ip_network(text, strict=False)


def _mtu(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_MTU):
        raise ValueError("expected a number of bytes")
    return int(text)
