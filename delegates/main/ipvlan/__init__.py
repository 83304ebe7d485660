"""ipvlan: a link with addresses of its own, and its master's MAC, on a link of the host."""

from delegates.main.ipvlan.delegate import Ipvlan

__all__ = ["Ipvlan"]
