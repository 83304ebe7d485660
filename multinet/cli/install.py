"""``multinet install``: put onto the node what the container runtime executes."""

from __future__ import annotations

from pathlib import Path

import click

from multinet.cli.output import examples

BIN_DIR = Path("/opt/cni/bin")
bin_dir_option = click.option(
    "--bin-dir",
    type=click.Path(path_type=Path),
    default=BIN_DIR,
    show_default=True,
    help="The folder in which the container runtime looks for CNI programs.",
)


@click.command(
    epilog=examples(
        "multinet install                                 into /opt/cni/bin",
        "multinet install --bin-dir /usr/libexec/cni      where CRI-O looks",
        "multinet install --link multus --replace         also in the place of Multus's program",
    )
)
@bin_dir_option
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The agent's settings: they say where its state is, in which an uninstall may have been begun.",
)
@click.option(
    "--link",
    "links",
    multiple=True,
    metavar="NAME",
    help="Another name that the runtime may call: multus, multus-shim, or a delegate's (bridge). May be repeated.",
)
@click.option(
    "--replace",
    is_flag=True,
    help="Put programs aside that have these names; the uninstall brings them back.",
)
@click.option(
    "--shim", type=click.Path(path_type=Path), help="The program, if not the one that came with multinet."
)
def install(
    bin_dir: Path, config: Path | None, links: tuple[str, ...], replace: bool, shim: Path | None
) -> None:
    """Install the program that the container runtime executes, and its links.

    What is there already is left alone, and what differs is replaced in one step: calls that run go on undisturbed.
    The agent then writes the runtime's configuration, once it can serve.
    """
    from multinet import shim as shims
    from multinet.cli.node_files import Programs
    from multinet.config import Settings
    from multinet.daemon import leaving

    programs = Programs(bin_dir)
    settings = Settings.load(config) if config else None
    programs.check_names(links)
    done = [programs.put(shim or shims.binary())]
    done += [programs.link(name, replace=replace) for name in links]
    if settings is not None:
        leaving.end(settings.state_dir)
    for line in done:
        click.echo(line)
