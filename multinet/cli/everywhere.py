"""``multinet uninstall-everywhere``: ``multinet uninstall`` on every node, before the agents are deleted."""

from __future__ import annotations

import click

from multinet.cli import complete, sources
from multinet.cli.output import examples
from multinet.cli.sources import Choice
from multinet.cli.uninstall import patience

NAMESPACE = "kube-system"
DAEMON_SET = "multinet"


@click.command(
    "uninstall-everywhere",
    epilog=examples(
        "multinet uninstall-everywhere --kubeconfig ~/.kube/config",
        "multinet uninstall-everywhere --wait 600           pods may take ten minutes to end",
        "multinet uninstall-everywhere --wait 0 --force     whatever pods there are",
    ),
)
@click.option(
    "-n",
    "--namespace",
    default=NAMESPACE,
    show_default=True,
    shell_complete=complete.namespaces,
    help="Where the agents are.",
)
@click.option("--daemonset", default=DAEMON_SET, show_default=True, help="The agents' DaemonSet.")
@sources.options_of_api
@patience(
    "Seconds to wait on each node for pods that multinet gave networks to end; all nodes at the same time."
)
def uninstall_everywhere(namespace: str, daemonset: str, source: Choice, wait: float, force: bool) -> None:
    """Take multinet off every node: a pod on each runs `multinet uninstall` with what the agent has mounted.

    Delete the DaemonSet afterwards, and not before: the agents answer for pods that are left, and without them it
    is not known which nodes there are.

    Without a kubeconfig it is the service account of the pod that this runs in. The exit status is 1 where it did
    not go well on every node.
    """
    from multinet.cli.node_pods import Errand, run_everywhere

    more = [f"--wait={wait:g}", *(["--force"] if force else [])]
    errand = Errand(namespace=namespace, daemon_set=daemonset, options=tuple(more), seconds=wait)
    with source.api() as api:
        run_everywhere(api, errand, click.echo)
