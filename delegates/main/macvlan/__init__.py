"""macvlan: a link with a MAC of its own on a link of the host."""

from delegates.main.macvlan.delegate import Macvlan

__all__ = ["Macvlan"]
