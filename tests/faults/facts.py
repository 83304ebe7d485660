"""What a namespace and some folders hold, as a set of facts: two of them can be subtracted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.netns import Netns

VOLATILE = frozenset({"handle", "flags", "packets", "bytes"})
"""Members that differ between two equal states: what the kernel numbers, counts, or notices a moment later."""


IP = """\
route show table all
rule
addr
"""
"""All tables of both families are shown when none is named; rules are IPv4's."""


def of_host(host: Netns) -> set[str]:
    """Links, addresses, routes, rules, nftables and iptables of a namespace."""
    facts = of_container(host)
    facts |= {f"rule {json.dumps(rule, sort_keys=True)}" for rule in host.json("ip", "-6", "-j", "rule")}
    for entry in host.json("nft", "-j", "list", "ruleset")["nftables"]:
        if "metainfo" not in entry:
            facts.add(f"nft {json.dumps(without_volatile(entry), sort_keys=True)}")
    return facts


def of_container(namespace: Netns) -> set[str]:
    """What a network may leave in a container: links, addresses, routes, rules."""
    return of_answers(*answers(namespace))


def of_answers(
    routes: list[dict[str, Any]], rules: list[dict[str, Any]], links: list[dict[str, Any]]
) -> set[str]:
    """The facts in what ``ip`` says of a namespace."""
    facts = {f"rule {json.dumps(rule, sort_keys=True)}" for rule in rules}
    for link in links:
        facts.add(f"link {link['ifname']}")
        facts |= {
            f"address {link['ifname']} {one['local']}/{one['prefixlen']}"
            for one in link["addr_info"]
            if one["scope"] != "link"  # link-local addresses come and go with their link
        }
    facts |= {
        f"route {json.dumps(without_volatile(route), sort_keys=True)}"
        for route in routes
        if route.get("protocol") != "kernel"  # these follow the addresses, some a moment later
    }
    return facts


def answers(host: Netns) -> list[list[dict[str, Any]]]:
    """Routes, rules and links with their addresses, as ``ip`` says them. One process for all questions."""
    text = host.run("ip", "-j", "-batch", "-", input=IP).stdout
    return [json.loads(line) if line.strip() else [] for line in text.splitlines()]


def of_files(*folders: Path) -> set[str]:
    """Every file, by its path. The contents of the round robin's mark and of locks are not reservations."""
    return {f"file {path}" for folder in folders for path in folder.rglob("*") if path.is_file()}


def without_volatile(value: object) -> object:
    if isinstance(value, dict):
        return {key: without_volatile(member) for key, member in value.items() if key not in VOLATILE}
    if isinstance(value, list):
        return [without_volatile(member) for member in value]
    return value
