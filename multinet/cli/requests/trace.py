"""``multinet trace REQUEST_ID``: one request of the agent, part by part."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from multinet.cli import complete
from multinet.cli import output as outputs
from multinet.cli.output import Cell, Format, Style, Table
from multinet.cli.sources import CONFIG

if TYPE_CHECKING:
    from multinet.cli.requests.door import Door
    from multinet.daemon.history import Call, Happened, Phase
    from multinet.errors import InvalidConfig

WIDTH: Final = 40
"""Columns of the longest bar."""
FULL: Final = "█"
LITTLE: Final = "▏"
"""For what is shorter than a column."""
INDENT: Final = "  "


@click.command(
    epilog=outputs.examples(
        "multinet trace 3f2a91c0",
        "multinet events --failed                which ids there are",
        "multinet trace 3f2a91c0 -o json | jq '.calls[] | select(.failed)'",
    )
)
@click.argument("request_id", shell_complete=complete.requests)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=CONFIG,
    show_default=True,
    help="The settings of the agent on this node.",
)
@outputs.option
def trace(request_id: str, config: Path, output: Format) -> None:
    """Show one request of the agent on this node, phase by phase and plugin by plugin, with times.

    REQUEST_ID stands at the end of an error, of a pod's event in brackets, and in the log. The agent remembers the
    last ones (its setting agent.history), until it is started anew.
    """
    from multinet.cli.requests.door import Door
    from multinet.config import Settings

    door = Door(Settings.load(config))
    wanted = request_id.strip(" []")
    found = door.find(wanted) if wanted.isalnum() else None
    if found is None:
        raise not_remembered(wanted, door)
    outputs.emit(output, to_json(found), lambda: page(found))


def not_remembered(wanted: str, door: Door) -> InvalidConfig:
    """How far back it would have been."""
    from multinet.cli.requests.rows import clock
    from multinet.errors import InvalidConfig

    recent = door.recent()
    reach = (
        f"the oldest of {len(recent)} is of {clock(recent[-1].at)}" if recent else "it has served none yet"
    )
    return InvalidConfig(
        f"the agent of this node does not remember the request {wanted}: {reach}",
        hint=f"look for {wanted} in the log of the agent that named it, `kubectl -n kube-system logs POD | grep "
        f"{wanted}`: each request has a line there",
    )


def to_json(one: Happened) -> dict[str, Any]:
    from multinet.cli.requests.rows import clock

    told = one.to_json()
    told["containerID"] = told.pop("container")
    told["interface"] = told.pop("ifname")
    for call in told["calls"]:
        call["interface"] = call.pop("ifname")
    return {**told, "at": clock(one.at)}


def page(one: Happened) -> list[Table | str]:
    from multinet.cli.requests.rows import NOTES, clock

    head = Table().row("request", one.request).row("verb", one.verb)
    for name, value in (("pod", one.pod), ("container", one.container), ("interface", one.ifname)):
        if value:
            head.row(name, value)
    head.row(
        "began", clock(one.at) + (f", after {one.waited:.1f} s in the queue" if one.waited >= 0.1 else "")
    )
    head.row("took", f"{one.seconds * 1000:.1f} ms")
    if one.networks:
        head.row("networks", ", ".join(one.networks))
    if notes := [words for key, words in NOTES.items() if one.notes.get(key)]:
        head.row("note", "\n".join(notes))
    if one.failed:
        head.row("failed", Cell(one.error, Style.BAD)).row("code", one.code)
        for name, value in (("details", one.details), ("left", "\n".join(one.left))):
            if value:
                head.row(name, value)
    else:
        head.row("result", Cell("done", Style.GOOD))
    return [head, "", parts_table(one)] if one.phases or one.calls else [head]


def parts_table(one: Happened) -> Table:
    """Times in milliseconds since the verb began. A call stands below the part that it lies in; phases follow on each
    other.
    """
    table = Table("PART", "AT", "TOOK", "")
    around: list[Phase | Call] = []
    parts: list[Phase | Call] = [*one.phases, *sorted(one.calls, key=lambda call: (call.began, -call.ms))]
    for part in sorted(parts, key=lambda part: part.began):
        while around and (part in one.phases or part.began >= around[-1].began + around[-1].ms):
            around.pop()
        words = INDENT * len(around) + _words(part, one.verb)
        failed = getattr(part, "failed", False)
        table.row(
            Cell(words + (" failed" if failed else ""), Style.BAD if failed else Style.PLAIN),
            f"{part.began:.1f}",
            f"{part.ms:.1f}",
            Cell(_bar(part, one.seconds * 1000), Style.BAD if failed else Style.FAINT),
        )
        around.append(part)
    return table


def _words(part: Phase | Call, verb: str) -> str:
    """Its verb only where it is another's: the DEL by which an ADD takes back what it made."""
    from multinet.daemon.history import Phase

    if isinstance(part, Phase):
        return part.name
    other = "" if part.verb == verb else f" {part.verb}"
    return f"{part.type}{other} ({', '.join(filter(None, [part.network, part.ifname]))})"


def _bar(part: Phase | Call, whole: float) -> str:
    if whole <= 0:
        return LITTLE
    begin = min(round(part.began / whole * WIDTH), WIDTH - 1)
    length = min(round(part.ms / whole * WIDTH), WIDTH - begin)
    return " " * begin + (FULL * length or LITTLE)
