"""DEL of a container of which nobody remembers anything: no record, nothing of Multus's, nothing of the runtime's.

Mostly it never had an ADD that began, or its DEL has been here before. But the runtime may have called the
cluster network itself before this node had a meta plugin, and lost what it remembered. So the cluster network
gets the DEL that the runtime would have sent it then; plugins take what is not there for success.

Whether something can be left where the cluster network can't be asked (its configuration or its executable is
not there), the container's namespace tells. With a link in use in it, somebody set the container up, and the
runtime has to come again, as it has to on a node without any network. Without one there is nothing to wait
for: a pod must be able to end. An address that is held all the same goes with GC.
"""

from __future__ import annotations

from multinet import log
from multinet.cni.request import Request
from multinet.cni.types import Result
from multinet.delegate.invoke import Scene
from multinet.errors import MultinetError, TryAgain
from multinet.kernel import links
from multinet.pipeline import chain, reverse
from multinet.verbs.node import Node
from multinet.verbs.planning import plan_for


def delete(request: Request, scene: Scene, node: Node) -> None:
    """Raises what the cluster network's plugins answer, and TryAgain when it can't be asked but is needed."""
    try:
        network = plan_for(request, node, ask_the_pod=False).attachments[0]
        one = chain.read(network, node.find_delegate, lenient=True)
    except MultinetError as error:
        if somebody_set_up(scene):
            raise TryAgain(
                f"container {request.container_id} has links that are not on record, and the cluster network "
                f"that may have made them can't be asked: {error.sentence}",
                hint=error.hint,
            ) from error
        log.warn("cluster network not asked", error=str(error), container=request.container_id)
        return
    previous = prev_result(request)
    reverse.delete([one], {network.ifname: previous} if previous is not None else {}, scene)


def somebody_set_up(scene: Scene) -> bool:
    """Is there a link in use besides ``lo``? Some kernels put unused ones (tunl0, sit0) into every namespace."""
    if scene.sandbox is None:
        return False
    return any(link.up and link.name != "lo" for link in links.dump(scene.sandbox.rtnl))


def prev_result(request: Request) -> Result | None:
    """What the runtime remembers of the ADD; nothing if that can't be read."""
    try:
        return request.conf.prev_result
    except MultinetError as error:
        log.warn("prevResult can't be read", error=str(error), container=request.container_id)
        return None
