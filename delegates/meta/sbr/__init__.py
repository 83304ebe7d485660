"""sbr: what comes from an address leaves by the interface that has it."""

from delegates.meta.sbr.delegate import Sbr

__all__ = ["Sbr"]
