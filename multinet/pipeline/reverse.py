"""DEL, from what was recorded: newest first, to the end, whatever becomes of each step.

All virtual links that a request made in the container carry one link group, and go with one message: each
deletion on its own waits for the kernel's RCU grace period, one for all of them waits once. So a pod is taken
down in three passes: what stands on the interfaces (chained plugins, executables, real devices), the links,
and what the delegates that made the links hold besides (addresses, rules). Addresses are released only when
nothing uses them any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from multinet import log
from multinet.cni.types import Result
from multinet.delegate.invoke import Plugin, Scene
from multinet.errors import KernelError, MultinetError, NotFound, attempt, raise_together
from multinet.kernel import links
from multinet.pipeline import at
from multinet.pipeline.chain import Chain


def delete(chains: Sequence[Chain], recorded: Mapping[str, Result], scene: Scene) -> None:
    """Take everything back. ``recorded``: ifname -> result, as far as known. Raises the first failure with
    the others as notes, after all has been tried. Without any chain, the links alone go.
    """
    failures: list[MultinetError] = []
    later: list[tuple[Chain, list[Plugin]]] = []
    for chain in reversed(chains):
        above, below = split(chain)
        if _each(chain, above, recorded, scene, failures) and below:
            later.append((chain, below))
    if scene.sandbox is not None and (later or not chains):
        for chain, below in later:
            _say_farewell(chain, below, recorded, scene)
        delete_group(scene)
    for chain, below in later:
        _each(chain, below, recorded, scene, failures)
    raise_together(failures)


def split(chain: Chain) -> tuple[list[Plugin], list[Plugin]]:
    """The plugins in the order of DEL: those that must go while the link is there, and those that made it.

    The second part is the maker of the link if it is one of ours that makes grouped links, and whatever is
    before it in the list.
    """
    backwards = list(reversed(chain.plugins))
    for place, plugin in enumerate(backwards):
        if plugin.delegate.grouped:
            return backwards[:place], backwards[place:]
    return backwards, []


def _say_farewell(
    chain: Chain, plugins: Sequence[Plugin], recorded: Mapping[str, Result], scene: Scene
) -> None:
    """Some addresses are given back over the link that has them."""
    here = at(scene, chain.attachment)
    for plugin in plugins:
        plugin.farewell(here, chain.prev_result_for_del(recorded.get(chain.attachment.ifname)))


def delete_group(scene: Scene) -> None:
    """Never in the way: a refusal (somebody put a real device into the group, or ``lo``, as a pod with the
    right to can) only means that the links go one by one, each by its delegate.
    """
    assert scene.sandbox is not None
    try:
        scene.sandbox.rtnl.request(links.delete_group(scene.group))
    except NotFound:
        pass  # nothing of ours is left in it
    except KernelError as error:
        log.warn("links not deleted together", error=str(error), container=scene.container_id)


def _each(
    chain: Chain,
    plugins: Sequence[Plugin],
    recorded: Mapping[str, Result],
    scene: Scene,
    failures: list[MultinetError],
) -> bool:
    """The DELs of one chain; False at the first failure, which ends it as in libcni: an address is not given
    back while a port mapping may still lead to it. The runtime tries again.
    """
    prev_result = chain.prev_result_for_del(recorded.get(chain.attachment.ifname))
    here = at(scene, chain.attachment)
    for plugin in plugins:
        if not attempt(failures, partial(plugin.delete, here, prev_result), chain.attachment.network):
            return False
    return True
