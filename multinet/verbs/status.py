"""STATUS: could an ADD be served now? (CNI 1.1, "STATUS"; codes 50 and 51.)"""

from __future__ import annotations

from multinet import log
from multinet.cni.request import Request
from multinet.errors import MultinetError, NotAvailable
from multinet.pipeline import chain
from multinet.verbs.node import Node
from multinet.verbs.planning import plan_for


def status(request: Request, node: Node) -> None:
    """Raises NotAvailable, or what the cluster network's own plugins answer."""
    ready = node.settings.readiness_indicator_file
    if ready is not None and not ready.exists():
        raise NotAvailable(
            f"the cluster network is not ready: {ready} is not there",
            hint="its own agent on this node makes that file",
        )
    if why := node.not_ready():
        raise NotAvailable(why, hint="look at the log of the multinet agent on this node")
    try:
        node.records.writable()
        with log.phase("plan"):
            default = plan_for(request, node).attachments[0]
        one = chain.read(default, node.find_delegate, lenient=True)
    except NotAvailable:
        raise
    except MultinetError as error:
        raise NotAvailable(error.sentence, hint=error.hint, details=error.details) from error
    with node.open_scene(request) as scene, log.phase("delegates"):
        one.status(scene)
