"""``multinet``: what a person does with it at a terminal.

Nothing but click is imported here, so that ``multinet --help`` is quick; a command imports what it needs.
"""

from __future__ import annotations

import re
from copy import copy
from importlib import import_module
from typing import Any

import click

from multinet import __version__
from multinet.errors import MultinetError, NotAvailable

LEFT_OUT = ("kubernetes", "rich")
"""Packages that the image does without: deploy/image/without.txt."""

PLUGIN = "kubectl multinet"
"""What it is called as a plugin of kubectl, which executes ``kubectl-multinet``."""
OF_AN_AGENT = frozenset({"ipam", "record", "trace"})
OF_A_MACHINE = frozenset({"install", "replay", "sandbox", "uninstall"})
"""What makes no sense where kubectl is: they ask the agent of the node that they run on, or change that machine."""

COMMANDS = {
    "completion": "multinet.cli.completion:completion",
    "doctor": "multinet.cli.doctor:doctor",
    "events": "multinet.cli.requests.events:events",
    "explain": "multinet.cli.explain.command:explain",
    "graph": "multinet.cli.graph:graph",
    "install": "multinet.cli.install:install",
    "ipam": "multinet.cli.ipam:ipam",
    "lint": "multinet.cli.lint.command:lint",
    "ls": "multinet.cli.ls:ls",
    "migrate": "multinet.cli.migrate:migrate",
    "record": "multinet.cli.requests.record:record",
    "replay": "multinet.cli.requests.replay:replay",
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
        return sorted(set(COMMANDS) - (OF_AN_AGENT | OF_A_MACHINE if is_plugin(ctx) else set()))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        if is_plugin(ctx) and command.epilog:
            command = copy(command)
            command.epilog = _of_plugin(command.epilog or "")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if is_plugin(ctx) and args[0] in OF_AN_AGENT:
            there = f"kubectl -n kube-system exec ds/multinet -- multinet {args[0]}"
            raise click.UsageError(f"{args[0]} is about one node: {there}", ctx)
        if is_plugin(ctx) and args[0] in OF_A_MACHINE:
            raise click.UsageError(f"{args[0]} is about the machine it runs on: multinet {args[0]}", ctx)
        return super().resolve_command(ctx, args)

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
    """The multi-network stack for Kubernetes pods.

    The exit status is 0 when all is well, 1 when a command fails or finds what its help says, and 2 for a mistake in
    the call. Colours are for terminals, and NO_COLOR does without.
    """


def is_plugin(ctx: click.Context) -> bool:
    return ctx.find_root().info_name == PLUGIN


def _of_plugin(examples: str) -> str:
    """As they are typed there; without those that are about a node."""
    lines = [line for line in examples.split("\n") if "this node" not in line]
    return re.sub(r"(?m)(^  |\| )multinet ", rf"\1{PLUGIN} ", "\n".join(lines))


def kubectl() -> None:
    """``kubectl-multinet``, which kubectl executes."""
    main(prog_name=PLUGIN)


def kubectl_complete() -> None:
    """``kubectl_complete-multinet``, which kubectl's own completion executes with the words so far."""
    from multinet.cli.completion import for_kubectl

    for_kubectl()
