"""Definitions that several scenarios use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2e.cluster.pods import Space


def macvlan(space: Space, ipam: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """On the link that joins the nodes: the network spans them."""
    return {"type": "macvlan", "master": space.driver.uplink, "mode": "bridge", "ipam": dict(ipam), **more}


def bridge(space: Space, number: int) -> dict[str, Any]:
    """A network of its own on each node, ``10.9.<number>.0/24``. The node's side ends with its last pod."""
    return {"type": "bridge", "bridge": f"e2e{number}", "ipam": host_local(f"10.9.{number}.0/24")}


def host_local(*subnets: str) -> dict[str, Any]:
    """One range an address."""
    return {"type": "host-local", "ranges": [[{"subnet": subnet}] for subnet in subnets]}
