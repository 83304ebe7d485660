"""The annotations' own README: every key that is read is told there."""

from __future__ import annotations

import re

from multinet.npwg import selection
from tests.conftest import ROOT

README = (ROOT / "multinet" / "npwg" / "README.md").read_text(encoding="utf-8")


def told(title: str) -> set[str]:
    """The keys in the first column of a section's tables."""
    section = README.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return set(re.findall(r"`([^`]+)`", " ".join(rows)))


def test_the_table_of_the_annotation_has_every_key() -> None:
    everything = selection.Selection(
        namespace="n",
        name="n",
        interface="i",
        ips=selection.parse('[{"name": "n", "ips": ["10.0.0.1"]}]', home="n")[0].ips,
        mac="02:00:00:00:00:01",
        infiniband_guid="02:00:00:00:00:00:00:01",
        port_mappings=(selection.PortMapping(host_port=1, container_port=1),),
        bandwidth=selection.Bandwidth(),
        device_id="d",
        cni_args={"a": 1},
        default_route=(),
        ipam_claim_reference="c",
    )

    assert told("The networks of a pod") >= set(selection.element(everything))
