"""Clearing up unasked: what belongs to no sandbox any more, at the agent's start and from time to time.

The runtime's DEL and GC are the rule; this is for what never gets one. A sandbox is taken for gone when the node
was started anew since its ADD, or when its namespace is gone for certain: at once if its ADD never ended, else
seen so in two rounds running. That its pod is gone from the API is not enough: its containers may still run.

A round takes so many sandboxes and no more, goes on behind them the next time, never waits for a request, and
leaves to it whatever it works on. What can't be cleared from here (executables need the runtime's call, or their
node's) stays on record, and is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock
from typing import Any

from multinet import log
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.request import Request, Verb
from multinet.errors import Busy, MultinetError
from multinet.kernel.absence import provably_gone
from multinet.plan import Phase, Record
from multinet.verbs.delete import take_back
from multinet.verbs.gc import key, of_other_boot
from multinet.verbs.node import Node

Key = tuple[str, str]

AT_WORK = "a request works on it"
JUST_SEEN = "its namespace is gone since this round; the next one clears it"


class Cause(StrEnum):
    """Why a sandbox is taken for gone."""

    OLDER_BOOT = "older boot"
    UNFINISHED = "ADD never ended"
    NAMESPACE = "namespace gone"


@dataclass(frozen=True, kw_only=True, slots=True)
class Leftover:
    """One sandbox that is gone, and why it is still there if it is."""

    container_id: str
    ifname: str
    pod: str
    cause: Cause
    why: str = ""

    def __str__(self) -> str:
        whose = f" of pod {self.pod}" if self.pod else ""
        what = f"{self.ifname} of container {self.container_id}{whose} ({self.cause})"
        return f"{what}: {self.why}" if self.why else what


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What a round did."""

    removed: tuple[Leftover, ...] = ()
    stuck: tuple[Leftover, ...] = ()
    waiting: int = 0
    """Leftovers beyond what one round takes."""
    files: int = 0
    """Files of ours without an owner that were removed."""
    links: int = 0
    """Links of the host that we made and that nobody used any more."""

    @property
    def cleared(self) -> int:
        return len(self.removed) + self.files + self.links

    @property
    def left(self) -> int:
        return len(self.stuck) + self.waiting

    def said(self) -> Mapping[str, Any]:
        """For the log: how many of what, and a sentence for each that is left."""
        causes = Counter(one.cause.value for one in self.removed)
        found: dict[str, Any] = {"cleared": dict(causes), "files": self.files}
        if self.links:
            found["links"] = self.links
        if self.stuck:
            found["left"] = [str(one) for one in self.stuck]
        if self.waiting:
            found["waiting"] = self.waiting
        return found


@dataclass(slots=True)
class Memory:
    """What one round tells the next."""

    turn: Lock = field(default_factory=Lock)
    """Held during a round."""
    suspects: frozenset[Key] = frozenset()
    """Whose namespace was gone in the last round."""
    last: Key = ("", "")
    """Whom the last round came to last."""


THIS_PROCESS = Memory()
"""One process looks after one node."""


def reconcile(node: Node, *, most: int, memory: Memory = THIS_PROCESS) -> Report:
    """One round: at most ``most`` sandboxes, and as many files. Does nothing while another round runs."""
    if not memory.turn.acquire(blocking=False):
        return Report()
    try:
        return _round(node, most, memory)
    finally:
        memory.turn.release()


def _round(node: Node, most: int, memory: Memory) -> Report:
    old_files = node.device_info.stale()  # before the records: who owns one now is among those
    records = list(node.records.all())
    found = [(record, cause) for record in records if (cause := why_gone(record, node)) is not None]
    suspects = frozenset(key(record) for record, cause in found if cause is Cause.NAMESPACE)
    due = [pair for pair in found if pair[1] is not Cause.NAMESPACE or key(pair[0]) in memory.suspects]
    stuck = [
        _leftover(record, Cause.NAMESPACE, JUST_SEEN)
        for record, cause in found
        if cause is Cause.NAMESPACE and key(record) not in memory.suspects
    ]
    removed = []
    turn = from_where_it_ended(due, memory.last)[:most]
    for record, cause in turn:
        memory.last = key(record)
        why = clear(record, node)
        if why is None:
            removed.append(_leftover(record, cause))
        else:
            stuck.append(_leftover(record, cause, why))
    memory.suspects = suspects
    return Report(
        removed=tuple(removed),
        stuck=tuple(stuck),
        waiting=len(due) - len(turn),
        files=clear_files(old_files, records, node, most),
        links=clear_links(records, node),
    )


