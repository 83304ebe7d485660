"""sriov: a virtual function of a network card, set up through its physical function and moved into the container."""

from delegates.main.sriov.delegate import Sriov

__all__ = ["Sriov"]
