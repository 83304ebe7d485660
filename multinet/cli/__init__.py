"""``multinet``: what a person does with it at a terminal.

Nothing but click is imported here, so that ``multinet --help`` is quick; a command imports what it needs.
"""

from __future__ import annotations

from typing import Any

import click

from multinet import __version__
from multinet.cli.install import install
from multinet.cli.migrate import migrate
from multinet.cli.sandbox.commands import sandbox
from multinet.cli.uninstall import uninstall
from multinet.errors import MultinetError


class Failure(click.ClickException):
    """An error of ours as a person reads it: the sentence, and its notes a line each."""

    def __init__(self, error: MultinetError) -> None:
        super().__init__("\n".join([str(error), *getattr(error, "__notes__", [])]))

    def show(self, file: Any = None) -> None:
        click.echo(f"multinet: {self.format_message()}", file=file, err=True)


class Commands(click.Group):
    """Turns our errors into ``Failure``; any other exception is a defect, and is shown as one."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MultinetError as error:
            raise Failure(error) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="multinet", message="%(prog)s %(version)s")
def main() -> None:
    """The multi-network stack for Kubernetes pods."""


main.add_command(install)
main.add_command(migrate)
main.add_command(sandbox)
main.add_command(uninstall)