def why_gone(record: Record, node: Node) -> Cause | None:
    return cause_of_end(record, node.boot_id)


def cause_of_end(record: Record, boot_id: str) -> Cause | None:
    """Why the sandbox is taken for gone on this boot; None while it may be there."""
    if of_other_boot(record, boot_id):
        return Cause.OLDER_BOOT
    if not provably_gone(record.plan.netns):
        return None
    return Cause.UNFINISHED if record.phase is Phase.INTENDED else Cause.NAMESPACE


def from_where_it_ended(due: Sequence[tuple[Record, Cause]], last: Key) -> list[tuple[Record, Cause]]:
    """Those behind the last round's last one first, so that what is stuck keeps nobody else waiting."""
    due = sorted(due, key=lambda pair: key(pair[0]))
    return [pair for pair in due if key(pair[0]) > last] + [pair for pair in due if key(pair[0]) <= last]


def clear(record: Record, node: Node) -> str | None:
    """Take one back, as a DEL without a namespace would. None when it is gone, else why it is not."""
    container_id, ifname = key(record)
    try:
        with ExitStack() as stack:
            try:
                stack.enter_context(node.records.lock(container_id, wait=False))
            except Busy:
                return AT_WORK
            now = node.records.find(container_id, ifname)
            if now is None:
                return None
            if why_gone(now, node) is None:
                return AT_WORK  # another ADD has come for it since
            scene = stack.enter_context(node.open_scene(without_namespace(record)))
            take_back(now, scene, node)
    except MultinetError as error:
        return "; ".join([str(error), *getattr(error, "__notes__", ())])
    return None


def without_namespace(record: Record) -> Request:
    """The DEL that a runtime would send for a sandbox whose namespace is gone."""
    return _request(record.plan.container_id, record.plan.ifname)


def _request(container_id: str, ifname: str) -> Request:
    return Request(
        verb=Verb.DEL,
        container_id=container_id,
        netns="",
        ifname=ifname,
        args=Args(lenient=True),
        path=(),
        netns_override=False,
        stdin=b"",
        conf=NetConf(raw={}, name="", type=""),
        env={},
    )


def clear_files(old: Sequence[str], records: Sequence[Record], node: Node, most: int) -> int:
    """Remove device-info files that no sandbox has, and what writers left half-written. How many."""
    owned = {
        attachment.device_info_file.rpartition("/")[2]
        for record in records
        for attachment in record.plan.attachments
    }
    orphans = [file for file in old if file.rpartition("/")[2] not in owned][:most]
    try:
        for file in orphans:
            node.device_info.discard(file)
        return len(orphans) + node.records.tidy()
    except MultinetError as error:
        log.warn("files not cleared", error=str(error))
        return 0


def clear_links(records: Sequence[Record], node: Node) -> int:
    """Links that were made for containers of which there is neither a record nor a namespace any more: those that a
    delegate of ours was called for by somebody else, who forgot. How many.
    """
    containers = {record.plan.container_id for record in records}
    try:
        with node.open_scene(_request("", "")) as scene:
            return scene.host_links.sweep(scene.host, containers) if scene.host_links is not None else 0
    except MultinetError as error:
        log.warn("links of the host not cleared", error=str(error))
        return 0


def _leftover(record: Record, cause: Cause, why: str = "") -> Leftover:
    plan = record.plan
    return Leftover(
        container_id=plan.container_id,
        ifname=plan.ifname,
        pod=str(plan.pod) if plan.pod else "",
        cause=cause,
        why=why,
    )
