"""The node that is looked at: its settings, its journal, and how one types a command about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from multinet.cli.node.pools import primary
from multinet.cli.node.settings import node_name
from multinet.config import Settings
from multinet.view.journal import Journal

NAMESPACE = "kube-system"
DAEMON_SET = "multinet"
"""As deploy/manifests has them."""
POD_LABEL = "app.kubernetes.io/name=multinet"


@dataclass(frozen=True, kw_only=True, slots=True)
class Patient:
    config: Path
    settings: Settings
    journal: Journal

    @property
    def name(self) -> str:
        return node_name(self.settings)

    @property
    def restart(self) -> str:
        """The command that has the agent started anew: in a pod, unless the settings name another way to the API."""
        if self.settings.agent.kubeconfig or self.settings.folder:
            return f"python -m multinet.daemon --config {self.config}"
        return f"kubectl -n {NAMESPACE} delete pod -l {POD_LABEL} --field-selector spec.nodeName={self.name}"

    @property
    def types_in_use(self) -> frozenset[str]:
        """The CNI types that pods of this node have, and the cluster's own network."""
        found = {
            str(plugin.get("type", ""))
            for record in self.journal.records
            for attachment in record.plan.attachments
            for plugin in attachment.conflist.plugins
        }
        if (own := primary(self.settings)) is not None:
            found |= {str(plugin.get("type", "")) for plugin in own.plugins}
        return frozenset(found)
