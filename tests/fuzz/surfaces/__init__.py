"""Every place where multinet reads what somebody else wrote, a module each kind."""

from __future__ import annotations

from tests.fuzz.surface import Surface
from tests.fuzz.surfaces import (
    api,
    definitions,
    frames,
    journal,
    ledgers,
    manifests,
    multus,
    netlink,
    networks,
    peers,
    requests,
    settings,
)

SURFACES: tuple[Surface, ...] = (
    *networks.SURFACES,
    *definitions.SURFACES,
    *requests.SURFACES,
    *settings.SURFACES,
    *frames.SURFACES,
    *netlink.SURFACES,
    *journal.SURFACES,
    *ledgers.SURFACES,
    *manifests.SURFACES,
    *multus.SURFACES,
    *api.SURFACES,
    *peers.SURFACES,
)
