"""firewall: lets through what is forwarded to and from a container, and keeps bridges apart."""

from delegates.meta.firewall.delegate import Firewall

__all__ = ["Firewall"]
