"""``multinet ls``: the networks and the pods that have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from multinet.cli import output as outputs
from multinet.cli import sources
from multinet.cli.node.settings import node_name, of_node
from multinet.cli.output import Cell, Format, Style, Table
from multinet.cli.sources import Choice

if TYPE_CHECKING:
    from multinet.view.attached import Attached, Network


@click.command(
    "ls",
    epilog=outputs.examples(
        "multinet ls                          pods, their interfaces and addresses",
        "multinet ls networks                 definitions, and who has them",
        "multinet ls --kubeconfig ~/.kube/config -n shop --on node-1",
        "multinet ls --folder crds/examples/demo networks -o json",
    ),
)
@click.argument("what", type=click.Choice(["pods", "networks"]), default="pods")
@sources.options_of_lists
@click.option("--on", "node", default="", metavar="NODE", help="Only the pods of this node.")
@click.option("-a", "--all", "everyone", is_flag=True, help="Also pods that ask for no network of their own.")
@outputs.option
def ls(what: str, source: Choice, node: str, everyone: bool, output: Format) -> None:
    """List pods with their networks, or networks with their pods.

    Of a cluster, it is what the pods' network-status tells. On a node, where the agent's settings are
    (/etc/multinet/config.yaml, --config) and no cluster and no other node is named, it is what the agent has on
    record of the sandboxes, whether the API server can be asked or not.
    """
    from multinet.cli import attached
    from multinet.view.attached import networks_of_journal, of_journal

    settings = None if node else of_node(source)
    if settings is not None:
        from multinet.view.journal import Journal

        journal = Journal.read(settings.state_dir)
        pods = of_journal(journal, node_name(settings))
        pods = [pod for pod in pods if source.listed in ("", pod.namespace)]
        if what == "networks":
            return show_networks(networks_of_journal(journal, pods), output)
        return show_pods(pods, output)
    with source.open() as cluster:
        namespace = source.listed
        pods = attached.of_cluster(cluster, namespace=namespace, node=node, everyone=everyone)
        if what == "networks":
            return show_networks(attached.networks(cluster.definitions(namespace), pods), output)
    return show_pods(pods, output)


def show_pods(pods: list[Attached], output: Format) -> None:
    from multinet.view.attached import to_json

    def tables() -> list[Table | str]:
        if not pods:
            return ["no pods with networks of their own"]
        return [pods_table(pods)]

    outputs.emit(output, [to_json(pod) for pod in pods], tables)


def pods_table(pods: list[Attached]) -> Table:
    """A row an interface."""
    table = Table("POD", "NODE", "STATE", "INTERFACE", "NETWORK", "ADDRESSES", "MAC")
    for pod in pods:
        style = Style.PLAIN if pod.state in ("attached", "plain") else Style.WARNING
        who = (str(pod), pod.node, Cell(pod.state, style))
        for entry in pod.interfaces:
            network = entry.name + (" (default)" if entry.default else "")
            table.row(*who, entry.interface, network, "\n".join(map(str, entry.ips)), entry.mac)
            who = ("", "", Cell(""))
        if not pod.interfaces:
            table.row(*who)
    return table


def show_networks(networks: list[Network], output: Format) -> None:
    from multinet.view.attached import network_to_json

    def tables() -> list[Table | str]:
        if not networks:
            return ["no networks"]
        table = Table("NETWORK", "PLUGINS", "IPAM", "PODS", "INTERFACES", "RESOURCE", "")
        for one in networks:
            problem = Cell(one.problem.partition("\n")[0], Style.WARNING)
            table.row(
                one.name, ", ".join(one.plugins), one.ipam, one.pods, one.interfaces, one.resource, problem
            )
        return [table]

    outputs.emit(output, [network_to_json(one) for one in networks], tables)
