"""The agent's keeper of leases, in the agent's own process (``multinet.delegate.contract.Resident``)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from delegates.ipam.dhcp.client import Pace
from delegates.ipam.dhcp.doors import Here, Leases
from delegates.ipam.dhcp.keeper import Keeper

PACE: Final = Pace(total=60.0)
"""A request has 110 seconds, and the pod other networks."""


class LeaseKeeper:
    """Until ``start`` and after ``stop`` there is none in this process, and the daemon is asked."""

    def __init__(self) -> None:
        self._keeper: Keeper | None = None

    def start(self, folder: Path) -> None:
        """Go on with the leases in ``folder``. Where there are none the keeper begins with the first."""
        self._keeper = Keeper(folder, PACE)
        if next(folder.glob("*.json"), None) is not None:
            self._keeper.start()

    def stop(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.stop()

    @property
    def leases(self) -> Leases | None:
        return Here(self._keeper) if self._keeper is not None else None


RESIDENT: Final = LeaseKeeper()
