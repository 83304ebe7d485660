"""A node's disk as Multus, libcni and we leave it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from multinet.plan import Record
from multinet.state.attachments import Attachments
from multinet.state.multus import WithMultus

ID = "4f1d" * 16
OTHER = "beef" * 16
ARGS = [
    ["IgnoreUnknown", "true"],
    ["K8S_POD_NAMESPACE", "shop"],
    ["K8S_POD_NAME", "cart"],
    ["K8S_POD_UID", "u-1"],
]
TEXT = "IgnoreUnknown=true;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart;K8S_POD_UID=u-1"


def conf(name: str, **more: Any) -> dict[str, Any]:
    return {"cniVersion": "1.0.0", "name": name, "type": "bridge", "bridge": "br7", **more}


class Disk:
    """Multus's folder and the runtime's, and our records beside them."""

    def __init__(self, folder: Path) -> None:
        self.multus = folder / "multus"
        self.runtime = folder / "cni"
        self.ours = Attachments(folder / "ours")
        self.records = WithMultus(self.ours, self.multus, self.runtime, Path("/run/devices"))
        self.multus.mkdir()

    def scratch(self, *entries: dict[str, Any], container: str = ID) -> Path:
        file = self.multus / container
        file.write_text(json.dumps(entries))
        return file

    def cache(
        self, network: str, ifname: str, *, runtime: bool = False, container: str = ID, **more: Any
    ) -> Path:
        said = {
            "kind": "cniCacheV1",
            "containerId": container,
            "config": encoded(more.pop("conf", conf(network))),
            "ifName": ifname,
            "networkName": network,
            "netns": "/var/run/netns/cni-1",
            "cniArgs": ARGS,
            "result": {"cniVersion": "1.0.0", "dns": {"domain": network}},
            **more,
        }
        results = (self.runtime if runtime else self.multus) / "results"
        results.mkdir(parents=True, exist_ok=True)
        file = results / f"{network}-{container}-{ifname}"
        file.write_text(json.dumps(said))
        return file

    def find(self, ifname: str = "eth0") -> Record:
        record = self.records.find(ID, ifname)
        assert record is not None
        return record


def entry(name: str, configuration: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    known = {"Name": name, "Conf": {"name": "lossy"}, "ConfList": {}, "IsFilterV4Gateway": False}
    return {**known, "Bytes": encoded(configuration or conf(name.rpartition("/")[2])), **more}


def encoded(configuration: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(configuration).encode()).decode()
