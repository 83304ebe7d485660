"""bridge: a veth pair between the container and a bridge on the host."""

from delegates.main.bridge.delegate import Bridge

__all__ = ["Bridge"]
