"""CHECK: is everything that was recorded still there, as the plugins see it?"""

from __future__ import annotations

from multinet import log
from multinet.cni.request import Request
from multinet.errors import CheckFailed
from multinet.pipeline import at, chain
from multinet.plan import Phase
from multinet.verbs import compare
from multinet.verbs.node import Node


def check(request: Request, node: Node) -> None:
    """Raises CheckFailed for the first thing that is not as it was made."""
    if node.settings.disable_check:
        return
    lock = node.records.lock(request.container_id, remaining=node.deadline.remaining)
    with log.entering("lock", lock), node.open_scene(request) as scene:
        record = node.records.find(request.container_id, request.ifname)
        if record is not None and record.foreign:
            # What its maker changed after the plugins is not on record, so there is nothing to compare with.
            log.bind(foreign=True)
            return
        if record is None or record.phase is not Phase.DONE:
            raise CheckFailed(
                f"nothing is recorded for {request.ifname} of container {request.container_id}",
                hint="its ADD did not end well, or another plugin made its networks",
            )
        log.bind(networks=[attachment.network for attachment in record.plan.attachments])
        with log.phase("delegates"):
            chains = chain.read_all(record.plan.attachments, node.find_delegate)
            compare.links(chains, record, scene)
            for one in chains:
                one.check(at(scene, one.attachment), record.results.get(one.attachment.ifname))
            compare.default_routes(chains, record, scene)
