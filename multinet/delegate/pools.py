"""What an IPAM keeps on this machine, for whoever looks after a node: its pools, and who holds which address."""

from __future__ import annotations

from dataclasses import dataclass

from multinet.cni.types import IP


@dataclass(frozen=True, kw_only=True, slots=True)
class Reservation:
    """One address that is taken."""

    address: IP
    container_id: str
    """"" where nothing tells: somebody reserved it by hand."""
    ifname: str
    since: float
    """In seconds of the wall clock."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Addresses in a row that may be given, both ends included."""

    first: IP
    last: IP
    size: int
    """How many; without a gateway that lies among them."""
    used: int

    @property
    def free(self) -> int:
        return self.size - self.used

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    def __contains__(self, address: IP) -> bool:
        return address.version == self.first.version and int(self.first) <= int(address) <= int(self.last)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """The addresses of one network. ``stretches`` is () where nobody has its configuration any more."""

    type: str
    """The CNI type of the IPAM."""
    network: str
    """The name of the CNI configuration."""
    place: str
    """The folder that they are kept in."""
    stretches: tuple[Stretch, ...] = ()
    held: tuple[Reservation, ...] = ()
    """By address."""
