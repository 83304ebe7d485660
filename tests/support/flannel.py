"""flannel without a cluster: etcd, and a flanneld on each of several nodes, all in network namespaces of their own.

It knows nothing of pytest. The nodes' cards are ``eth0`` with an address of 192.168.77.0/24, on a bridge in the
namespace where etcd is; nothing of it is anywhere else.

    with Fabric(folder, netns.make("fabric")) as fabric:
        fabric.network("/vxlan", {"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}})
        fabric.plug(host)
        fabric.flanneld(host, folder, "/vxlan")         which writes folder/subnet.env once it has a subnet
"""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import urllib3

from tests.support.controlplane import ETCD
from tests.support.netns import Netns
from tests.support.plugins import within
from tests.support.wait import until

ROOT = Path(__file__).parents[2]
FLANNELD = ROOT / ".cache" / "flannel" / "flannel"

FIRST = "192.168.77.1"
CLIENTS = f"http://{FIRST}:2379"
PEERS = "http://127.0.0.1:2380"
CARD = "eth0"

START_SECONDS = 30.0
STOP_SECONDS = 10.0


class Fabric:
    """The nodes' common network, and etcd at its first address."""

    def __init__(self, folder: Path, place: Netns) -> None:
        self.folder = folder
        self.place = place
        self._nodes = 0
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self.place.ip("link", "set", "lo", "up")
            self.place.ip("link", "add", "fabric", "type", "bridge")
            self.place.ip("addr", "add", f"{FIRST}/24", "dev", "fabric")
            self.place.ip("link", "set", "fabric", "up")
            self._start_etcd()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def plug(self, host: Netns) -> str:
        """Give the host a card in the network; returns its address."""
        self._nodes += 1
        port, address = f"port{self._nodes}", f"192.168.77.{10 + self._nodes}"
        host.ip("link", "set", "lo", "up")
        host.ip("link", "add", CARD, "type", "veth", "peer", "name", port, "netns", self.place.path)
        host.ip("addr", "add", f"{address}/24", "dev", CARD)
        host.ip("link", "set", CARD, "up")
        self.place.ip("link", "set", port, "master", "fabric", "up")
        return address

    def network(self, prefix: str, config: Mapping[str, Any]) -> None:
        """Say in etcd what flannel network there is under that prefix."""
        key, value = (b64encode(text.encode()).decode() for text in (f"{prefix}/config", json.dumps(config)))
        assert self._etcd("put", {"key": key, "value": value})

    def flanneld(self, host: Netns, folder: Path, prefix: str) -> subprocess.Popen[bytes]:
        """Start one. It ends with the fabric, or before."""
        return self._start(
            host,
            folder / "flanneld.log",
            FLANNELD,
            f"--etcd-endpoints={CLIENTS}",
            f"--etcd-prefix={prefix}",
            f"--iface={CARD}",
            f"--subnet-file={folder / 'subnet.env'}",
            "--ip-masq",
        )

    def _start_etcd(self) -> None:
        etcd = self._start(
            self.place,
            self.folder / "etcd.log",
            ETCD,
            f"--data-dir={self.folder / 'etcd'}",
            "--unsafe-no-fsync",
            f"--listen-client-urls={CLIENTS}",
            f"--advertise-client-urls={CLIENTS}",
            f"--listen-peer-urls={PEERS}",
            f"--initial-advertise-peer-urls={PEERS}",
            f"--initial-cluster=default={PEERS}",
        )

        def ready() -> bool:
            assert etcd.poll() is None, (self.folder / "etcd.log").read_text()[-2000:]
            return self._etcd("range", {"key": "AA=="})

        until(ready, seconds=START_SECONDS, what=f"etcd; it logs to {self.folder}")

    def _etcd(self, verb: str, said: Mapping[str, str]) -> bool:
        """Its JSON gateway, asked from where it is."""

        def ask() -> bool:
            with urllib3.PoolManager() as http:
                try:
                    answer = http.request("POST", f"{CLIENTS}/v3/kv/{verb}", json=said, retries=False)
                except urllib3.exceptions.HTTPError:
                    return False
                return answer.status == 200

        return within(self.place, ask)

    def _start(self, place: Netns, log: Path, *argv: str | Path) -> subprocess.Popen[bytes]:
        """It ends with the thread that starts it, however that ends."""
        with log.open("ab") as file:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *place.command(*argv)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        self._open.callback(stop, process)
        return process


def stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(STOP_SECONDS)
