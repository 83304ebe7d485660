"""``multinet record``: a request and all that it was told, in a file, without secrets."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from multinet.cli import complete
from multinet.cli import output as outputs
from multinet.cli.sources import CONFIG, HOME

if TYPE_CHECKING:
    from multinet.cli.requests.door import Door

LOOK_SECONDS: Final = 0.5
"""Between two looks whether the request has come."""
WAIT_SECONDS: Final = 300
"""The kubelet tries a pod that fails again after five minutes at most."""
MODE: Final = 0o600
"""What is left without secrets still tells a cluster's names and addresses."""


@click.command(
    epilog=outputs.examples(
        "multinet record 3f2a91c0 --file request.json        one that failed, by the id in its error",
        "multinet record --next --pod shop/web-0 --file request.json",
        "multinet record 3f2a91c0 --anonymous --file request.json        to be shown to others",
        "multinet replay request.json",
    )
)
@click.argument("request_id", required=False, shell_complete=complete.requests)
@click.option("--next", "wait", is_flag=True, help="Wait for the next ADD, CHECK or DEL.")
@click.option("--pod", default="", metavar="[NAMESPACE/]NAME", help="With --next: of this pod.")
@click.option(
    "--seconds",
    type=click.IntRange(1),
    default=WAIT_SECONDS,
    show_default=True,
    help="With --next: how long to wait.",
)
@click.option("--anonymous", is_flag=True, help="Other names and addresses in place of those of the cluster.")
@click.option(
    "-o",
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it there; else to stdout.",
)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=CONFIG,
    show_default=True,
    help="The settings of the agent on this node.",
)
def record(
    request_id: str | None,
    wait: bool,
    pod: str,
    seconds: int,
    anonymous: bool,
    file: Path | None,
    config: Path,
) -> None:
    """Write down a request of the agent on this node with all that it was told, to be replayed elsewhere.

    That is the runtime's call, the pod's annotations, the definitions, the settings, what programs of the node
    answered, the node's links, the addresses that were given, and the answer. The agent keeps the last requests that
    failed (its setting agent.record); --next has it keep the next one, however that ends.

    Secrets are taken out: values of keys like password, token and secret, private keys and tokens in any text, and
    annotations that say nothing of networks. Which, is told.
    """
    if bool(request_id) == wait or (pod and not wait):
        raise click.UsageError("name a request by its id, or wait for the --next one, of a --pod or of any")
    import json

    from multinet import files
    from multinet.cli.requests import redact
    from multinet.cli.requests.door import Door
    from multinet.config import Settings

    door = Door(Settings.load(config))
    if wait:
        request_id = _next(door, pod if "/" in pod or not pod else f"{HOME}/{pod}", seconds)
    recording = _recording(door, (request_id or "").strip(" []"))
    told, redacted = redact.without_secrets(recording)
    for place in redacted:
        click.echo(f"multinet: taken out: {place}", err=True)
    if anonymous:
        told = redact.anonymous(told)
    text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    if file is None:
        click.echo(text, nl=False)
    else:
        files.write_atomic(file, text.encode(), MODE)


def _next(door: Door, pod: str, seconds: int) -> str:
    """The id of the request that came first."""
    from multinet.errors import TryAgain

    until = time.monotonic() + seconds
    after, request = door.next(pod, None)
    click.echo(f"multinet: waiting for the next request{f' of {pod}' if pod else ''}", err=True)
    while not request:
        if time.monotonic() > until:
            raise TryAgain(
                f"no request{f' of {pod}' if pod else ''} has come within {seconds} seconds",
                hint="delete the pod, so that it is made anew, or wait longer by --seconds",
            )
        time.sleep(LOOK_SECONDS)
        after, request = door.next(pod, after)
    return request


def _recording(door: Door, request: str) -> dict[str, Any]:
    from multinet.errors import InvalidConfig

    found = door.recording(request) if request.isalnum() else None
    if found is None:
        there = ", ".join(door.recordings()) or "of none"
        raise InvalidConfig(
            f"the agent of this node has no recording of the request {request}",
            hint=f"there are recordings {there if there == 'of none' else f'of {there}'}; "
            "`multinet record --next` waits for one",
        )
    if "tooLarge" in found:
        raise InvalidConfig(
            f"the request {request} could not be recorded: it takes {found['tooLarge']} bytes",
            hint="what the pod, its definitions or the plugins say is larger than any of the field's",
        )
    return found
