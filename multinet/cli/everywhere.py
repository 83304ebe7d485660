"""``multinet uninstall-everywhere``: ``multinet uninstall`` on every node, before the agents are deleted."""

from __future__ import annotations

from pathlib import Path

import click

from multinet.cli.uninstall import patience

NAMESPACE = "kube-system"
DAEMON_SET = "multinet"


@click.command("uninstall-everywhere")
@click.option("--namespace", default=NAMESPACE, show_default=True, help="Where the agents are.")
@click.option("--daemonset", default=DAEMON_SET, show_default=True, help="The agents' DaemonSet.")
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path),
    help="A way to the API server. Without it: the service account of the pod that this runs in.",
)
@patience(
    "Seconds to wait on each node for pods that multinet gave networks to end; all nodes at the same time."
)
def uninstall_everywhere(
    namespace: str, daemonset: str, kubeconfig: Path | None, wait: float, force: bool
) -> None:
    """Take multinet off every node: a pod on each runs `multinet uninstall` with what the agent has mounted.

    Delete the DaemonSet afterwards, and not before: the agents answer for pods that are left, and without them it
    is not known which nodes there are.
    """
    from contextlib import closing

    from multinet.cli.node_pods import Errand, run_everywhere
    from multinet.kube.access import Access
    from multinet.kube.client import Api

    access = Access.of_kubeconfig(kubeconfig) if kubeconfig else Access.in_cluster()
    more = [f"--wait={wait:g}", *(["--force"] if force else [])]
    errand = Errand(namespace=namespace, daemon_set=daemonset, options=tuple(more), seconds=wait)
    with closing(Api(access)) as api:
        run_everywhere(api, errand, click.echo)
