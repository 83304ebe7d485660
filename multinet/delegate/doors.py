"""What a call may carry in from outside, as protocols: a delegate knows these, not who is behind them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Set
from typing import TYPE_CHECKING, Protocol

from multinet.cni.types import Result
from multinet.delegate.undo import Undo

if TYPE_CHECKING:
    from multinet.delegate.host_link import HostLink
    from multinet.delegate.host_link_users import User
    from multinet.kernel.links import Link
    from multinet.kernel.namespace import Namespace


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


class HostLinks(Protocol):
    """Links of the host that are made on demand and go with their last user (``delegate.host_links``)."""

    def take(
        self,
        host: Namespace,
        wanted: HostLink,
        user: User,
        undo: Undo,
        *,
        bridge: Link | None = None,
        finish: Callable[[Link], None] | None = None,
    ) -> Link:
        """The link, made if need be; that ``user`` gives it back is on ``undo``. Raises InvalidConfig."""

    def release(self, host: Namespace, name: str, user: User) -> None:
        """``user`` needs it no more; nothing there is success."""

    def gc(self, host: Namespace, network: str, valid: Set[tuple[str, str]]) -> None:
        """Of that network, only these (container id, ifname) use any."""

    def sweep(self, host: Namespace, containers: Collection[str]) -> int:
        """Nobody else uses any whose namespace is gone for certain. How many links went."""
