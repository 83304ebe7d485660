"""The driver for kind, with programs in the place of kind and Docker that keep what they are told."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from e2e.cluster.kind import Kind, configuration
from e2e.cluster.multinet import TAINT

STANDS_IN = """\
#!{python}
import json, os, shutil, sys

name = os.path.basename(sys.argv[0])
argv = sys.argv[1:]
with open("{folder}/calls", "a") as calls:
    calls.write(json.dumps([name, *argv]) + "\\n")
if argv[:2] == ["create", "cluster"]:
    shutil.copy(argv[argv.index("--config") + 1], "{folder}/config.json")
    shutil.copy("{folder}/kubeconfig", argv[argv.index("--kubeconfig") + 1])
if argv[:2] == ["get", "nodes"]:
    print("\\n".join(argv[-1] + end for end in ("-worker2", "-control-plane", "-worker")))
if argv[0] == "exec" and "mv" in argv[-1]:
    open("{folder}/api-server", "w").write(argv[-1].split()[-1])
if os.path.exists("{folder}/fails-" + name):
    sys.exit(name + " can't")
"""

NODE = "e2e-worker"
MANIFEST = "kube-apiserver.yaml"
HERE, AWAY = f"/etc/kubernetes/manifests/{MANIFEST}", f"/etc/kubernetes/{MANIFEST}"


@pytest.fixture
def api_server(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    """It is ready as long as its manifest was not moved away."""
    moved = tmp_path / "api-server"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503 if moved.exists() and moved.read_text() == AWAY else 200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def programs(tmp_path: Path, api_server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what they are told."""
    kubeconfig = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{api_server.server_port}"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig))
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for name in ("kind", "docker"):
        (bin_dir / name).write_text(STANDS_IN.format(python=sys.executable, folder=tmp_path))
        (bin_dir / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_dir}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


@pytest.fixture
def kind(programs: Path) -> Iterator[Kind]:
    made = Kind(taints=[TAINT])
    made.start()
    yield made
    made.stop()


def calls(folder: Path) -> list[list[str]]:
    """Without the folders that are another each time."""
    said = [json.loads(line) for line in (folder / "calls").read_text().splitlines()]
    return [[Path(word).name if word.startswith("/tmp") else word for word in call] for call in said]


def test_a_cluster_is_made_with_tainted_workers_and_deleted_with_its_name(programs: Path):
    kind = Kind(taints=[TAINT])
    kind.start()
    assert kind.nodes == (f"{kind.name}-worker", f"{kind.name}-worker2")
    kind.stop()

    name = ["--name", kind.name]
    files = ["--config", "config.json", "--kubeconfig", "kubeconfig"]
    assert calls(programs) == [
        ["kind", "create", "cluster", *files, "--wait", "5m", *name],
        ["kind", "get", "nodes", *name],
        ["kind", "delete", "cluster", "--kubeconfig", "kubeconfig", *name],
    ]
    config = json.loads((programs / "config.json").read_text())
    assert [node["role"] for node in config["nodes"]] == ["control-plane", "worker", "worker"]
    patches = [json.loads(patch) for node in config["nodes"][1:] for patch in node["kubeadmConfigPatches"]]
    join = {"kind": "JoinConfiguration", "nodeRegistration": {"taints": [TAINT]}}
    assert patches == [join, join]


def test_a_cluster_without_ipv4_has_another_name_and_may_be_beside_the_first(programs: Path):
    kind = Kind(only_ipv6=True)
    kind.start()
    kind.stop()

    assert kind.name == f"{Kind().name}-six"
    config = json.loads((programs / "config.json").read_text())
    assert config["networking"] == {"ipFamily": "ipv6"}
    assert "networking" not in configuration([])


def test_a_cluster_that_can_not_be_made_is_deleted(programs: Path):
    (programs / "fails-kind").touch()
    kind = Kind()
    with pytest.raises(AssertionError, match="kind can't"):
        kind.start()
    assert [call[:3] for call in calls(programs)] == [
        ["kind", "create", "cluster"],
        ["kind", "delete", "cluster"],
    ]


def test_images_commands_and_reboots_go_to_the_nodes(kind: Kind, programs: Path, tmp_path: Path):
    before = len(calls(programs))
    kind.load(tmp_path / "image.tar")
    kind.shell(NODE, "ip", "-j", "link")
    kind.shell(NODE, "tee", f"{kind.static_pods}/pod.json", input="{}")
    kind.reboot(NODE)
    assert calls(programs)[before:] == [
        ["kind", "load", "image-archive", "image.tar", "--name", kind.name],
        ["docker", "exec", "-i", NODE, "ip", "-j", "link"],
        ["docker", "exec", "-i", NODE, "tee", "/etc/kubernetes/manifests/pod.json"],
        ["docker", "restart", NODE],
    ]


def test_the_api_server_ends_and_comes_back_with_its_manifest(kind: Kind, programs: Path):
    before = len(calls(programs))
    assert kind.api.ready()
    kind.stop_api_server()
    assert not kind.api.ready()
    kind.start_api_server()
    assert kind.api.ready()
    inside = ["docker", "exec", "-i", f"{kind.name}-control-plane", "sh", "-c"]
    assert calls(programs)[before:] == [
        [*inside, f"test ! -e {HERE} || mv {HERE} {AWAY}"],
        [*inside, f"test ! -e {AWAY} || mv {AWAY} {HERE}"],
    ]
