"""What a node holds for pods: to be the same after a scenario as before it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from e2e.cluster.driver import Driver

RECORDS: Final = "/var/lib/cni/multinet/sandboxes"
ADDRESSES: Final = "/var/lib/cni/networks"
KEPT: Final = ("lock", "last_reserved_ip.")
"""Of host-local, beside the addresses that are in use."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Holdings:
    """Of one node."""

    records: tuple[str, ...]
    """The agent's, one a sandbox."""
    addresses: tuple[str, ...]
    """host-local's: ``network/address``."""
    links: tuple[str, ...]
    """In the node's own namespace, without those that have a name of the node's or of a network's bridge."""
    namespaces: tuple[str, ...]

    @classmethod
    def of(cls, driver: Driver, node: str) -> Holdings:
        script = (
            f"cd {RECORDS} 2>/dev/null && find . -name '*.json' -printf '%P\\n'; echo ==;"
            f" cd {ADDRESSES} 2>/dev/null && find . -type f -printf '%P\\n'; echo ==;"
            " ls /run/netns 2>/dev/null; echo ==; ip -j link"
        )
        records, addresses, namespaces, links = driver.shell(node, "sh", "-c", script).stdout.split("==\n")
        return cls(
            records=tuple(sorted(records.split())),
            addresses=tuple(
                sorted(
                    line for line in addresses.splitlines() if not line.rpartition("/")[2].startswith(KEPT)
                )
            ),
            links=tuple(sorted(link["ifname"] for link in json.loads(links) if "link_netnsid" in link)),
            namespaces=tuple(sorted(namespaces.split())),
        )

    @classmethod
    def all(cls, driver: Driver) -> Mapping[str, Holdings]:
        return {node: cls.of(driver, node) for node in driver.nodes}
