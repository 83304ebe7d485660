"""``multinet graph``: of a cluster by network-status, on a node by the journal and the kernel."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cli.settings_of_a_node import NodeFiles, run
from tests.support.netns import Netns

SVG = "{http://www.w3.org/2000/svg}"
STATUS = [
    {"name": "pods", "interface": "eth0", "ips": ["10.244.0.7"], "mac": "02:00:00:00:00:01", "default": True},
    {"name": "shop/lan", "interface": "net1", "ips": ["10.10.0.10"], "dev.multinet.plugins": ["macvlan"]},
]
MANIFESTS = f"""
apiVersion: v1
kind: Pod
metadata:
  name: web-0
  namespace: shop
  annotations: {{k8s.v1.cni.cncf.io/network-status: '{json.dumps(STATUS)}'}}
spec: {{nodeName: node-1}}
---
apiVersion: v1
kind: Pod
metadata: {{name: web-1, namespace: shop, annotations: {{k8s.v1.cni.cncf.io/networks: lan}}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "cluster"
    made.mkdir()
    (made / "all.yaml").write_text(MANIFESTS)
    return made


def test_a_cluster_is_drawn_by_networks(folder: Path) -> None:
    assert run("graph", "--folder", str(folder)).stdout == (
        f"cluster {folder}\n"
        "├── pods  network\n"
        "│   └── shop/web-0 eth0  10.244.0.7  02:00:00:00:00:01\n"
        "├── shop/lan  macvlan\n"
        "│   └── shop/web-0 net1  10.10.0.10\n"
        "└── shop/web-1  asked, no interfaces\n"
    )


def test_a_pod_is_drawn_alone_and_one_that_is_not_there_is_an_error(folder: Path) -> None:
    assert "web-1" not in run("graph", "web-0", "--folder", str(folder)).stdout
    assert run("graph", "web-00", "--folder", str(folder), fails=1).stderr == (
        f"multinet: there is no pod web-00 with networks of its own in the folder {folder} (did you mean web-0?)\n"
    )


def test_the_ending_of_the_file_tells_what_is_written(folder: Path, tmp_path: Path) -> None:
    for ending in ("svg", "html", "json"):
        run("graph", "--folder", str(folder), "--file", str(tmp_path / f"picture.{ending}"))
    svg = ET.parse(tmp_path / "picture.svg").getroot()
    page = (tmp_path / "picture.html").read_text()
    inside = ET.fromstring(page[page.index("<svg") : page.index("</svg>") + len("</svg>")])

    assert {"shop/lan", "net1", "10.10.0.10"} < {one.text for one in svg.iter(f"{SVG}text")}
    assert [one.text for one in inside.iter(f"{SVG}text")] == [one.text for one in svg.iter(f"{SVG}text")]
    assert page.startswith("<!DOCTYPE html>\n")
    assert [pod["name"] for pod in json.loads((tmp_path / "picture.json").read_text())] == ["web-0", "web-1"]


@pytest.mark.kernel
def test_a_node_is_drawn_by_what_the_kernel_has(tmp_path: Path, netns: Callable[..., Netns]) -> None:
    """In a process, which stands on the node: the bridge, and the pod's wire to it, but no other pod's."""
    pod, host = netns("pod"), netns("host")
    node = NodeFiles(folder=tmp_path)
    node.write()
    host.ip("link", "add", "br0", "address", "02:00:00:00:00:ff", "type", "bridge")
    host.ip("link", "add", "idle", "type", "bridge")
    host.ip("link", "add", "far", "type", "veth", "peer", "name", "eth0", "netns", pod.path)
    host.ip("link", "set", "far", "master", "br0")
    pod.ip("link", "set", "eth0", "address", "02:00:00:00:00:01")
    pod.ip("address", "add", "10.244.0.2/28", "dev", "eth0")
    node.record("shop/web-0", "container-1", pod.path, mac="02:00:00:00:00:01")
    other = netns("other")
    host.ip("link", "add", "far2", "type", "veth", "peer", "name", "eth0", "netns", other.path)
    host.ip("link", "set", "far2", "master", "br0")
    node.record("shop/web-1", "container-2", other.path)
    program = Path(sys.executable).with_name("multinet")
    done = host.run(program, "graph", "web-0", "--config", node.config)

    assert done.stdout == (
        "node node-1\n"
        "└── br0  bridge  (pods)\n"
        "    └── shop/web-0 eth0  10.244.0.2/28  02:00:00:00:00:01  via far\n"
    )
