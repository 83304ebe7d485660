"""vlan: one VLAN of a link of the host, for the container alone."""

from delegates.main.vlan.delegate import Vlan

__all__ = ["Vlan"]
