"""``multinet replay FILE``: a recorded request once more, in namespaces of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from multinet.cli import output as outputs
from multinet.cli.output import Cell, Format, Style, Table

DIFFERS: Final = 1
"""The exit status where the answer is another."""
SECONDS: Final = 180.0
"""Longer than any request may take."""
FORMAT: Final = 1
"""Of ``multinet.daemon.recording.document``."""
ABSENT: Final = "(nothing)"
CHANCE: Final = re.compile(r"\A((?:[0-9a-f]{2}:){5}[0-9a-f]{2}|veth[0-9a-f]{8})\Z", re.IGNORECASE)
"""What nobody chose: MACs of the kernel's, and the names of the node's ends of cables."""


@click.command(
    epilog=outputs.examples(
        "multinet record 3f2a91c0 --file request.json        on the node",
        "multinet replay request.json                        anywhere",
        "multinet replay request.json -o json | jq .differences",
    )
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("-v", "--verbose", is_flag=True, help="Show what is logged meanwhile.")
@outputs.option
def replay(file: Path, verbose: bool, output: Format) -> None:
    """Do the request of a recording again without its cluster, and compare the answers.

    It is made in fresh network namespaces: a node with the links that the recording tells of, and a container. In
    place of cards there are virtual ones; programs of the node do not run, and their answers are those of the
    recording. All of it is gone afterwards. It takes root, or a kernel that lets users make namespaces.

    The exit status is 1 where the answer differs. MACs and names that nobody chose do not count.
    """
    recording = _read(file)
    outcome = _run(recording, verbose)
    from multinet.errors import MultinetError

    if "failed" in outcome:
        raise MultinetError(f"could not replay {file}: {outcome['failed']}")
    found = list(differences(outcome["recorded"], outcome["replayed"], asked=str(recording["stdin"])))
    document = {
        "request": recording["request"],
        "verb": recording["env"].get("CNI_COMMAND", ""),
        "same": not found,
        "differences": [{"at": at, "recorded": was, "replayed": now} for at, was, now in found],
        "recorded": outcome["recorded"],
        "replayed": outcome["replayed"],
    }
    outputs.emit(output, document, lambda: page(document, outcome["trace"]))
    if found:
        raise SystemExit(DIFFERS)


def _read(file: Path) -> dict[str, Any]:
    import json

    from multinet import files
    from multinet.errors import InvalidConfig

    try:
        recording = json.loads(files.read(file))
        wanted = recording["format"]
        known = {"request", "env", "stdin", "settings", "node", "answer", "programs"} <= set(recording)
    except (ValueError, LookupError, TypeError) as error:
        raise InvalidConfig(
            f"{file} is no recording: {error!r}", hint="`multinet record` writes one"
        ) from error
    if wanted != FORMAT or not known:
        raise InvalidConfig(
            f"{file} is a recording of the form {wanted}, this multinet replays {FORMAT}",
            hint="use the release of multinet that recorded it",
        )
    made: dict[str, Any] = recording
    return made


def _run(recording: dict[str, Any], verbose: bool) -> dict[str, Any]:
    """In a process of its own, which never comes back from where it goes."""
    import json
    import subprocess
    import sys

    from multinet.errors import MultinetError

    try:
        done = subprocess.run(
            [sys.executable, "-m", "multinet.cli.requests.replaying"],
            input=json.dumps(recording).encode(),
            capture_output=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise MultinetError(f"the replay did not end within {SECONDS:.0f} seconds") from error
    log = done.stderr.decode(errors="replace")
    if verbose:
        click.echo(log, err=True, nl=False)
    if done.returncode:
        raise MultinetError("the replay ended by a defect of multinet", details=log, hint=log.strip()[-500:])
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


def differences(was: Any, now: Any, *, asked: str, at: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where, what it was, and what it is. ``asked``: what the request asks for, as text."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key in [*was, *(key for key in now if key not in was)]:
            place = f"{at}.{key}".lstrip(".")
            yield from differences(was.get(key), now.get(key), asked=asked, at=place)
    elif isinstance(was, list) and isinstance(now, list):
        for number in range(max(len(was), len(now))):
            one, other = (value[number] if number < len(value) else None for value in (was, now))
            yield from differences(one, other, asked=asked, at=f"{at}[{number}]")
    elif was != now and not (_is_chance(was, asked) and _is_chance(now, asked)):
        yield at, was, now


def _is_chance(value: Any, asked: str) -> bool:
    return isinstance(value, str) and bool(CHANCE.match(value)) and value not in asked


def page(document: dict[str, Any], trace: list[dict[str, Any]]) -> list[Table | str]:
    from multinet.cli.requests.trace import parts_table
    from multinet.daemon.history import Happened

    was, now = document["recorded"], document["replayed"]
    head = Table().row("request", document["request"]).row("verb", document["verb"])
    head.row("recorded", _told(was)).row("replayed", _told(now))
    same = Cell("the same answer", Style.GOOD) if document["same"] else Cell("another answer", Style.BAD)
    told: list[Table | str] = [head.row("result", same)]
    if document["differences"]:
        table = Table("AT", "RECORDED", "REPLAYED")
        for one in document["differences"]:
            table.row(one["at"], _shown(one["recorded"]), _shown(one["replayed"]))
        told += ["", table]
    return told + [part for one in trace for part in ("", parts_table(Happened.from_json(one)))]


def _told(answer: dict[str, Any]) -> str:
    said = answer["stdout"]
    if answer["status"] == 0:
        return "done"
    return f"failed: {said.get('msg', '')}" if isinstance(said, dict) else f"failed: {said}"


def _shown(value: Any) -> str:
    return ABSENT if value is None else str(value)
