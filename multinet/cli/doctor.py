"""``multinet doctor``: what is wrong, and the command that mends it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import click

from multinet.cli import output as outputs
from multinet.cli import sources
from multinet.cli.output import Cell, Format, Style, Table
from multinet.cli.sources import CONFIG, Choice

if TYPE_CHECKING:
    from multinet.cli.checks.finding import Finding

STYLES: Final[Mapping[str, Style]] = {
    "ok": Style.GOOD,
    "warning": Style.WARNING,
    "wrong": Style.BAD,
    "unknown": Style.FAINT,
}


@click.command(
    epilog=outputs.examples(
        "multinet doctor                                  this node",
        "multinet doctor --kubeconfig ~/.kube/config      a whole cluster",
        "kubectl -n kube-system exec ds/multinet -- multinet doctor",
        "multinet doctor -o json | jq '.[] | select(.state == \"wrong\")'",
    )
)
@sources.options_without_namespace
@outputs.option
def doctor(source: Choice, output: Format) -> None:
    """Look at everything that pods need to get their networks; change nothing.

    On a node (where the agent's settings are, and no cluster is named): the agent and its socket, releases, the
    runtime's configuration, the cluster's own network, rights, folders, what the kernel can make (tried in a network
    namespace of its own), the clock, the API server and the account's rights there, and leftovers.

    Of a cluster: agents on every node, the kind, rights, taints, and pods that run without their networks.

    The exit status is 1 where anything is wrong, else 0; warnings are for whoever reads.
    """
    found = list(_findings(source))
    document = [
        {"check": one.check, "state": one.state.value, "message": one.says, "command": one.mend}
        for one in found
    ]
    outputs.emit(output, document, lambda: _page(found))
    if any(one.state.value == "wrong" for one in found):
        raise SystemExit(1)


def _findings(source: Choice) -> Iterator[Finding]:
    from multinet.cli.checks.finding import run
    from multinet.cli.node.settings import of_node

    if (settings := of_node(source)) is None:
        from multinet.cli.checks import cluster

        with source.api() as api:
            yield from run("cluster", lambda: cluster.look(api))
        return
    from multinet.cli.checks import agent, configuration, firewall, kernel, leftovers, rights
    from multinet.cli.checks import api as at_the_api
    from multinet.cli.checks.patient import Patient
    from multinet.view.journal import Journal

    patient = Patient(
        config=source.config or CONFIG, settings=settings, journal=Journal.read(settings.state_dir)
    )
    for name, look in (
        ("agent", agent.look),
        ("chain", configuration.look),
        ("rights", rights.look),
        ("kernel", kernel.look),
        ("firewall", firewall.look),
        ("API", at_the_api.look),
        ("leftovers", leftovers.look),
    ):
        yield from run(name, partial(look, patient))


def _page(found: Sequence[Finding]) -> list[Table | str]:
    """Every finding a line, and below it what mends it."""
    table = Table()
    for one in found:
        state = one.state.value
        told = f"{one.says}\n  {one.mend}" if one.mend and state != "ok" else one.says
        table.row(Cell(state, STYLES[state]), one.check, told)
    wrong = sum(one.state.value == "wrong" for one in found)
    warnings = sum(one.state.value == "warning" for one in found)
    summary = f"{wrong} wrong, {warnings} to look at" if wrong or warnings else "all is well"
    return [table, "", summary]
