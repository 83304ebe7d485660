"""A namespace of a cluster with the pods of one scenario: made, waited for, looked at and talked to."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from e2e.cluster.driver import BUSYBOX, Driver
from tests.support.places import path_of
from tests.support.wait import until

NETWORKS: Final = "k8s.v1.cni.cncf.io/networks"
STATUS: Final = "k8s.v1.cni.cncf.io/network-status"
RESOURCE: Final = "k8s.v1.cni.cncf.io/resourceName"

OUR_KEYS: Final = "dev.multinet."

READY_SECONDS = 60.0
"""For a pod of one container, on two cores that others use, too; it takes 2 s."""
GONE_SECONDS = 60.0
PORT: Final = 8000

LOOK: Final = "ip -o link; echo ==; ip -o addr; echo ==; ip route; echo ==; ip -6 route"


@dataclass(frozen=True, kw_only=True, slots=True)
class Interface:
    mac: str
    mtu: int
    addresses: tuple[str, ...]
    """With their prefix lengths, without link-local ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inside:
    """What a pod sees of its networks."""

    interfaces: Mapping[str, Interface]
    """Without lo, in the order in which they were made."""
    routes: Sequence[str]
    """``10.9.1.0/24 dev net1``, ``default via 10.244.1.1 dev eth0``, without link-local and multicast ones."""

    @property
    def addresses(self) -> dict[str, tuple[str, ...]]:
        return {name: interface.addresses for name, interface in self.interfaces.items()}

    @property
    def default_routes(self) -> list[str]:
        return [route for route in self.routes if route.startswith("default ")]


