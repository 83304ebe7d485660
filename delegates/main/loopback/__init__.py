"""loopback: the container's own loopback, set up."""

from delegates.main.loopback.delegate import Loopback

__all__ = ["Loopback"]
