"""``multinet completion SHELL``, and the completion of kubectl's plugin."""

from __future__ import annotations

import sys
from typing import Final

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from multinet.cli.output import examples

SHELLS: Final = ("bash", "zsh", "fish")
NAME: Final = "multinet"
VARIABLE: Final = "_MULTINET_COMPLETE"
"""What the shell's function sets when it asks; click looks for it by the program's name."""

NO_FILES: Final = 4
FILES: Final = {"plain": NO_FILES, "file": 0, "dir": 16}
"""Cobra's ShellCompDirective by what click would have a shell complete: NoFileComp, Default, FilterDirs."""


@click.command(
    epilog=examples(
        "source <(multinet completion bash)          for this shell",
        "multinet completion bash > /etc/bash_completion.d/multinet",
        'multinet completion zsh > "${fpath[1]}/_multinet"',
        "multinet completion fish > ~/.config/fish/completions/multinet.fish",
    )
)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands, options, and names of pods, definitions and requests.

    Where it goes is in the examples; a shell reads it when it starts. bash needs its package bash-completion for
    files in /etc/bash_completion.d. Names are looked up when Tab is pressed, in a cluster for two seconds at
    most.

    kubectl completes its plugin by itself, where kubectl_complete-multinet is on the PATH.
    """
    from multinet.cli import main

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(main, {}, NAME, VARIABLE).source())


def for_kubectl() -> None:
    """As kubectl asks for it (k8s.io/kubectl, plugin_completion.go): the words are the arguments, the last of them
    the one to be completed; the answer is one a line, and then what the shell is to do besides.
    """
    from multinet.cli import PLUGIN, main

    *words, incomplete = sys.argv[1:] or [""]
    items = ShellComplete(main, {}, PLUGIN, VARIABLE).get_completions(words, incomplete)
    for item in items:
        if item.type == "plain":
            click.echo(_line(item))
    click.echo(f":{min((FILES.get(item.type, NO_FILES) for item in items), default=NO_FILES)}")


def _line(item: CompletionItem) -> str:
    """With a tab before its description, as cobra has it."""
    return f"{item.value}\t{item.help}" if item.help else str(item.value)
