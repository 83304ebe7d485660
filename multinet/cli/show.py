"""``multinet show POD``: everything of one pod's networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from multinet.cli import complete, sources
from multinet.cli import output as outputs
from multinet.cli.node.settings import of_node
from multinet.cli.output import Cell, Format, Style, Table
from multinet.cli.sources import Choice

if TYPE_CHECKING:
    from multinet.npwg.status import NetworkStatus
    from multinet.view.attached import Attached
    from multinet.view.sandboxes import Sandbox

DIFFERS = 1
"""The exit status where something is not as it was made."""
MAIN = 254
"""The routing table that is meant where none is named."""


@click.command(
    epilog=outputs.examples(
        "multinet show shop/web-0",
        "multinet show web-0 -n shop --kubeconfig ~/.kube/config",
        "multinet show 4f1c09a1be76            a container on this node, by the beginning of its id",
    )
)
@click.argument("pod", shell_complete=complete.pods)
@sources.options
@outputs.option
def show(pod: str, source: Choice, output: Format) -> None:
    """Show the networks of POD (name, or namespace/name): interfaces, addresses, routes.

    Of a cluster, it is what network-status tells. On a node (see `multinet ls`), it is what the agent has on record,
    beside what the kernel has: what differs is marked, and the exit status is then 1.
    """
    if (settings := of_node(source)) is not None:
        from multinet.view import sandboxes
        from multinet.view.journal import Journal

        name = pod if "/" in pod or not source.named else f"{source.named}/{pod}"
        found = sandboxes.look(Journal.read(settings.state_dir).of(name))
        outputs.emit(output, [sandboxes.to_json(one) for one in found], lambda: sandboxes_page(found))
        if any(one.is_wrong for one in found):
            raise SystemExit(DIFFERS)
        return
    from multinet.cli.attached import of_pod
    from multinet.view.attached import to_json

    namespace, _, name = pod.rpartition("/")
    with source.open() as cluster:
        there = cluster.pod(namespace or source.namespace, name)
        if there is None:
            from multinet.errors import InvalidConfig

            raise InvalidConfig(
                f"there is no pod {namespace or source.namespace}/{name} in {cluster.told}",
                hint="-n names another namespace; `multinet ls` lists the pods that have networks",
            )
    one = of_pod(there)
    outputs.emit(output, {**to_json(one), "networkStatus": _status(one)}, lambda: pod_page(one))


def pod_page(pod: Attached) -> list[Table | str]:
    from multinet.view.attached import STATES

    head = Table().row("pod", str(pod))
    if pod.node:
        head.row("node", pod.node)
    head.row("state", f"{pod.state}: {pod.problem or STATES[pod.state]}")
    page: list[Table | str] = [head]
    if pod.interfaces:
        page += ["", interfaces_table(pod.interfaces)]
    if any(entry.routes for entry in pod.interfaces):
        page += ["", told_routes(pod.interfaces)]
    return page


def interfaces_table(interfaces: tuple[NetworkStatus, ...]) -> Table:
    table = Table("INTERFACE", "NETWORK", "ADDRESSES", "MAC", "MTU", "GATEWAY", "MADE BY", "ON THE NODE")
    for entry in interfaces:
        table.row(
            entry.interface,
            entry.name + (" (default)" if entry.default else ""),
            "\n".join(map(str, entry.ips)),
            entry.mac,
            entry.mtu or "",
            "\n".join(map(str, entry.gateway)),
            ", ".join(entry.plugins),
            ", ".join(entry.host_interfaces),
        )
    return table


def told_routes(interfaces: tuple[NetworkStatus, ...]) -> Table:
    table = Table("ROUTE", "GATEWAY", "INTERFACE", "TABLE")
    for entry in interfaces:
        for route in entry.routes:
            dst = "default" if route.is_default else str(route.dst)
            table.row(dst, route.gw or "", entry.interface, route.table or "main")
    return table


def sandboxes_page(found: list[Sandbox]) -> list[Table | str]:
    page: list[Table | str] = []
    for one in found:
        page += [*([""] if page else []), *_sandbox(one)]
    return page


def _sandbox(one: Sandbox) -> list[Table | str]:
    head = Table().row("pod", one.pod.name if not one.pod.namespace else str(one.pod))
    head.row("container", one.pod.container_id).row("namespace", one.netns)
    style = Style.BAD if one.gone or one.is_wrong else Style.PLAIN
    head.row("state", Cell(one.says, style))
    page: list[Table | str] = [head]
    if one.interfaces:
        table = Table(
            "INTERFACE", "NETWORK", "KIND", "STATE", "MTU", "MAC", "ADDRESSES", "MADE BY", "ON THE NODE"
        )
        for link in one.interfaces:
            table.row(
                link.name,
                link.network + (" (default)" if link.default else ""),
                link.kind,
                "up" if link.up else Cell("down", Style.WARNING),
                link.mtu,
                link.mac,
                "\n".join(link.addresses),
                ", ".join(link.plugins),
                " on ".join(filter(None, [link.host, link.bridge])),
            )
        page += ["", table]
    elif one.pod.interfaces:
        page += ["", interfaces_table(one.pod.interfaces)]
    if one.routes:
        table = Table("ROUTE", "GATEWAY", "INTERFACE", "SOURCE", "METRIC", "TABLE")
        for route in one.routes:
            number = "main" if route.table == MAIN else route.table
            table.row(route.dst, route.gateway, route.interface, route.source, route.metric or "", number)
        page += ["", table]
    if one.differences:
        table = Table("DIFFERS", "")
        for difference in one.differences:
            style = Style.BAD if difference.wrong else Style.WARNING
            table.row(Cell(difference.interface, style), difference.says)
        page += ["", table]
    return page


def _status(pod: Attached) -> Any:
    import json

    from multinet.npwg import status

    return json.loads(status.write(pod.interfaces))
