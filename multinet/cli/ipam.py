"""``multinet ipam``: the addresses that this node has given."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from multinet.cli import complete
from multinet.cli import output as outputs
from multinet.cli.output import Cell, Format, Style, Table
from multinet.cli.sources import CONFIG

if TYPE_CHECKING:
    from multinet.cli.node.pools import PoolView, Taken
    from multinet.config import Settings
    from multinet.delegate.pools import Pool

LEAKED: Final = 1
"""The exit status where an address is leaked."""
SHORT_ID: Final = 12
"""Of a container's id, about as much as `crictl ps` shows."""
MANY: Final = 10**7
"""A range with more addresses is told by its order of magnitude."""


@click.command(
    epilog=outputs.examples(
        "multinet ipam                        pools, and addresses that need a look",
        "multinet ipam --all storage          every address of one network",
        "multinet ipam --free                 give leaked addresses back, after a question",
        "multinet ipam -o json | jq '.[].addresses[] | select(.use == \"leaked\")'",
    )
)
@click.argument("networks", nargs=-1, metavar="[NETWORK]...", shell_complete=complete.networks)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=CONFIG,
    show_default=True,
    help="The settings of the agent on this node.",
)
@click.option("-a", "--all", "everything", is_flag=True, help="List every address that is taken.")
@click.option("--free", is_flag=True, help="Give leaked addresses back.")
@click.option("-y", "--yes", is_flag=True, help="Do it without a question.")
@outputs.option
def ipam(
    networks: tuple[str, ...], config: Path, everything: bool, free: bool, yes: bool, output: Format
) -> None:
    """Show the addresses that this node has given: pools, used, free, by whom.

    NETWORK is the name of a CNI configuration. What is on the node's disk is looked at (host-local).

    An address is leaked where no record of the agent, of Multus or of the container runtime tells of its container,
    it was given more than ten minutes ago, and no interface in any network namespace of the node has it. The exit
    status is 1 while there is one. Where any of that can't be seen, it is unknown, and --free leaves it alone.
    """
    views, settings = _look(config, networks)
    if free:
        _free_all(views, settings, yes=yes, quiet=output is not Format.TABLE)
        views, _ = _look(config, networks)
    from multinet.cli.node.pools import Use, to_json

    outputs.emit(output, [to_json(view) for view in views], lambda: _page(views, everything))
    if any(view.of(Use.LEAKED) for view in views):
        raise SystemExit(LEAKED)


def _look(config: Path, networks: Sequence[str]) -> tuple[list[PoolView], Settings]:
    from multinet.cli.node import pools
    from multinet.config import Settings
    from multinet.errors import InvalidConfig, nearest
    from multinet.view.journal import Journal

    settings = Settings.load(config)
    views = pools.look(settings, Journal.read(settings.state_dir))
    known = [view.pool.network for view in views]
    for network in networks:
        if network not in known:
            close = nearest(network, known)
            raise InvalidConfig(
                f"this node has given no address of a network {network}",
                hint=f"did you mean {close}?" if close else f"there are {', '.join(known) or 'none'}",
            )
    return [view for view in views if not networks or view.pool.network in networks], settings


def _free_all(views: Sequence[PoolView], settings: Settings, *, yes: bool, quiet: bool) -> None:
    from multinet.cli.node import pools

    leaked = [(view.pool, one) for view in views for one in view.of(pools.Use.LEAKED)]
    if not leaked:
        if not quiet:
            click.echo("no address is leaked", err=True)
        return
    if not yes:
        for line in _leaked_table(leaked).lines(coloured=outputs.colours(sys.stderr)):
            click.echo(line, err=True)
        question = f"give {'this address' if len(leaked) == 1 else f'these {len(leaked)} addresses'} back?"
        click.confirm(question, abort=True, err=True)
    for pool, one in leaked:
        why_not = pools.free(settings, pool, one)
        said = f"kept {one.held.address}: {why_not}" if why_not else f"freed {one.held.address}"
        click.echo(f"{said} of {pool.network}", err=True)


def _leaked_table(leaked: Sequence[tuple[Pool, Taken]]) -> Table:
    table = Table("ADDRESS", "NETWORK", "CONTAINER", "INTERFACE")
    for pool, one in leaked:
        table.row(one.held.address, pool.network, one.held.container_id, one.held.ifname)
    return table


def _page(views: Sequence[PoolView], everything: bool) -> list[Table | str]:
    from multinet.cli.node.pools import Use

    if not views:
        return ["this node has given no addresses"]
    pools = Table("NETWORK", "RANGE", "SIZE", "USED", "FREE", "FOLDER")
    for view in views:
        name = view.pool.network
        for one in view.pool.stretches:
            style = Style.PLAIN if one.free else Style.BAD
            pools.row(name, one, _many(one.size), one.used, Cell(_many(one.free), style), view.pool.place)
            name = ""
        if not view.pool.stretches:
            pools.row(name, Cell("not known", Style.FAINT), "", len(view.taken), "", view.pool.place)
    page: list[Table | str] = [pools]
    styles = {Use.LEAKED: Style.BAD, Use.UNKNOWN: Style.WARNING, Use.ENDED: Style.WARNING}
    table = Table("ADDRESS", "NETWORK", "STATE", "POD", "CONTAINER", "INTERFACE", "")
    told = [(view, taken) for view in views for taken in view.taken if everything or taken.use in styles]
    for view, taken in told:
        table.row(
            taken.held.address,
            view.pool.network,
            Cell(taken.use.value, styles.get(taken.use, Style.PLAIN)),
            taken.pod,
            taken.held.container_id[:SHORT_ID],
            taken.held.ifname,
            taken.why,
        )
    if told:
        page += ["", table]
    if any(view.of(Use.LEAKED) for view in views):
        page += ["", "`multinet ipam --free` gives leaked addresses back"]
    return page


def _many(number: int) -> str:
    return str(number) if number < MANY else f"{number:.1e}"
