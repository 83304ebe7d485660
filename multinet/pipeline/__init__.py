"""Plan -> one Outcome an attachment, in order, or nothing at all.

``run`` reads every configuration before it makes anything; what is made is on the undo stack at once. Whoever
calls it walks that stack when anything fails, here or later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from multinet.cni.types import Result
from multinet.deadline import Deadline
from multinet.delegate.invoke import Scene
from multinet.delegate.undo import Undo
from multinet.errors import Exists
from multinet.kernel import links
from multinet.pipeline import gateway, honoured
from multinet.pipeline.chain import Chain
from multinet.plan import Attachment


def at(scene: Scene, attachment: Attachment) -> Scene:
    """The scene with the interface name of one attachment."""
    return scene if scene.ifname == attachment.ifname else replace(scene, ifname=attachment.ifname)


def refuse_taken_names(scene: Scene, attachments: Sequence[Attachment]) -> None:
    """Raise Exists when the container has an interface of a name we are to make. Asked before any change."""
    assert scene.sandbox is not None
    there = {link.name for link in links.dump(scene.sandbox.rtnl)} - {"lo"}
    for attachment in attachments:
        if attachment.ifname in there:
            raise Exists(
                f"{attachment.network}: the container has an interface {attachment.ifname!r} already",
                hint="somebody else made it: give this network another name, or remove that interface",
            )


def run(chains: Sequence[Chain], scene: Scene, undo: Undo, deadline: Deadline | None = None) -> list[Result]:
    """Add every attachment in order, then settle who carries the default route. One result an attachment.

    Raises TryAgain between two of them when the ``deadline`` is over.
    """
    results = []
    for chain in chains:
        if deadline is not None:
            deadline.check(f"adding {chain.attachment.network}")
        result = chain.add(at(scene, chain.attachment), undo)
        honoured.verify(chain.attachment, result)
        results.append(result)
    return gateway.settle(scene, [chain.attachment for chain in chains], results)
