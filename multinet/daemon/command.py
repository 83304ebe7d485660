"""The agent's command line."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from multinet.daemon.app import run
from multinet.errors import MultinetError

CONFIG = "/etc/multinet/config.yaml"


@click.command(help="The agent of this node, until it is told to stop.")
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    default=CONFIG,
    show_default=True,
    help="The settings, in YAML or JSON.",
)
def command(file: Path) -> None:
    try:
        sys.exit(run(file))
    except MultinetError as error:
        print(f"multinet: {error}", file=sys.stderr)
        sys.exit(1)
