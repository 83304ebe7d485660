"""What a plugin answers, in the newest version's terms (CNI 1.1, "Success"; ``wire`` knows the older ones).

Addresses keep their host bits (``10.1.2.3/24``), and so do route destinations: that is how the reference
reads and prints them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import TypeAlias

IP: TypeAlias = IPv4Address | IPv6Address
CIDR: TypeAlias = IPv4Interface | IPv6Interface


@dataclass(frozen=True, kw_only=True, slots=True)
class Interface:
    """``sandbox`` is the netns path, "" for one on the host. ``mtu`` 0 means not told."""

    name: str
    mac: str = ""
    mtu: int = 0
    sandbox: str = ""
    socket_path: str = ""
    pci_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """``interface`` is an index into the result's interfaces; None when it belongs to none (IPAM results)."""

    address: CIDR
    gateway: IP | None = None
    interface: int | None = None

    def on(self, interface: int) -> Address:
        """The same address, on that interface of the result."""
        return replace(self, interface=interface)


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """``table`` and ``scope`` tell "not set" (None) from 0; for the rest 0 is "not set"."""

    dst: CIDR
    gw: IP | None = None
    mtu: int = 0
    advmss: int = 0
    priority: int = 0
    table: int | None = None
    scope: int | None = None

    @property
    def is_default(self) -> bool:
        return self.dst.network.prefixlen == 0


@dataclass(frozen=True, kw_only=True, slots=True)
class DNS:
    nameservers: tuple[str, ...] = ()
    domain: str = ""
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.nameservers or self.domain or self.search or self.options)


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    interfaces: tuple[Interface, ...] = ()
    ips: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    dns: DNS = field(default_factory=DNS)

    def but(
        self,
        *,
        interfaces: tuple[Interface, ...] | None = None,
        ips: tuple[Address, ...] | None = None,
        routes: tuple[Route, ...] | None = None,
        dns: DNS | None = None,
    ) -> Result:
        """The same result with some members replaced."""
        return Result(
            interfaces=self.interfaces if interfaces is None else interfaces,
            ips=self.ips if ips is None else ips,
            routes=self.routes if routes is None else routes,
            dns=self.dns if dns is None else dns,
        )
