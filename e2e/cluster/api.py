"""An API server, spoken to as an administrator: plain JSON, and programs in pods.

The same for every driver: all it needs is a kubeconfig.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes import client, config
from websocket import WebSocketBadStatusException, create_connection

from tests.support.places import place

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
OWNER = "e2e"
"""Of the fields that are applied."""
SECONDS = 60.0
"""For an answer, and between two pieces of what a program writes."""
ENDED = 3
"""The channel of a program's exit status."""


class Refused(AssertionError):
    """The API server answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Watch:
    """Its events, as long as nobody calls ``close``, which another thread may do."""

    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        self._answer = answer
        self._closed = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        rest = b""
        while part := self._read():
            *lines, rest = (rest + part).split(b"\n")
            yield from map(json.loads, lines)

    def _read(self) -> bytes:
        try:
            return bytes(self._answer.read1())
        except urllib3.exceptions.HTTPError:
            if self._closed:
                return b""
            raise

    def close(self) -> None:
        """The iteration ends."""
        self._closed = True
        self._answer.shutdown()


class Api:
    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        access = client.Configuration()
        config.load_kube_config(config_file=str(kubeconfig), client_configuration=access)
        self._server = str(access.host)
        self._headers = {
            told["key"]: str(told["value"])
            for told in access.auth_settings().values()
            if told["in"] == "header"
        }
        self._tls = {
            "ca_certs": access.ssl_ca_cert,
            "cert_file": access.cert_file,
            "key_file": access.key_file,
        }
        self._http = urllib3.PoolManager(**self._tls, timeout=SECONDS, retries=False, maxsize=2)

    def close(self) -> None:
        self._http.clear()

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One request and its answer; Refused for any but 2xx."""
        content: dict[str, Any] = json.loads(self.text(method, path, body, content_type, query))
        return content

    def text(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> str:
        answer = self._http.request(
            method,
            f"{self._server}{path}" + (f"?{urlencode(query)}" if query else ""),
            body=None if body is None else json.dumps(body),
            headers={**self._headers, "Content-Type": content_type},
        )
        text = answer.data.decode(errors="replace")
        if answer.status >= 300:
            raise Refused(answer.status, text)
        return text

    def ready(self) -> bool:
        """Does it answer, and say that it is ready?"""
        try:
            return self.text("GET", "/readyz") == "ok"
        except (Refused, urllib3.exceptions.HTTPError):
            return False

    @contextmanager
    def watch(self, path: str, **query: str) -> Iterator[Watch]:
        """From now on; the first events are of what there is."""
        answer = self._http.request(
            "GET",
            f"{self._server}{path}?{urlencode({'watch': '1', **query})}",
            headers=self._headers,
            preload_content=False,
            timeout=None,
        )
        try:
            yield Watch(answer)
        finally:
            answer.close()

    # --- objects ---

    def get(self, path: str) -> dict[str, Any] | None:
        """None when it is not there."""
        try:
            return self.ask("GET", path)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", path, query=query)["items"]
        return found

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Make them, or make them so, as `kubectl apply --server-side` does."""
        for one in objects:
            query = {"fieldManager": OWNER, "force": "true"}
            self.ask("PATCH", place(one), one, content_type=APPLY_PATCH, query=query)

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self.ask("PATCH", path, body, content_type=MERGE_PATCH)

    def delete(self, path: str, *, grace: int | None = None) -> None:
        """Fine when it is not there."""
        options: dict[str, Any] = {"propagationPolicy": "Background"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        try:
            self.ask("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1", **options})
        except Refused as refused:
            if refused.status != 404:
                raise

    def remove(self, *objects: Mapping[str, Any]) -> None:
        """What was applied, the last first, with all that is theirs."""
        for one in reversed(objects):
            self.delete(place(one))

    # --- pods ---

    def logs(self, namespace: str, pod: str, container: str) -> str:
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        return self.text("GET", path, query={"container": container})

    def exec(self, namespace: str, pod: str, *argv: str, container: str = "main") -> tuple[int, str]:
        """Run a program in a container of a pod: its exit status, and all it wrote."""
        query = [("container", container), ("stdout", "1"), ("stderr", "1"), *(("command", a) for a in argv)]
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec?{urlencode(query)}"
        try:
            talk = create_connection(
                self._server.replace("http", "ws", 1) + path,
                header=self._headers,
                subprotocols=["v4.channel.k8s.io"],
                sslopt={
                    "ca_certs": self._tls["ca_certs"],
                    "certfile": self._tls["cert_file"],
                    "keyfile": self._tls["key_file"],
                },
                timeout=SECONDS,
            )
        except WebSocketBadStatusException as error:
            raise Refused(error.status_code, str(error.resp_body or b"")) from error
        written = b""
        try:
            while frame := talk.recv():
                if frame[0] == ENDED:
                    return _status(json.loads(frame[1:])), written.decode(errors="replace")
                written += frame[1:]
        finally:
            talk.close()
        raise AssertionError(f"{pod} hung up on {' '.join(argv)} after {written!r}")


def _status(ended: Mapping[str, Any]) -> int:
    """Of a program, from what ends its output (remotecommand's v4 protocol)."""
    if ended["status"] == "Success":
        return 0
    causes = ended.get("details", {}).get("causes", [])
    found = [int(cause["message"]) for cause in causes if cause.get("reason") == "ExitCode"]
    if not found:
        raise Refused(ended.get("code", 500), f"{ended['message']} {causes}")
    return found[0]
