"""``multinet events``: what agents did lately."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import click

from multinet.cli import output as outputs
from multinet.cli import sources
from multinet.cli.node.settings import node_name, of_node
from multinet.cli.output import Cell, Format, Style, Table
from multinet.cli.sources import Choice

if TYPE_CHECKING:
    from multinet.cli.requests.rows import Event, Row
    from multinet.daemon.history import Happened

FOLLOW_SECONDS: Final = 1.0
"""Between two looks at what the agent remembers."""
FOLLOW_EVENTS_SECONDS: Final = 5.0
"""Between two questions to the API server."""
HEADINGS: Final = ("TIME", "NODE", "REQUEST", "VERB", "POD", "TOOK", "EVENT", "")


@click.command(
    epilog=outputs.examples(
        "multinet events                         what the agent of this node did for its last requests",
        "multinet events --failed --follow       what fails from now on, too",
        "multinet events --pod shop/web-0        of one pod",
        "multinet events --kubeconfig ~/.kube/config      what all agents wrote to the cluster",
    )
)
@click.option("--pod", default="", metavar="[NAMESPACE/]NAME", help="Only what was done for this pod.")
@click.option("--failed", is_flag=True, help="Only what failed.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until it is interrupted.")
@sources.options_of_lists
@outputs.option
def events(pod: str, failed: bool, follow: bool, source: Choice, output: Format) -> None:
    """Show what multinet did lately, the newest last.

    On a node (see `multinet ls`), it is what the agent remembers of its last requests, with the pod's event beside it
    where an API server can be asked. Of a cluster, it is the events that all agents wrote. `multinet trace` tells
    more of a request.
    """
    wanted = pod
    if pod and "/" not in pod:
        wanted = f"{source.namespace_or_default}/{pod}"
    seen = Seen(source=source, pod=wanted, failed=failed)
    if not follow:
        from multinet.cli.requests.rows import to_json

        rows = seen.look()
        outputs.emit(output, [to_json(row) for row in rows], lambda: _page(rows))
        return
    try:
        for rows in seen.follow():
            _print(rows, output, heads=not seen.rounds)
    except KeyboardInterrupt:
        return


@dataclass(kw_only=True)
class Seen:
    """What is to be seen, and with ``follow``, what has been."""

    source: Choice
    pod: str
    failed: bool
    rounds: int = 0
    _told: set[tuple[str, str, int]] = field(default_factory=set)
    _complained: set[str] = field(default_factory=set)

    def look(self) -> list[Row]:
        """Raises MultinetError where nobody can be asked."""
        recent, why_not = self._remembered()
        asked = self.source.is_named and self.source.folder is None
        if recent is None and not asked and why_not is not None:
            raise why_not
        if why_not is not None:
            self._complain(str(why_not))
        return self._rows(recent or [], self._events(needed=recent is None))

    def follow(self) -> Iterator[list[Row]]:
        """What is there, and then what is new, as it comes. An agent that is away for a while is waited for."""
        yield self._fresh(self.look())
        asked = time.monotonic()
        events = self._events(needed=False)
        while True:
            self.rounds += 1
            time.sleep(FOLLOW_SECONDS)
            recent, _ = self._remembered()
            if time.monotonic() - asked >= FOLLOW_EVENTS_SECONDS:
                asked = time.monotonic()
                events = self._events(needed=False)
            if fresh := self._fresh(self._rows(recent or [], events)):
                yield fresh

    def _remembered(self) -> tuple[list[Happened] | None, Exception | None]:
        """None where this is not about a node, or its agent does not answer; and then why not."""
        from multinet.cli.requests.door import Door
        from multinet.errors import MultinetError

        if (settings := of_node(self.source)) is None:
            return None, None
        try:
            return Door(settings).recent(), None
        except MultinetError as error:
            return None, error

    def _events(self, *, needed: bool) -> list[Event]:
        """Beside what an agent remembers they are a courtesy; of a cluster they are all there is."""
        from multinet.cli import clusters
        from multinet.cli.requests.rows import event
        from multinet.errors import MultinetError

        if not needed and not self.source.is_named:
            return []
        namespace, _, name = self.pod.partition("/")
        try:
            with self.source.api() as api:
                return [event(one) for one in clusters.Live(api).said(namespace or self.source.listed, name)]
        except MultinetError as error:
            if needed:
                raise
            self._complain(f"the cluster's events are not shown: {error}")
            return []

    def _rows(self, recent: list[Happened], events: list[Event]) -> list[Row]:
        from multinet.cli.requests.rows import merged

        settings = of_node(self.source)
        rows = merged(node_name(settings) if settings else "", recent, events)
        return [row for row in rows if self._is_wanted(row)]

    def _is_wanted(self, row: Row) -> bool:
        namespace = self.source.listed
        return (
            (not self.failed or row.failed)
            and (not self.pod or row.pod == self.pod)
            and (bool(self.pod) or not namespace or row.pod.startswith(f"{namespace}/"))
        )

    def _fresh(self, rows: list[Row]) -> list[Row]:
        """A request is told once, whether or not its event has come by now."""
        fresh = []
        for row in rows:
            event = row.event
            key = (row.request, "", 0) if row.request else ("", row.says, event.count if event else 0)
            if key not in self._told:
                self._told.add(key)
                fresh.append(row)
        return fresh

    def _complain(self, words: str) -> None:
        if words not in self._complained:
            self._complained.add(words)
            click.echo(f"multinet: {words}", err=True)


def _print(rows: list[Row], output: Format, *, heads: bool) -> None:
    """While it goes on: a row a line, a JSON object a line, or a YAML document each."""
    import json

    from multinet.cli.requests.rows import to_json

    if output is Format.TABLE:
        outputs.show(_table(rows, heads=heads))
    for row in rows if output is not Format.TABLE else ():
        if output is Format.JSON:
            click.echo(json.dumps(to_json(row), ensure_ascii=False))
        else:
            click.echo(f"---\n{outputs.dumped(output, to_json(row))}", nl=False)


def _page(rows: list[Row]) -> list[Table | str]:
    return [_table(rows, heads=True)] if rows else ["nothing was done lately"]


def _table(rows: list[Row], *, heads: bool) -> Table:
    from multinet.cli.requests.rows import clock

    table = Table(*(HEADINGS if heads else ()))
    for row in rows:
        one, event = row.happened, row.event
        style = Style.BAD if row.failed else Style.PLAIN
        table.row(
            clock(row.at),
            row.node,
            Cell(row.request, style),
            one.verb if one else "",
            row.pod,
            f"{one.seconds * 1000:.0f} ms" if one else "",
            event.told if event else "",
            row.says,
        )
    return table
