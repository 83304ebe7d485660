"""dhcp: an address leased from a DHCP server of the network, and kept for as long as the container runs."""

from delegates.ipam.dhcp.delegate import Dhcp

__all__ = ["Dhcp"]
