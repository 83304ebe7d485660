"""bandwidth: limits on what a container sends and receives."""

from delegates.meta.bandwidth.delegate import Bandwidth

__all__ = ["Bandwidth"]
