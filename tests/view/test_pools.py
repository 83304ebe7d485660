"""Pools are found by the configurations of all pods, and each is read once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from multinet.cni.netconf import NetConfList
from multinet.delegate import registry
from multinet.delegate.pools import Pool
from multinet.plan import Attachment, Phase, Plan, Pod, Record
from multinet.view.journal import Journal
from multinet.view.pools import gather


def attachment(folder: Path, name: str, subnet: str, **more: Any) -> Attachment:
    ipam = {"type": "host-local", "dataDir": str(folder), "ranges": [[{"subnet": subnet}]]}
    plugin = {"type": "bridge", "bridge": "br0", "ipam": ipam, "capabilities": {"ipRanges": True}}
    conflist = NetConfList.of({"cniVersion": "1.1.0", "name": name, "plugins": [plugin]})
    return Attachment(network=f"shop/{name}", ifname="net1", conflist=conflist, **more)


def journal(*attachments: Attachment) -> Journal:
    """A pod for each."""
    records = [
        Record(
            plan=Plan(
                container_id=f"c{number}",
                ifname="eth0",
                netns="/run/netns/gone",
                pod=Pod(namespace="shop", name=f"web-{number}"),
                attachments=(one,),
            ),
            phase=Phase.INTENDED,
            boot_id="",
        )
        for number, one in enumerate(attachments)
    ]
    return Journal(records=tuple(records), damaged=())


def ranges(pools: list[Pool]) -> Mapping[str, list[str]]:
    return {pool.network: [str(one) for one in pool.stretches] for pool in pools}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The networks whose folder was read by a configuration, in their order."""
    found: list[str] = []
    host_local = type(registry.load("host-local"))
    real = host_local.pool

    def pool(self: Any, conf: Any, network: str) -> Pool | None:
        found.append(network)
        return real(self, conf, network)

    monkeypatch.setattr(host_local, "pool", pool)
    return found


def test_each_network_has_its_pool_and_the_pods_of_one_have_it_together(
    tmp_path: Path, reads: list[str]
) -> None:
    lan = [
        attachment(tmp_path, "lan", "10.1.0.0/29", args=f"K8S_POD_NAME=web-{number};IgnoreUnknown=1")
        for number in range(5)
    ]
    pools = gather(journal(*lan, attachment(tmp_path, "wan", "10.2.0.0/29")), None)

    assert ranges(pools) == {"lan": ["10.1.0.1-10.1.0.6"], "wan": ["10.2.0.1-10.2.0.6"]}
    assert reads == ["lan", "wan"]


def test_a_pod_that_was_given_ranges_of_its_own_adds_them(tmp_path: Path) -> None:
    plain = attachment(tmp_path, "lan", "10.1.0.0/29")
    own = attachment(
        tmp_path, "lan", "10.1.0.0/29", capability_args={"ipRanges": [[{"subnet": "10.3.0.0/30"}]]}
    )

    assert ranges(gather(journal(plain, own), None)) == {"lan": ["10.1.0.1-10.1.0.6", "10.3.0.1-10.3.0.2"]}


def test_the_clusters_own_network_has_one_without_any_pod(tmp_path: Path) -> None:
    primary = attachment(tmp_path, "pods", "10.244.0.0/29").conflist

    assert ranges(gather(journal(), primary)) == {"pods": ["10.244.0.1-10.244.0.6"]}
