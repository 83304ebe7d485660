"""An explanation as a person reads it: a table of the networks, then each, then what stands against the pod."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from multinet.cli.explain.explanation import Explanation, Network, Range
from multinet.cli.findings import is_bad, told
from multinet.cli.output import Cell, Style, Table


def page(one: Explanation, *, configurations: bool) -> Iterator[Table | str | Cell]:
    yield Cell(f"{one.kind} {one.pod}", Style.HEAD)
    about = Table(indent="  ").row("from", one.where).row("settings", one.settings)
    yield about
    if one.networks:
        yield ""
        yield _overview(one)
    for network in one.networks:
        yield ""
        yield Cell(f"{network.interface}: {_name(network)}", Style.HEAD)
        yield _details(network)
        if configurations:
            for number, step in enumerate(network.steps, 1):
                yield f"  configuration {number}, {step.type}:"
                yield _indented(json.dumps(step.configuration, indent=2, ensure_ascii=False))
    if one.status:
        yield ""
        yield _status(one)
    if one.events:
        yield ""
        yield _events(one)
    yield ""
    if one.all_findings:
        yield from told(one.all_findings)
    else:
        yield Cell(_verdict(one), Style.GOOD)


def _verdict(one: Explanation) -> str:
    open_ = [network for network in one.networks if network.unknown]
    return "nothing stands against it" + (", as far as it is known here" if open_ else "")


def _overview(one: Explanation) -> Table:
    table = Table("INTERFACE", "NETWORK", "ASKED FOR BY", "PLUGINS", "")
    for network in one.networks:
        plugins = ", ".join(f"{step.type}+{step.ipam}" if step.ipam else step.type for step in network.steps)
        state = Cell("fails", Style.BAD) if is_bad(network.findings) else Cell("")
        table.row(network.interface, _name(network), network.source, plugins, state)
    return table


def _name(network: Network) -> str:
    return network.name or "the cluster's own network"


def _details(network: Network) -> Table:
    table = Table(indent="  ")
    rows = (
        ("why", network.why),
        ("isolation", network.isolation),
        ("CNI name", network.cni_name),
        ("not known", network.unknown),
        ("resource", _device(network)),
        ("addresses", ", ".join(network.ips)),
        ("MAC", network.mac),
        ("default route", _default_route(network)),
        ("plugins", "\n".join(_steps(network))),
        ("room", "\n".join(map(_room, network.ranges))),
        ("CNI_ARGS", network.args),
    )
    for word, value in rows:
        if value:
            table.row(word, value)
    return table


def _device(network: Network) -> str:
    if not network.resource:
        return ""
    return f"{network.resource}, {network.device or 'a device of it'}"


def _default_route(network: Network) -> str:
    if network.default_route is None:
        return ""
    return "by " + (", ".join(network.default_route) or "the network's own gateway")


def _steps(network: Network) -> Iterator[str]:
    for number, step in enumerate(network.steps, 1):
        ipam = f", addresses from {step.ipam}" if step.ipam else ""
        program = " (a program of the node)" if step.by == "program" else ""
        yield f"{number}. {step.type}{program}{ipam}"


def _room(one: Range) -> str:
    if one.used is None:
        return f"{one.addresses}: {one.size}, how many are free is known on the node"
    return f"{one.addresses}: {one.free} of {one.size} free"


def _status(one: Explanation) -> Table:
    table = Table("HAS", "NETWORK", "ADDRESSES", "MAC")
    for entry in one.status:
        table.row(
            entry.get("interface", ""), entry.get("name", ""), ", ".join(_ips(entry)), entry.get("mac", "")
        )
    return table


def _ips(entry: Any) -> list[str]:
    return [str(ip) for ip in entry.get("ips") or ()]


def _events(one: Explanation) -> Table:
    table = Table("WHEN", "EVENT", "MESSAGE")
    for event in one.events:
        times = f" (x{event['count']})" if event["count"] > 1 else ""
        table.row(event["when"], event["reason"] + times, event["message"])
    return table


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
