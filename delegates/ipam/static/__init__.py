"""static: addresses as the configuration or the runtime names them."""

from delegates.ipam.static.delegate import Static

__all__ = ["Static"]