@dataclass(kw_only=True)
class Space:
    """A namespace; its objects go with it."""

    driver: Driver
    name: str

    def path(self, version: str, kind: str, name: str) -> str:
        return path_of(version, kind, name, self.name)

    # --- what a scenario makes ---

    def create(self) -> None:
        self.driver.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}})
        path = self.path("v1", "ServiceAccount", "default")
        until(lambda: self.driver.api.get(path), seconds=READY_SECONDS, what=f"the account of {self.name}")

    def remove(self) -> None:
        """Return when its pods are gone; the namespace itself takes some seconds more."""
        self.driver.api.delete(path_of("v1", "Namespace", self.name))  # nothing can be made in it any more
        self.driver.api.delete(f"/api/v1/namespaces/{self.name}/pods")
        until(lambda: not self.pods(), seconds=GONE_SECONDS, what=f"the pods of {self.name} to be gone")

    def define(self, name: str, config: Mapping[str, Any] | str, *, resource: str = "") -> None:
        """A NetworkAttachmentDefinition; each of its attachments gets a device of ``resource``."""
        text = (
            config if isinstance(config, str) else json.dumps({"cniVersion": "1.0.0", "name": name, **config})
        )
        self.driver.api.apply(
            {
                "apiVersion": "k8s.cni.cncf.io/v1",
                "kind": "NetworkAttachmentDefinition",
                "metadata": {
                    "name": name,
                    "namespace": self.name,
                    "annotations": {RESOURCE: resource} if resource else {},
                },
                "spec": {"config": text},
            }
        )

    def template(
        self, networks: Any = None, *, node: str = "", annotations: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Metadata and spec of a pod that answers; ``networks`` is the annotation, as text or as its list."""
        said = dict(annotations or {})
        if networks is not None:
            said[NETWORKS] = networks if isinstance(networks, str) else json.dumps(networks)
        container = {"name": "main", "image": BUSYBOX, "imagePullPolicy": "Never"}
        spec: dict[str, Any] = {
            "containers": [container],
            "terminationGracePeriodSeconds": 5,
            "automountServiceAccountToken": False,
        }
        if node:
            spec["nodeSelector"] = {"kubernetes.io/hostname": node}
        return {"metadata": {"annotations": said}, "spec": spec}

    def pod(self, name: str, networks: Any = None, **template: Any) -> str:
        """Ask for a pod, and return its name. It is not waited for."""
        made = self.template(networks, **template)
        made["metadata"] |= {"name": name, "namespace": self.name}
        self.driver.api.apply({"apiVersion": "v1", "kind": "Pod", **made})
        return name

    # --- what becomes of it ---

    def get(self, name: str) -> dict[str, Any] | None:
        return self.driver.api.get(self.path("v1", "Pod", name))

    def pods(self, selector: str = "") -> list[dict[str, Any]]:
        return self.driver.api.items(f"/api/v1/namespaces/{self.name}/pods", labelSelector=selector)

    def wait_ready(self, *names: str, seconds: float = READY_SECONDS) -> None:
        for name in names:
            try:
                until(
                    lambda name=name: ready(self.get(name)),
                    seconds=seconds,
                    what=f"{self.name}/{name} to be ready",
                )
            except AssertionError as error:
                raise AssertionError(f"{error}; its events: {'; '.join(self.events(name))}") from None

    def events(self, name: str, reason: str = "") -> list[str]:
        """The messages of a pod's events."""
        selector = f"involvedObject.name={name}" + (f",reason={reason}" if reason else "")
        path = f"/api/v1/namespaces/{self.name}/events"
        return [event["message"] for event in self.driver.api.items(path, fieldSelector=selector)]

    def failures(self, name: str) -> int:
        """How often its sandbox could not be made."""
        selector = f"involvedObject.name={name},reason=FailedCreatePodSandBox"
        events = self.driver.api.items(f"/api/v1/namespaces/{self.name}/events", fieldSelector=selector)
        return sum(event.get("count") or 1 for event in events)

    def delete(self, *names: str, grace: int | None = None) -> None:
        """And wait until they are gone."""
        for name in names:
            self.driver.api.delete(self.path("v1", "Pod", name), grace=grace)
        for name in names:
            until(
                lambda name=name: self.get(name) is None,
                seconds=GONE_SECONDS,
                what=f"{self.name}/{name} to be gone",
            )

    # --- looking at it ---

    def node_of(self, name: str) -> str:
        pod = self.get(name)
        assert pod is not None
        return str(pod["spec"]["nodeName"])

    def status(self, name: str) -> list[dict[str, Any]]:
        """The network-status annotation, without the keys that are ours alone."""
        pod = self.get(name)
        assert pod is not None
        told = json.loads(pod["metadata"].get("annotations", {}).get(STATUS, "[]"))
        return [{key: one[key] for key in one if not key.startswith(OUR_KEYS)} for one in told]

    def run(self, name: str, *argv: str, check: bool = True) -> str:
        """Run a program in a pod, and return what it writes."""
        status, text = self.driver.api.exec(self.name, name, *argv)
        assert not check or status == 0, f"{name}: {' '.join(argv)}: exit status {status}\n{text}"
        return text

    def inside(self, name: str) -> Inside:
        links, addresses, *routes = self.run(name, "sh", "-c", LOOK).split("==\n")
        found: dict[str, Interface] = {}
        for line in links.splitlines():
            told = re.match(r"\d+: ([^:@]+)(?:@\S+)?: .* mtu (\d+) .*link/\w+ (\S+)", line)
            assert told, line
            if told[1] != "lo":
                words = [words.split() for words in addresses.splitlines()]
                own = [word[3] for word in words if word[1] == told[1] and "link" not in word]
                found[told[1]] = Interface(mac=told[3], mtu=int(told[2]), addresses=tuple(own))
        lines = [
            _route(line)
            for line in "\n".join(routes).splitlines()
            if line.strip() and not line.startswith(("fe80::", "ff00::", "multicast"))
        ]
        return Inside(interfaces=found, routes=lines)

    def addresses(self, name: str, ifname: str) -> list[str]:
        """Of one of its interfaces, without their prefix lengths."""
        return [one.partition("/")[0] for one in self.inside(name).addresses[ifname]]

    # --- talking ---

    def answers(self, name: str, address: str, *, by: str = "") -> bool:
        """Is a ping answered? ``by``: the interface that it leaves by."""
        over = ["-I", by] if by else []
        return self.driver.api.exec(self.name, name, "ping", "-c", "1", "-W", "3", *over, address)[0] == 0

    def reaches(self, name: str, address: str, *, by: str = "") -> bool:
        """Is a ping answered, and is what is said to the server of a pod there said back?"""
        said = f"echo hello | nc -w 5 {address} {PORT}"
        return (
            self.answers(name, address, by=by) and self.run(name, "sh", "-c", said, check=False) == "hello\n"
        )


def ready(pod: Mapping[str, Any] | None) -> bool:
    conditions = (pod or {}).get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def runs(pod: Mapping[str, Any] | None) -> bool:
    """All of its containers, be it ready or not."""
    told = pod["status"].get("containerStatuses", []) if pod else []
    return bool(told) and all("running" in one["state"] for one in told)


def entry(network: str, ifname: str, interface: Interface, **more: Any) -> dict[str, Any]:
    """What network-status is to tell of a network that has this interface."""
    return {
        "name": network,
        "interface": ifname,
        "ips": [address.partition("/")[0] for address in interface.addresses],
        "mac": interface.mac,
        "dns": {},
        **more,
    }


def _route(line: str) -> str:
    """Without what says nothing of where it goes: ``10.9.1.0/24 dev net1``."""
    words = line.split()
    told = [words[0]]
    for key, value in pairwise(words):
        if key in ("via", "dev"):
            told += [key, value]
    return " ".join(told)
