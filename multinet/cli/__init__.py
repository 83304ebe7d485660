"""``multinet``: what a person does with it at a terminal.

Nothing but click is imported here, so that ``multinet --help`` is quick; a command imports what it needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from multinet import __version__
from multinet.errors import MultinetError, NotAvailable

LEFT_OUT = ("kubernetes", "rich")
"""Packages that the image does without: deploy/image/without.txt."""

COMMANDS = {
    "doctor": "multinet.cli.doctor:doctor",
    "events": "multinet.cli.requests.events:events",
    "explain": "multinet.cli.explain.command:explain",
    "graph": "multinet.cli.graph:graph",
    "install": "multinet.cli.install:install",
    "ipam": "multinet.cli.ipam:ipam",
    "lint": "multinet.cli.lint.command:lint",
    "ls": "multinet.cli.ls:ls",
    "migrate": "multinet.cli.migrate:migrate",
    "sandbox": "multinet.cli.sandbox.commands:sandbox",
    "show": "multinet.cli.show:show",
    "trace": "multinet.cli.requests.trace:trace",
    "uninstall": "multinet.cli.uninstall:uninstall",
    "uninstall-everywhere": "multinet.cli.everywhere:uninstall_everywhere",
}
"""Where each command is: imported when it is called, or its help is shown. Such a module imports click alone, and
what else it needs when it runs.
"""


class Failure(click.ClickException):
    """An error of ours as a person reads it: the sentence, and its notes a line each."""

    def __init__(self, error: MultinetError) -> None:
        super().__init__("\n".join([str(error), *getattr(error, "__notes__", [])]))

    def show(self, file: Any = None) -> None:
        click.echo(f"multinet: {self.format_message()}", file=file, err=True)


class Commands(click.Group):
    """Those of ``COMMANDS``. Turns our errors into ``Failure``; any other exception is a defect, and is shown as
    one.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MultinetError as error:
            raise Failure(error) from error
        except ModuleNotFoundError as error:
            if error.name not in LEFT_OUT:
                raise
            raise Failure(
                NotAvailable(
                    f"this takes the Python package {error.name}, which is not installed here",
                    hint="the agent's image does without it; use multinet from its wheel",
                )
            ) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="multinet", message="%(prog)s %(version)s")
def main() -> None:
    """The multi-network stack for Kubernetes pods."""
