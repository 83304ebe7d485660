"""What is told of a pod: values, and the same as JSON, whose keys stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from multinet.cli.findings import Finding, is_bad


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """Addresses that an IPAM may give. ``used`` None: only the node knows."""

    addresses: str
    size: int
    used: int | None

    @property
    def free(self) -> int | None:
        return None if self.used is None else self.size - self.used

    def to_json(self) -> dict[str, Any]:
        return {"addresses": self.addresses, "size": self.size, "used": self.used, "free": self.free}


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One plugin, as it would be called."""

    type: str
    by: str
    """``delegate``: one that is installed with us; ``program``: one of the node."""
    ipam: str
    configuration: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "by": self.by,
            "ipam": self.ipam,
            "configuration": self.configuration,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """One network of the pod, as far as it is known."""

    name: str
    """``namespace/name`` of the definition, the CNI name of a configuration from a file; "" for one that only a
    node finds."""
    interface: str
    source: str
    why: str
    isolation: str
    cni_name: str = ""
    resource: str = ""
    device: str = ""
    ips: tuple[str, ...] = ()
    mac: str = ""
    default_route: tuple[str, ...] | None = None
    args: str = ""
    steps: tuple[Step, ...] = ()
    ranges: tuple[Range, ...] = ()
    unknown: str = ""
    """What can't be told here, and why."""
    findings: tuple[Finding, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "network": self.name,
            "interface": self.interface,
            "source": self.source,
            "why": self.why,
            "isolation": self.isolation,
            "cniName": self.cni_name,
            "resource": self.resource,
            "device": self.device,
            "ips": list(self.ips),
            "mac": self.mac,
            "defaultRoute": None if self.default_route is None else list(self.default_route),
            "args": self.args,
            "plugins": [step.to_json() for step in self.steps],
            "ranges": [one.to_json() for one in self.ranges],
            "unknown": self.unknown,
            "problems": [one.to_json() for one in self.findings],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    pod: str
    """``namespace/name``"""
    kind: str
    where: str
    settings: str
    """Where the settings are from."""
    networks: tuple[Network, ...]
    findings: tuple[Finding, ...] = ()
    """Those of the pod as a whole."""
    status: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    """Its network-status, if it has one."""
    events: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    @property
    def all_findings(self) -> list[Finding]:
        return [*self.findings, *(found for network in self.networks for found in network.findings)]

    @property
    def would_fail(self) -> bool:
        return is_bad(self.all_findings)

    def to_json(self) -> dict[str, Any]:
        return {
            "pod": self.pod,
            "kind": self.kind,
            "where": self.where,
            "settings": self.settings,
            "wouldFail": self.would_fail,
            "networks": [one.to_json() for one in self.networks],
            "problems": [one.to_json() for one in self.findings],
            "networkStatus": list(self.status),
            "events": list(self.events),
        }
