"""tuning: kernel parameters of the container, and MAC, MTU and modes of its interface."""

from delegates.meta.tuning.delegate import Tuning

__all__ = ["Tuning"]
