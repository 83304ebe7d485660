"""portmap: ports of the host lead into the container."""

from delegates.meta.portmap.delegate import Portmap

__all__ = ["Portmap"]
