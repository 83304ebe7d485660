"""flannel: the node's part of a flannel network, given to another plugin as its configuration."""

from delegates.meta.flannel.delegate import Flannel

__all__ = ["Flannel"]
