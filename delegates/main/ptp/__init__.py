"""ptp: a veth pair between the container and the host, routed."""

from delegates.main.ptp.delegate import Ptp

__all__ = ["Ptp"]
