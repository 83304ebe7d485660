"""What a call may carry in from outside, as protocols: a delegate knows these, not who is behind them."""

from __future__ import annotations

from typing import Protocol

from multinet.cni.types import Result
from multinet.delegate.undo import Undo


class Other(Protocol):
    """Another plugin with a configuration that it has read and found good, for the same attachment.

    Installed or executable: the caller can't tell.
    """

    @property
    def type(self) -> str: ...

    def add(self, undo: Undo) -> Result:
        """Its way back is on ``undo``."""

    def check(self, prev_result: Result | None) -> None: ...

    def delete(self) -> None:
        """Nothing there is success."""

    def gc(self) -> None: ...

    def status(self) -> None: ...


class Ipam(Other, Protocol):
    """The plugin named by ``ipam.type``, given the same configuration."""

    def add(self, undo: Undo) -> Result:
        """Addresses, routes and DNS; the release is on ``undo``.

        Raises AddressError when the plugin gave no address at all.
        """
