"""``python -m multinet.daemon --config FILE``: the agent of this node, until it is told to stop."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from multinet.daemon.app import run
from multinet.errors import MultinetError

CONFIG = "/etc/multinet/config.yaml"


@click.command(help=__doc__)
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    default=CONFIG,
    show_default=True,
    help="The settings, in YAML or JSON.",
)
def main(file: Path) -> None:
    try:
        sys.exit(run(file))
    except MultinetError as error:
        print(f"multinet: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
