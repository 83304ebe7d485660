"""dummy: an interface that leads nowhere, to hold addresses."""

from delegates.main.dummy.delegate import Dummy

__all__ = ["Dummy"]
