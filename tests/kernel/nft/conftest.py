from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from multinet.kernel.namespace import Namespace
from multinet.kernel.nfnetlink import Nfnetlink
from tests.support.netns import Netns

Reference = Callable[..., None]


@pytest.fixture
def home(host: Netns) -> Iterator[Namespace]:
    """The host's namespace, held."""
    with Namespace.open(host.path) as namespace:
        yield namespace


@pytest.fixture
def sandbox(pod: Netns) -> Iterator[Namespace]:
    """The container's namespace, held."""
    with Namespace.open(pod.path) as namespace:
        yield namespace


@pytest.fixture
def net(home: Namespace) -> Iterator[Nfnetlink]:
    """A socket for nf_tables in the host's namespace."""
    with Nfnetlink.open(home) as socket:
        yield socket


@pytest.fixture
def no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither iptables nor nft is installed."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def legacy_iptables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`iptables` is the old kind, which keeps its rules outside of nf_tables."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("iptables", "ip6tables"):
        for suffix in ("", "-restore"):
            (folder / f"{name}{suffix}").symlink_to(f"/usr/sbin/{name}-legacy{suffix}")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.fixture
def reference(peers: Path, pod: Netns) -> Reference:
    """Run the reference's bridge: ``reference(where, "ADD", {...})``, with 0ab5, net-a and net1 unless told."""

    def run(
        where: Netns,
        command: str,
        conf: dict[str, object],
        *,
        addresses: tuple[str, ...] = (),
        ifname: str = "net1",
        container_id: str = "0ab5",
        inside: Netns = pod,
        check: bool = True,
    ) -> None:
        whole = {
            "cniVersion": "1.0.0",
            "name": "net-a",
            "type": "bridge",
            "bridge": "br0",
            "ipam": {"type": "static", "addresses": [{"address": address} for address in addresses]},
            **conf,
        }
        env = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": container_id,
            "CNI_NETNS": inside.path,
            "CNI_IFNAME": ifname,
            "CNI_PATH": str(peers),
        }
        if not addresses:
            del whole["ipam"]
        where.run(peers / "bridge", input=json.dumps(whole), env=env, check=check)

    return run
