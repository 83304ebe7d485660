"""``multinet uninstall``: put the node back as it was before multinet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from multinet.cli.install import bin_dir_option
from multinet.cli.output import examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from multinet.config import Settings
    from multinet.plan import Record

WAIT_SECONDS = 240.0
"""Less than the five minutes that Helm gives a hook by default."""
ROUND_SECONDS = 1.0
"""Between two looks at what is left."""
MOST_AT_ONCE = 64
MOST_SAID = 10
"""Of the pods that still have networks, so many are named."""

Command = TypeVar("Command", bound="Callable[..., object]")


def patience(how_long: str) -> Callable[[Command], Command]:
    """The options ``--wait`` and ``--force``. ``how_long``: what is said of the first."""
    wait = click.option(
        "--wait", type=click.FloatRange(min=0), default=WAIT_SECONDS, show_default=True, help=how_long
    )
    force = click.option(
        "--force",
        is_flag=True,
        help="Remove the programs also when such pods are left. Their records stay, for a later install to clear.",
    )
    return lambda command: wait(force(command))


@click.command(
    epilog=examples(
        "multinet uninstall --config /etc/multinet/config.yaml",
        "multinet uninstall --config /etc/multinet/config.yaml --wait 0 --force      whatever pods there are",
    )
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    required=True,
    help="The agent's settings: they say where everything is.",
)
@bin_dir_option
@patience("Seconds to wait for pods that multinet gave networks to end.")
def uninstall(config: Path, bin_dir: Path, wait: float, force: bool) -> None:
    """Take multinet off this node.

    First its configuration leaves the container runtime's folder: new pods are the cluster network's alone. Pods that
    have further networks keep them, and each is cleared up after when it ends. When none is left, or after --wait
    seconds with --force, the programs and all that multinet keeps on disk are removed.

    The agent may go on running meanwhile, and should: it answers for the pods that are left. The exit status is 1
    while there are any, unless --force is said.
    """
    from multinet.cli.node_files import Programs
    from multinet.config import Settings
    from multinet.daemon import leaving
    from multinet.daemon.conflist import Conflist
    from multinet.errors import TryAgain

    settings = Settings.load(config)
    leaving.begin(settings.state_dir)
    conflist = Conflist(settings.agent)
    if conflist.withdraw():
        click.echo(f"removed {conflist.path}")
    left = cleared(settings, wait)
    if left and not force:
        raise TryAgain(
            still(left),
            hint="new pods get none any more; drain the node or delete these pods, and call this again. --force does "
            "not wait, and leaves their addresses taken until multinet is installed again",
        )
    for line in Programs(bin_dir).remove():
        click.echo(line)
    if leaving.is_served(settings):
        click.echo("the agent removes the rest when it stops", err=True)
    else:
        for path in leaving.clear(settings):
            click.echo(f"removed {path}")
    if left:
        click.echo(f"kept {settings.state_dir}, for a later install: {still(left)}", err=True)


def cleared(settings: Settings, seconds: float) -> list[Record]:
    """Clear up after what has ended until nothing is left or the time is over; what is left."""
    import dataclasses
    import time

    from multinet.daemon.primary import Primary
    from multinet.daemon.world import World
    from multinet.kernel import sysctl
    from multinet.state.attachments import Attachments
    from multinet.verbs.reconcile import reconcile

    sysctl.use(str(settings.agent.sysctl_dir))
    # No cluster is asked anything here, and a folder stands for one.
    world = World(dataclasses.replace(settings, folder=settings.state_dir), Primary(settings), None)
    until = time.monotonic() + seconds
    while True:
        reconcile(world.alone(), most=MOST_AT_ONCE)
        left = list(Attachments(settings.state_dir).all())
        if not left or time.monotonic() >= until:
            return left
        time.sleep(ROUND_SECONDS)


def still(left: list[Record]) -> str:
    named = ", ".join(str(one.plan.pod or one.plan.container_id) for one in left[:MOST_SAID])
    more = f" and {len(left) - MOST_SAID} more" if len(left) > MOST_SAID else ""
    return f"there are still pods on this node with networks of multinet: {named}{more}"
