"""Nodes whose kubelets do one thing: the pods of the uninstall end there as a test says, with words of its own."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.controlplane import MERGE_PATCH, NEW_CERTIFICATE, ControlPlane, Refused

LABELLED = "labelSelector=app.kubernetes.io%2Fname%3Dmultinet-uninstall"
PODS = "/api/v1/namespaces/kube-system/pods"
ROUND_SECONDS = 0.2


@dataclass(kw_only=True)
class Kubelets:
    """``ends``: phase and words by node; where a node is not in it, nothing ever happens there."""

    plane: ControlPlane
    ends: Mapping[str, tuple[str, str]]
    seen: list[dict[str, Any]] = field(default_factory=list)
    """The pods that came, as they came."""
    words: dict[str, str] = field(default_factory=dict)
    """Of each pod, by its name."""

    def work(self) -> None:
        for pod in self.plane.ask("GET", f"{PODS}?{LABELLED}")["items"]:
            name, node = pod["metadata"]["name"], pod["spec"]["nodeName"]
            if "deletionTimestamp" in pod["metadata"]:
                with suppress(Refused):
                    self.plane.ask("DELETE", f"{PODS}/{name}", {"gracePeriodSeconds": 0})
            elif name not in self.words:
                self.seen.append(pod)
                phase, self.words[name] = self.ends.get(node, ("Pending", ""))
                with suppress(Refused):
                    body = {"status": {"phase": phase}}
                    self.plane.ask("PATCH", f"{PODS}/{name}/status", body, content_type=MERGE_PATCH)


@contextmanager
def kubelets(plane: ControlPlane, folder: Path, ends: Mapping[str, tuple[str, str]]) -> Iterator[Kubelets]:
    made = Kubelets(plane=plane, ends=ends)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = made.words[self.path.split("/")[3]].encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            pass

    pair = folder / "kubelet.crt", folder / "kubelet.key"
    command = [*NEW_CERTIFICATE, "-subj", "/CN=kubelet", "-out", pair[0], "-keyout", pair[1]]
    subprocess.run(["openssl", *command], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    stopping = threading.Event()

    def work() -> None:
        while not stopping.wait(ROUND_SECONDS):
            made.work()

    threads = [threading.Thread(target=work), threading.Thread(target=server.serve_forever)]
    for thread in threads:
        thread.start()
    try:
        for node in ends:
            _listens(plane, node, server.server_port)
        yield made
    finally:
        stopping.set()
        server.shutdown()
        for thread in threads:
            thread.join()
        server.server_close()
        made.work()


def _listens(plane: ControlPlane, node: str, port: int) -> None:
    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
    }
    plane.ask("PATCH", f"/api/v1/nodes/{node}/status", {"status": status}, content_type=MERGE_PATCH)
