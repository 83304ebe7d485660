"""What everybody hears of one failure: the runtime, the pod's events, ``explain``, ``lint`` and ``doctor``.

Whole texts, with what differs from run to run put in words: the request's id, the test's folder and namespace.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.cli.settings_of_a_node import run
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane
from tests.support.node import AgentNode, Said, Sandbox
from tests.support.wait import until

REQUEST = re.compile(r"^request [0-9a-f]+$", re.MULTILINE)
EVENT_REQUEST = re.compile(r" \[[0-9a-f]+\]$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ear:
    """Listens for one node and namespace. ``words``: more that is put in words, text -> word."""

    node: AgentNode
    plane: ControlPlane
    namespace: str
    words: dict[str, str] = field(default_factory=dict)

    def plain(self, text: str) -> str:
        known = {**self.words, str(self.node.folder): "NODE", str(self.node.bin_dir): "BIN"}
        for one, word in sorted(known.items(), key=lambda item: -len(item[0])):
            text = text.replace(one, word)
        return REQUEST.sub("request ID", text.replace(self.namespace, "shop"))

    def runtime(self, said: Said) -> dict[str, Any]:
        """The whole error."""
        error = said.error()
        return {key: self.plain(value) if isinstance(value, str) else value for key, value in error.items()}

    def events(self, one: Sandbox, *, most: int = 1) -> list[str]:
        """``Type Reason: message`` of each on the pod, when there are that many."""
        uid = one.pod["metadata"]["uid"]

        def posted() -> list[str]:
            found = [
                event
                for event in kubeobjects.events(self.plane, self.namespace)
                if event["involvedObject"].get("uid") == uid
            ]
            return [f"{event['type']} {event['reason']}: {event['message']}" for event in found]

        if most:
            until(lambda: len(posted()) == most, seconds=10, what=f"{most} events")
        return [EVENT_REQUEST.sub(" [ID]", self.plain(text)) for text in posted()]

    def explain(self, one: Sandbox) -> list[str]:
        """What stands against the pod, asked on its node."""
        name = f"{one.pod['metadata']['namespace']}/{one.pod['metadata']['name']}"
        done = run("explain", name, "--dry-run", "--config", str(self.node.config), fails=None)
        return self._lines(done.output, f"the cluster {self.plane.server}: {name}: ")

    def lint(self, folder: Path, name: str) -> list[str]:
        """Of a definition, in a file of its own."""
        path = f"{kubeobjects.NADS.format(namespace=self.namespace)}/{name}"
        found = self.plane.ask("GET", path)
        kept = ("name", "namespace", "annotations")
        metadata = {key: found["metadata"][key] for key in kept if key in found["metadata"]}
        document = {"apiVersion": found["apiVersion"], "kind": found["kind"]}
        file = folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump({**document, "metadata": metadata, "spec": found["spec"]}))
        done = run("lint", str(file), "--config", str(self.node.config), fails=None)
        return [line.replace(str(file), "FILE") for line in self._lines(done.output, "")]

    def doctor(self, *checks: str) -> list[str]:
        """``state check: what is wrong -> the command that mends it``, of these checks."""
        found = json.loads(run("doctor", "--config", str(self.node.config), "-o", "json", fails=None).stdout)
        return [
            self.plain(f"{one['state']} {one['check']}: {one['message']} -> {one['command']}")
            for one in found
            if one["check"] in checks and one["state"] != "ok"
        ]

    def _lines(self, text: str, pod: str) -> list[str]:
        return [self.plain(line.removeprefix(pod)) for line in text.splitlines()]
