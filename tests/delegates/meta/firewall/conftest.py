"""What the tests of firewall share: containers on bridges, and a firewalld that is spoken to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.delegates.meta.firewall.firewalld import Firewalld
from tests.support.netns import Netns
from tests.support.plugins import OURS, Attachment, Implementation, reference

Attach = Callable[..., Attachment]


@pytest.fixture
def walled(on_bridge: Attach, chained: Attach, host: Netns, state: Path) -> Attach:
    """``walled(pod, "10.1.2.0/24", "br0", backend="nftables")``: a firewall, not added yet, after a bridge that
    is the way to everywhere. What stays on a bridge is the IP firewall's business, too, as on nodes with Docker."""
    host.run(
        "sh", "-c", "for one in ip ip6; do echo 1 >/proc/sys/net/bridge/bridge-nf-call-${one}tables; done"
    )
    host.run("tee", "/proc/sys/net/ipv4/ip_forward", input="1")

    def make(
        pod: Netns,
        *subnets: str,
        bridge: str = "br0",
        container: str = "c1",
        ifname: str = "eth0",
        **conf: object,
    ) -> Attachment:
        below = on_bridge(
            pod, *(subnets or ("10.1.2.0/24",)), bridge=bridge, container=container, ifname=ifname,
            isDefaultGateway=ifname == "eth0",
        )  # fmt: skip
        return chained(below, **{"type": "firewall", "dataDir": str(state / "firewall"), **conf})

    return make


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Firewalld]:
    """A message bus, and firewalld on it."""
    with Firewalld(tmp_path / "bus") as made:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", made.address)
        yield made


@pytest.fixture(params=["ours", pytest.param("reference", marks=pytest.mark.peer)])
def by(request: pytest.FixtureRequest) -> Implementation:
    """Either of the two."""
    return OURS if request.param == "ours" else either_on_a_bus(request.getfixturevalue("peers"))


@pytest.fixture
def of_reference(peers: Path) -> Implementation:
    return either_on_a_bus(peers)


def either_on_a_bus(peers: Path) -> Implementation:
    """The reference's program, told of the bus that this process is told of."""
    import os

    run = reference(peers)

    def told(host: Netns, type_: str, env: dict[str, str], stdin: bytes):  # type: ignore[no-untyped-def]
        return run(
            host,
            type_,
            {**env, "DBUS_SYSTEM_BUS_ADDRESS": os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", "")},
            stdin,
        )

    return told
