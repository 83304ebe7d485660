"""The commands of ``multinet sandbox``. What they need is imported when they run, so that help is quick."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from multinet.cli import complete
from multinet.cli import output as outputs
from multinet.cli.output import Format, examples

if TYPE_CHECKING:
    from multinet.cli.sandbox.lifecycle import Happened, Sandbox

F = TypeVar("F", bound=Callable[..., Any])

NODE = "multinet-node"
STATE = "/run/multinet/sandbox"
"""Gone after a reboot, as the namespaces are."""
CNI_PATH = "/opt/cni/bin"


def options(*several: Callable[[F], F]) -> Callable[[F], F]:
    return lambda command: reduce(lambda inner, option: option(inner), reversed(several), command)


def _node_name(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    from multinet.npwg import values

    try:
        return None if value is None else values.label(value)
    except ValueError:
        raise click.BadParameter("expected a name: lower-case letters, digits and '-'") from None


node_option = click.option(
    "--node",
    default=NODE,
    show_default=True,
    callback=_node_name,
    help="The node: also the name of its network namespace.",
)
state_option = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=STATE,
    show_default=True,
    envvar="MULTINET_SANDBOX_STATE",
    help="Folder for all that is known of the sandboxes.",
)
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Show what the plugin logs.")
common = options(node_option, state_option)
calling = options(node_option, state_option, verbose_option)


@click.group(
    short_help="Pods with networks on this machine, without a cluster.",
    epilog=examples(
        "multinet sandbox up crds/examples/demo",
        "multinet sandbox ls",
        "multinet sandbox exec web-0 -- ip route",
        "multinet sandbox down",
    ),
)
def sandbox() -> None:
    """Pods with networks on this machine, without a cluster.

    A node is a network namespace of its own, so nothing of the machine is touched. Each Pod manifest gets a
    namespace, and multinet is called for it as a container runtime calls it.

    All of it needs root, or `multinet sandbox shell`, which an ordinary user may have.
    """


@sandbox.command(
    epilog=examples(
        "multinet sandbox up crds/examples/demo",
        "multinet sandbox up crds/examples/dual-stack.yaml --node other      on a node of that name",
    )
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The CNI configuration (list) to use, in YAML or JSON; else multinet.conf beside the manifests, else one"
    " with a bridge for all pods.",
)
@click.option(
    "--cni-path",
    default=CNI_PATH,
    show_default=True,
    envvar="CNI_PATH",
    help="Folders of CNI executables, for plugins that multinet has no delegate for.",
)
@click.option("--here", is_flag=True, help="The node is the network namespace of this command.")
@calling
def up(
    paths: tuple[Path, ...],
    config: Path | None,
    cni_path: str,
    here: bool,
    node: str,
    state: Path,
    verbose: bool,
) -> None:
    """Bring up the Pods of files and folders (YAML, JSON).

    The files also hold the NetworkAttachmentDefinitions; a folder net.d beside them may hold configurations.

    The exit status is 1 where a pod could not be given its networks.
    """
    box = _sandbox(node, state, verbose)
    _tell(box.up(paths, config=config, here=here, cni_path=cni_path))


@sandbox.command(
    epilog=examples(
        "multinet sandbox down               all pods, and the node",
        "multinet sandbox down web-0         one pod",
        "multinet sandbox down --force       also what could not be deleted properly",
    )
)
@click.argument("names", nargs=-1, shell_complete=complete.sandboxes)
@click.option("--force", is_flag=True, help="Remove namespaces and what is known also where DEL failed.")
@calling
def down(names: tuple[str, ...], force: bool, node: str, state: Path, verbose: bool) -> None:
    """Take down the pods NAMES, or all of them and the node.

    The exit status is 1 where a DEL failed.
    """
    _tell(_sandbox(node, state, verbose).down(names, force=force))


@sandbox.command(
    "ls",
    epilog=examples(
        "multinet sandbox ls",
        "multinet sandbox ls -o json | jq '.[].interfaces[].addresses'",
    ),
)
@click.option("--node", default=None, callback=_node_name, help="Only this one; else all nodes.")
@state_option
@outputs.option
def list_(node: str | None, state: Path, output: Format) -> None:
    """List pods, their networks and addresses."""
    from multinet.cli.sandbox import view
    from multinet.cli.sandbox.home import Home
    from multinet.cli.sandbox.ledger import Ledger

    ledgers = [Ledger(state, name) for name in ([node] if node else Home(state).nodes())]
    views = [view.look(found, ledger) for ledger in ledgers if (found := ledger.node())]
    if output is not Format.TABLE:
        click.echo(outputs.dumped(output, [view.to_json(pod) for one in views for pod in one.pods]), nl=False)
    elif not any(one.pods for one in views):
        click.echo("no pods")
    else:
        from multinet.cli.sandbox import text

        text.show(text.pods_table(views))


@sandbox.command(epilog=examples("multinet sandbox show web-0", "multinet sandbox show blue/worker -o yaml"))
@click.argument("name", shell_complete=complete.sandboxes)
@common
@outputs.option
def show(name: str, node: str, state: Path, output: Format) -> None:
    """Show the pod NAME: what the kernel has, and which network and plugins it is of."""
    from multinet.cli.sandbox import view

    box = _sandbox(node, state)
    found = box.node()
    (pod,) = view.look(found, box.ledger, [box.ledger.pod(name)]).pods
    if output is not Format.TABLE:
        click.echo(outputs.dumped(output, view.to_json(pod)), nl=False)
    else:
        from multinet.cli.sandbox import text

        text.show(*text.pod_page(pod))


@sandbox.command(
    "exec",
    context_settings={"ignore_unknown_options": True},
    epilog=examples(
        "multinet sandbox exec web-0 -- ip route", "multinet sandbox exec web-0 ping -c1 10.10.0.11"
    ),
)
@click.argument("name", shell_complete=complete.sandboxes)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@common
def exec_(name: str, command: tuple[str, ...], node: str, state: Path) -> None:
    """Run COMMAND in the network namespace of the pod NAME. The exit status is that of COMMAND.

    For the node and its LAN, which have names: ip netns exec multinet-node ...
    """
    from multinet.cli.sandbox import netns
    from multinet.cli.sandbox.ledger import Ledger

    netns.replace_process(Ledger(state, node).pod(name).netns, command)


@sandbox.command(epilog=examples("multinet sandbox graph", "multinet sandbox graph --file node.svg"))
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "svg", "json"]),
    help="What to write; else what the name of the file ends in, or text.",
)
@click.option(
    "--file", type=click.Path(path_type=Path, dir_okay=False), help="Write it there; else to stdout."
)
@common
def graph(output: str | None, file: Path | None, node: str, state: Path) -> None:
    """Draw how pods, bridges and uplinks hang together."""
    from multinet.cli.sandbox import drawing

    box = _sandbox(node, state)
    ending = file.suffix[1:] if file and file.suffix in (".svg", ".json") else "text"
    drawn = drawing.draw(box.node(), box.ledger, output or ending)
    if file is None:
        click.echo(drawn, nl=False)
    else:
        drawing.write(file, drawn)


@sandbox.command(epilog=examples("multinet sandbox check", "multinet sandbox check web-0 web-1"))
@click.argument("names", nargs=-1, shell_complete=complete.sandboxes)
@calling
def check(names: tuple[str, ...], node: str, state: Path, verbose: bool) -> None:
    """Ask by CNI CHECK whether the pods NAMES, or all, are still as they were made. The exit status is 1 if not."""
    box = _sandbox(node, state, verbose)
    _tell(box.check([box.ledger.pod(name) for name in names] or box.ledger.pods()))


@sandbox.command(epilog=examples("multinet sandbox gc"))
@calling
def gc(node: str, state: Path, verbose: bool) -> None:
    """Have whatever belongs to no pod removed (CNI GC)."""
    box = _sandbox(node, state, verbose)
    box.runtime(box.node()).gc(box.ledger.pods())


@sandbox.command(epilog=examples("multinet sandbox status"))
@calling
def status(node: str, state: Path, verbose: bool) -> None:
    """Ask whether a pod could be brought up now (CNI STATUS). The exit status is 1 if not."""
    box = _sandbox(node, state, verbose)
    box.runtime(box.node()).status()
    click.echo("ready")


@sandbox.command(
    context_settings={"ignore_unknown_options": True},
    epilog=examples(
        "multinet sandbox shell", "multinet sandbox shell multinet sandbox up crds/examples/demo --here"
    ),
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def shell(command: tuple[str, ...]) -> None:
    """Run COMMAND, or a shell, where an ordinary user may do all of this.

    That is in user, network and mount namespaces of its own, where you are root over nothing but them. The
    sandboxes made there end with it.
    """
    from multinet.cli.sandbox import world

    world.replace_process(command or (os.environ.get("SHELL", "/bin/sh"),))


def _sandbox(node: str, state: Path, verbose: bool = False) -> Sandbox:
    from multinet.cli.sandbox.home import Home
    from multinet.cli.sandbox.lifecycle import Sandbox

    def say(line: str) -> None:
        if verbose:
            click.echo(line, err=True)

    return Sandbox.of(Home(state), node, say)


def _tell(story: Iterable[Happened]) -> None:
    """A line for each thing that happened, when it happened; exit status 1 when something failed."""
    failed = False
    for one in story:
        click.echo(f"{one.to}: {one.words}" if one.failed else f"{one.to} {one.words}", err=one.failed)
        failed |= one.failed
    if failed:
        raise SystemExit(1)
