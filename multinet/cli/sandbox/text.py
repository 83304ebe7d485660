"""Tables for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from multinet.cli.sandbox.view import NodeView, PodView
from multinet.view.kernel import InterfaceView, RouteView, shown

WIDE = 250
"""Columns, more than anything here has: a terminal that is narrower breaks lines more legibly than a table does
its cells."""


def show(*things: RenderableType) -> None:
    """Print to stdout."""
    console = _console()
    for thing in things:
        console.print(thing)


def pods_table(nodes: Iterable[NodeView]) -> Table:
    """A row an interface, but for lo."""
    table = _table("NODE", "POD", "STATE", "INTERFACE", "NETWORK", "ADDRESSES", "MAC")
    for view in nodes:
        for pod in view.pods:
            who = (view.node.name, str(pod.pod), pod.phase)
            rows = [_told(interface) for interface in pod.interfaces if interface.name != "lo"]
            for row in rows or [()]:
                table.add_row(*who, *row)
                who = ("", "", "")
    return table


def pod_page(pod: PodView) -> list[RenderableType]:
    """Everything of one pod: who it is, its interfaces, its routes."""
    head = Table.grid(padding=(0, 2))
    for word, value in (
        ("pod", str(pod.pod)),
        ("state", pod.phase),
        ("namespace", str(pod.pod.netns)),
        ("container", pod.pod.container_id),
    ):
        head.add_row(Text(word, style="bold"), value)
    return [head, "", _interfaces(pod.interfaces), "", _origins(pod.interfaces), "", _routes(pod.routes)]


def _interfaces(interfaces: Sequence[InterfaceView]) -> Table:
    table = _table("INTERFACE", "KIND", "STATE", "MTU", "MAC", "ADDRESSES")
    for one in interfaces:
        state = "up" if one.up else "down"
        table.add_row(one.name, one.kind, state, str(one.mtu), one.mac, "\n".join(one.addresses))
    return table


def _origins(interfaces: Sequence[InterfaceView]) -> Table:
    """Whose each interface is, but for lo."""
    table = _table("INTERFACE", "NETWORK", "MADE BY", "ON THE NODE")
    for one in interfaces:
        if one.name != "lo":
            place = " on ".join(filter(None, [one.host, one.bridge]))
            table.add_row(one.name, _network(one), ", ".join(one.plugins), place)
    return table


def _routes(routes: Sequence[RouteView]) -> Table:
    table = _table("ROUTE", "GATEWAY", "INTERFACE", "SOURCE", "METRIC", "MTU", "TABLE")
    for one in routes:
        table.add_row(
            one.dst,
            one.gateway,
            one.interface,
            one.source,
            str(one.metric or ""),
            str(one.mtu or ""),
            "main" if one.table == 254 else str(one.table),
        )
    return table


def _told(interface: InterfaceView) -> tuple[str, ...]:
    return (
        interface.name,
        _network(interface),
        "\n".join(shown(interface.addresses)),
        interface.mac,
    )


def _network(interface: InterfaceView) -> str:
    return interface.network + (" (default)" if interface.default else "")


def _console() -> Console:
    # A MAC may hold ":ab:", which rich would take for a picture, and an interface name "[x]", for a colour.
    # Without a height too, a terminal of a kind that rich doesn't know would be taken for one of 80 columns.
    return Console(file=sys.stdout, width=WIDE, height=100, highlight=False, emoji=False, markup=False)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
