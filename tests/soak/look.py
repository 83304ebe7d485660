"""What is there: in a pod, on the host, on disk, at the API server. Nothing of it is asked of multinet."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from tests.faults import facts
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane
from tests.support.netns import Netns
from tests.support.node import STATUS

ADDRESS = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7})(?![\w.:])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A link of a pod."""

    mac: str
    mtu: int
    addresses: frozenset[str]
    """Without their lengths, and without link-local IPv6."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inside:
    links: Mapping[str, Seen]
    facts: frozenset[str]


def inside(pod: Netns) -> Inside:
    routes, rules, links = facts.answers(pod)
    return Inside(
        links={link["ifname"]: _seen(link) for link in links},
        facts=frozenset(facts.of_answers(routes, rules, links)),
    )


def _seen(link: Mapping[str, Any]) -> Seen:
    return Seen(
        mac=link.get("address", ""),
        mtu=link["mtu"],
        addresses=frozenset(one["local"] for one in link["addr_info"] if one["scope"] != "link"),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    veths: int
    links: frozenset[str]
    """Those that are no veth's end."""
    facts: frozenset[str]
    """Without the veths' own names, which are random."""


def host(namespace: Netns) -> Host:
    """``up0`` and ``up1`` are a pair as well, but they don't go."""
    veths = {
        link["ifname"]
        for link in namespace.json("ip", "-j", "link", "show", "type", "veth")
        if not link["ifname"].startswith("up")
    }
    found = facts.of_host(namespace)
    return Host(
        veths=len(veths),
        links=frozenset(fact.split()[1] for fact in found if fact.startswith("link ")) - veths,
        facts=frozenset(fact for fact in found if not fact.startswith("link ")),
    )


def addresses_in(fact: str) -> set[str]:
    """All addresses that a fact names, in the form in which the kernel writes them."""
    found = set()
    for text in ADDRESS.findall(fact):
        try:
            found.add(str(ip_address(text)))
        except ValueError:
            continue  # a MAC, or a time
    return found


def leases(ipam: Path) -> dict[str, tuple[str, str]]:
    """``store/address`` -> container id and interface of each reservation of host-local."""
    found = {}
    for file in ipam.glob("*/*"):
        if file.name == "lock" or file.name.startswith("last_reserved_ip."):
            continue
        try:
            container, _, ifname = file.read_bytes().decode().partition("\r\n")
        except FileNotFoundError:
            continue
        found[f"{file.parent.name}/{file.name}"] = (container, ifname)
    return found


Told = list[tuple[str, str, tuple[str, ...], str]]
"""A network-status: name, interface, addresses and MAC of each network."""


def told(plane: ControlPlane, pod: Mapping[str, Any]) -> Told:
    metadata = pod["metadata"]
    now = kubeobjects.get_pod(plane, metadata["namespace"], metadata["name"])
    text = now["metadata"].get("annotations", {}).get(STATUS, "[]")
    return [
        (entry["name"], entry["interface"], tuple(sorted(entry.get("ips", ()))), entry.get("mac", ""))
        for entry in json.loads(text)
    ]
