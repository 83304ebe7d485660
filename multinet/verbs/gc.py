"""GC: whatever belongs to no attachment that the runtime still knows (CNI 1.1, "GC").

First our own records: each sandbox that is not in the runtime's list gets its DEL. Then every network we know
of is told which attachments are left, so that IPAM and others can free what leaked past the records.

CNI wants a runtime to send no ADD while its GC runs. A list that is a moment old does not name the pod that was
started since, and taking away a running pod's network is the worst that we could do. So a sandbox that a request
works on, and one whose ADD had not ended when the GC came in, count as valid; and while networks are told who is
left, no further sandbox begins: a matter of milliseconds, and where a network has programs of the host, of some
seconds at most. What is spared is left to its DEL, or to the next GC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Final

from multinet import log
from multinet.cni.request import Request
from multinet.errors import Busy, MultinetError, attempt, raise_together
from multinet.pipeline import chain
from multinet.plan import Attachment, Phase, Record
from multinet.verbs.delete import scene_of, take_back
from multinet.verbs.node import Node
from multinet.verbs.planning import plan_for

PROGRAMS_SECONDS: Final = 10.0
"""How long the programs of one network may take to hear who is left. No ADD goes on meanwhile."""


def gc(request: Request, node: Node) -> None:
    """Goes on to the end, then raises the first failure with the others as notes."""
    valid = request.conf.valid_attachments
    if valid is None:
        return  # nobody said what is valid: then nothing is known to be stale
    failures: list[MultinetError] = []
    records = list(node.records.all())
    valid -= {key(record) for record in records if older_boot(record, node)}
    stuck = set()
    for record in records:
        if not is_valid(record, valid) and not attempt(
            failures, partial(remove_stale, record, request, node)
        ):
            stuck.add(key(record))
    attempt(failures, partial(tell_all, records, stuck, valid, request, node))
    raise_together(failures)


def key(record: Record) -> tuple[str, str]:
    return record.plan.container_id, record.plan.ifname


def older_boot(record: Record, node: Node) -> bool:
    """Was the node started anew since? Then the sandbox is no more, whatever the runtime still lists."""
    return of_other_boot(record, node.boot_id)


def of_other_boot(record: Record, boot_id: str) -> bool:
    """False where nobody noted on which boot it was."""
    return record.boot_id not in ("", boot_id)


def is_valid(record: Record, valid: frozenset[tuple[str, str]]) -> bool:
    """Does the runtime know it? What others remember does not always tell the interface."""
    if record.foreign:
        return any(container == record.plan.container_id for container, _ in valid)
    return key(record) in valid


def tell_all(
    records: Sequence[Record],
    stuck: Set[tuple[str, str]],
    valid: frozenset[tuple[str, str]],
    request: Request,
    node: Node,
) -> None:
    """Tell every network we know of which of its attachments are left.

    Those of ``stuck`` are not: what could not be cleared is stale all the same.
    """
    with log.phase("plan"):
        default = plan_for(request, node).attachments[0]
    failures: list[MultinetError] = []
    ours: list[Attachment] = []
    theirs: list[Attachment] = []
    for network in networks_of(records, default):
        (theirs if runs_programs(network, node) else ours).append(network)
    for together in filter(None, (ours, *([one] for one in theirs))):
        with log.entering("lock", node.records.closed(node.deadline.remaining)):
            kept = [record for record in node.records.all() if key(record) not in stuck]
            attempt(failures, partial(tell_each, together, default, kept, valid, request, node))
    raise_together(failures)


def runs_programs(network: Attachment, node: Node) -> bool:
    """Each such network is told by itself, so that ADDs go on in between."""
    try:
        return chain.read(network, node.find_delegate, lenient=True).runs_programs
    except MultinetError:
        return False  # it will not be told


def tell_each(
    networks: Sequence[Attachment],
    default: Attachment,
    kept: Sequence[Record],
    valid: frozenset[tuple[str, str]],
    request: Request,
    node: Node,
) -> None:
    failures: list[MultinetError] = []
    known = {record.plan.container_id for record in kept if knows_all(record)}
    strangers = {container for container, _ in valid} - known
    for network in networks:
        if strangers and network.conflist.name != default.conflist.name:
            # Pods still run of which nobody remembers everything: what they hold of this network must not be
            # taken for stale.
            log.bind(spared=True)
            continue
        ours = {
            (record.plan.container_id, attachment.ifname)
            for record in kept
            for attachment in record.plan.attachments
            if attachment.conflist.name == network.conflist.name
        }
        everyone = ours | valid if network.conflist.name == default.conflist.name else ours
        attempt(failures, partial(tell, network, everyone, request, node))
    raise_together(failures)


def knows_all(record: Record) -> bool:
    """Are all networks of the sandbox in it?"""
    return not (record.foreign and record.phase is Phase.INTENDED)


def remove_stale(stale: Record, request: Request, node: Node) -> None:
    """The DEL that never came; nothing when it has come meanwhile, or when it is not yet known to be stale."""
    container_id, ifname = key(stale)
    with ExitStack() as stack:
        try:
            stack.enter_context(node.records.lock(container_id, wait=False))
        except Busy:
            return
        record = node.records.find(container_id, ifname)
        if record is not None and node.records.written(container_id, ifname) < node.asked:
            scene = stack.enter_context(scene_of(record, request, node))
            take_back(record, scene, node)


def networks_of(records: Iterable[Record], default: Attachment) -> list[Attachment]:
    """One attachment for each network, by the name that IPAM keys its state with."""
    found = {default.conflist.name: default}
    for record in records:
        for attachment in record.plan.attachments:
            found.setdefault(attachment.conflist.name, attachment)
    return list(found.values())


def tell(network: Attachment, valid: set[tuple[str, str]], request: Request, node: Node) -> None:
    """Forward GC to the plugins of one network."""
    one = chain.read(network, node.find_delegate, lenient=True)
    with node.open_scene(request) as scene, log.phase("delegates"), node.deadline.within(PROGRAMS_SECONDS):
        one.gc(replace(scene, valid=frozenset(valid)))
