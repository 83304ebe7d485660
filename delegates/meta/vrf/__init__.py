"""vrf: an interface in a VRF, with routing tables apart from the others'."""

from delegates.meta.vrf.delegate import Vrf

__all__ = ["Vrf"]
