"""CHECK: is everything that was recorded still there, as the plugins see it?"""

from __future__ import annotations

from multinet import log
from multinet.cni.request import Request
from multinet.errors import CheckFailed
from multinet.pipeline import at, chain
from multinet.plan import Phase
from multinet.verbs.node import Node


def check(request: Request, node: Node) -> None:
    """Raises CheckFailed for the first thing that is not as it was made."""
    if node.settings.disable_check:
        return
    with log.entering("lock", node.records.lock(request.container_id)), node.open_scene(request) as scene:
        record = node.records.find(request.container_id, request.ifname)
        if record is not None and record.foreign:
            log.bind(
                foreign=True
            )  # what its maker changed after the plugins is not on record: nothing to compare
            return
        if record is None or record.phase is not Phase.DONE:
            raise CheckFailed(
                f"nothing is recorded for {request.ifname} of container {request.container_id}",
                hint="its ADD did not end well, or another plugin made its networks",
            )
        log.bind(networks=[attachment.network for attachment in record.plan.attachments])
        with log.phase("delegates"):
            for attachment in record.plan.attachments:
                one = chain.read(attachment, node.find_delegate)
                one.check(at(scene, attachment), record.results.get(attachment.ifname))
