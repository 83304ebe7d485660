"""Sandboxes of this node: what is on record of each, beside what the kernel has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from multinet.errors import InvalidNetns
from multinet.kernel.namespace import Namespace
from multinet.plan import Phase, Record
from multinet.view import kernel
from multinet.view.attached import Attached, interface_to_json, of_journal
from multinet.view.compare import Difference, differences
from multinet.view.journal import Journal, told
from multinet.view.kernel import InterfaceView, RouteView


@dataclass(frozen=True, kw_only=True, slots=True)
class Sandbox:
    """``gone`` says why the namespace can't be looked into, "" when it was."""

    pod: Attached
    netns: str
    finished: bool
    gone: str = ""
    interfaces: tuple[InterfaceView, ...] = ()
    routes: tuple[RouteView, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def is_wrong(self) -> bool:
        return bool(self.gone) or any(one.wrong for one in self.differences)

    @property
    def says(self) -> str:
        if self.gone:
            return self.gone
        if not self.finished:
            return "its ADD runs, or did not end: DEL clears it, or the agent once its namespace is gone"
        return "differs from what was made" if self.is_wrong else "as it was made"


def look(records: Iterable[Record]) -> list[Sandbox]:
    """Raises MultinetError where the kernel can't be asked."""
    with Namespace.current() as host:
        known, _ = kernel.host_links(host)
        return [_look(record, known) for record in records]


def _look(record: Record, host: kernel.Links) -> Sandbox:
    (pod,) = of_journal(Journal(records=(record,), damaged=()), "")
    finished = record.phase is Phase.DONE
    netns = record.plan.netns
    try:
        with Namespace.open(netns) as namespace:
            interfaces, routes = kernel.look_into(namespace, host, told(record))
    except InvalidNetns as error:
        return Sandbox(pod=pod, netns=netns, finished=finished, gone=error.message)
    found = differences(pod.interfaces, interfaces, routes) if finished else []
    return Sandbox(
        pod=pod,
        netns=netns,
        finished=finished,
        interfaces=interfaces,
        routes=routes,
        differences=tuple(found),
    )


def to_json(one: Sandbox) -> dict[str, Any]:
    return {
        "namespace": one.pod.namespace,
        "name": one.pod.name,
        "containerID": one.pod.container_id,
        "netns": one.netns,
        "state": "gone" if one.gone else one.pod.state,
        "problem": one.gone,
        "recorded": [interface_to_json(entry) for entry in one.pod.interfaces],
        "interfaces": [asdict(interface) for interface in one.interfaces],
        "routes": [asdict(route) for route in one.routes],
        "differences": [asdict(difference) for difference in one.differences],
    }
