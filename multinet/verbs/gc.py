"""GC: whatever belongs to no attachment that the runtime still knows (CNI 1.1, "GC").

First our own records: each sandbox that is not in the runtime's list gets its DEL. Then every network we know
of is told which attachments are left, so that IPAM and others can free what leaked past the records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from multinet import log
from multinet.cni.request import Request, Verb
from multinet.delegate.invoke import Scene
from multinet.errors import MultinetError, raise_together
from multinet.kernel import links
from multinet.pipeline import chain
from multinet.plan import Attachment, Record
from multinet.verbs.delete import take_back
from multinet.verbs.node import Node
from multinet.verbs.planning import plan_for

VALID = "cni.dev/valid-attachments"
MISNAMED = "cni.dev/attachments"
"""An early misnaming that libcni still sends beside the right one."""


def gc(request: Request, node: Node) -> None:
    """Goes on to the end, then raises the first failure with the others as notes."""
    valid = request.conf.valid_attachments
    if valid is None:
        return  # nobody said what is valid: then nothing is known to be stale
    failures: list[MultinetError] = []
    records = list(node.records.all())
    kept = [record for record in records if (record.plan.container_id, record.plan.ifname) in valid]
    for record in records:
        if record not in kept:
            _attempt(failures, partial(remove_stale, record, request, node))
    strangers = {container for container, _ in valid} - {record.plan.container_id for record in kept}
    default = plan_for(request, node).attachments[0]
    for network in networks_of(records, default):
        if strangers and network.conflist.name != default.conflist.name:
            # Pods that another meta plugin attached before us still run: what they hold of this network is
            # not in our records and must not be taken for stale.
            log.bind(spared=True)
            continue
        ours = {
            (record.plan.container_id, attachment.ifname)
            for record in kept
            for attachment in record.plan.attachments
            if attachment.conflist.name == network.conflist.name
        }
        everyone = ours | set(valid) if network.conflist.name == default.conflist.name else ours
        _attempt(failures, partial(tell, network, everyone, request, node))
    raise_together(failures)


def remove_stale(record: Record, request: Request, node: Node) -> None:
    """The DEL that never came. What is at the namespace's path by now may be another container's: it is only
    touched when it holds something of this record.
    """
    plan = record.plan
    its_del = replace(
        request, verb=Verb.DEL, container_id=plan.container_id, ifname=plan.ifname, netns=plan.netns
    )
    with node.records.lock(plan.container_id), node.open_scene(its_del) as scene:
        take_back(record, scene if is_its_own(record, scene) else replace(scene, sandbox=None), node)


def is_its_own(record: Record, scene: Scene) -> bool:
    """Is there a link that we made for it, or one that another plugin made, by name and MAC?"""
    if scene.sandbox is None:
        return False
    made = {
        (interface.name, interface.mac.lower())
        for result in record.results.values()
        for interface in result.interfaces
        if interface.sandbox and interface.name != "lo"
    }
    return any(
        link.group == scene.group or (link.name, link.mac) in made for link in links.dump(scene.sandbox.rtnl)
    )


def networks_of(records: Iterable[Record], default: Attachment) -> list[Attachment]:
    """One attachment for each network, by the name that IPAM keys its state with."""
    found = {default.conflist.name: default}
    for record in records:
        for attachment in record.plan.attachments:
            found.setdefault(attachment.conflist.name, attachment)
    return list(found.values())


def tell(network: Attachment, valid: set[tuple[str, str]], request: Request, node: Node) -> None:
    """Forward GC to the plugins of one network."""
    attachments = [{"containerID": container, "ifname": ifname} for container, ifname in sorted(valid)]
    told = {VALID: attachments, MISNAMED: attachments}
    one = chain.read(network, node.find_delegate, lenient=True, extra=told)
    with node.open_scene(request) as scene:
        one.gc(replace(scene, valid=frozenset(valid)))


def _attempt(failures: list[MultinetError], do: Callable[[], None]) -> None:
    try:
        do()
    except MultinetError as error:
        failures.append(error)
