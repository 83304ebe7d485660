"""What the reference made, ours checks and removes; what ours made, the reference does. Nothing stays that
either would have removed itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults import facts
from tests.support.netns import Netns
from tests.support.plugins import OURS, Attachment, Implementation, quick_ipv6, reference

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

CONFS: dict[str, dict[str, Any]] = {
    "bridge": {"type": "bridge", "bridge": "br0", "isDefaultGateway": True},
    "bridge, nftables and spoof check": {
        "type": "bridge", "bridge": "br0", "isGateway": True, "ipMasq": True, "ipMasqBackend": "nftables",
        "macspoofchk": True,
    },
    "bridge, iptables": {
        "type": "bridge", "bridge": "br0", "isGateway": True, "ipMasq": True, "ipMasqBackend": "iptables",
    },
    "ptp, nftables": {"type": "ptp", "ipMasq": True, "ipMasqBackend": "nftables"},
    "ptp, iptables": {"type": "ptp", "ipMasq": True, "ipMasqBackend": "iptables"},
    "macvlan": {"type": "macvlan", "master": "up0", "mode": "private"},
}  # fmt: skip


class World:
    """A host that has seen nothing, a pod, and a folder for reservations."""

    def __init__(self, netns: Callable[..., Netns], folder: Path, conf: dict[str, Any]) -> None:
        self.host, self.pod = quick_ipv6(netns("host")), quick_ipv6(netns("pod"))
        self.host.ip("link", "set", "lo", "up")
        self.host.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
        self.host.ip("link", "set", "up0", "up")
        self.host.ip("link", "set", "up1", "up")
        self.folder = folder / self.host.name
        ipam = {
            "type": "host-local",
            "dataDir": str(self.folder),
            "ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd01:2::/64"}]],
        }
        self.conf = {"cniVersion": "1.1.0", "name": "net", **conf, "ipam": ipam}

    def attachment(self, by: Implementation) -> Attachment:
        return Attachment(host=self.host, pod=self.pod, conf=self.conf, by=by)

    def left(self) -> set[str]:
        found = facts.of_host(self.host) | facts.of_files(self.folder)
        found |= {f"in the pod: {fact}" for fact in facts.of_container(self.pod)}
        return {fact.replace(self.host.name, "HOST") for fact in found}


@pytest.mark.parametrize("conf", CONFS.values(), ids=CONFS.keys())
@pytest.mark.parametrize("maker", ["the reference", "ours"])
def test_the_other_clears_up(netns, tmp_path: Path, peers: Path, conf: dict[str, Any], maker: str):
    makes, clears = (reference(peers), OURS) if maker == "the reference" else (OURS, reference(peers))
    measure: set[str] = set()
    for by in (makes, clears):  # the reference's DEL leaves iptables' tables wherever it runs
        alone = World(netns, tmp_path, conf)
        alone.attachment(by).add().delete()
        measure |= alone.left()

    world = World(netns, tmp_path, conf)
    one = world.attachment(makes).add()
    one.but(by=clears).check()
    one.but(by=clears).delete()
    assert world.left() - measure == set()
    one.delete()  # the maker does not mind
    assert world.left() - measure == set()


def test_both_serve_a_network_at_the_same_time(netns, tmp_path: Path, peers: Path):
    """Addresses, masquerading and the bridge are shared, and each DEL takes its own alone."""
    world = World(netns, tmp_path, CONFS["bridge, nftables and spoof check"])
    other = quick_ipv6(netns("pod"))
    mine = world.attachment(OURS).add()
    theirs = world.attachment(reference(peers)).but(pod=other, container="c2").add()
    assert not set(mine.addresses) & set(theirs.addresses)
    mine.check()
    theirs.check()
    mine.delete()
    theirs.check()
    theirs.but(by=OURS).check()
    again = mine.but(result={}).add()
    theirs.delete()
    again.check()
    again.but(by=reference(peers)).check()
