"""DEL: from what was recorded on the day of ADD, never from today's definitions. Absent things are success."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Final

from multinet import log
from multinet.cni.request import Request, Verb
from multinet.delegate.invoke import Scene
from multinet.errors import (
    DecodingFailure,
    InvalidNetns,
    MultinetError,
    NewerRecord,
    NotAContainers,
    raise_together,
)
from multinet.kernel import links
from multinet.kernel.names import link_group
from multinet.pipeline import chain, reverse
from multinet.plan import Phase, Plan, Record
from multinet.resolve.runtime import cni_args
from multinet.verbs import unrecorded
from multinet.verbs.node import Node
from multinet.verbs.planning import plan_for

NEXT_TRY: Final = "what is left stays on record: the runtime's next DEL tries again, and so does the agent"


def delete(request: Request, node: Node) -> None:
    """Raises what could not be cleared, after all has been tried; the record stays for the next try."""
    lock = node.records.lock(request.container_id, remaining=node.deadline.remaining)
    with log.entering("lock", lock), scene_as_asked(request, node) as scene:
        record = recall(request, node, node.records.find)
        if owner := other_owner(record, scene, node):
            log.warn("namespace left alone", container=request.container_id, netns=scene.netns, owner=owner)
            scene = replace(scene, sandbox=None, netns="")
        if record is None:
            log.bind(nothing=True)
            unrecorded.delete(request, scene, node)
            node.records.forget(request.container_id, request.ifname)
            return
        log.bind(networks=[attachment.network for attachment in record.plan.attachments])
        take_back(record, scene, node)


def take_back(record: Record, scene: Scene, node: Node) -> None:
    """Undo an ADD, whole or half. The record goes last, and one of a newer multinet stays: that may know more to
    clear than we do, and finds it when it is back.

    A network whose plugins are not to be found today keeps the record, but stands in no other's way.
    """
    plan = record.plan
    failures: list[MultinetError] = []
    chains = []
    for attachment in plan.attachments:
        try:
            chains.append(chain.read(attachment, node.find_delegate, lenient=True))
        except MultinetError as error:
            failures.append(error)
    try:
        with log.phase("delegates"):
            reverse.delete(chains, record.results, scene)
    except MultinetError as error:
        failures.append(error)
    if failures:
        failures[0].hint = failures[0].hint or NEXT_TRY
    raise_together(failures)
    node.device_info.remove(plan)
    if not record.guessed:
        node.records.forget(plan.container_id, plan.ifname)


@contextmanager
def scene_as_asked(request: Request, node: Node) -> Iterator[Scene]:
    """Where the request says. A path of which something else has become (the number of its process is another's by
    now, what was mounted on it is gone) is no reason for a pod never to end: its namespace is gone then.
    """
    with ExitStack() as stack:
        try:
            scene = stack.enter_context(node.open_scene(request))
        except NotAContainers as error:
            log.warn("namespace taken for gone", container=request.container_id, error=str(error))
            scene = stack.enter_context(node.open_scene(replace(request, netns="")))
        yield scene


@contextmanager
def scene_of(record: Record, request: Request, node: Node) -> Iterator[Scene]:
    """Where a record's ADD took place, for requests that name no namespace, or another one.

    What is at that path by now may be another container's: it is only touched, and only told to executables,
    when it holds something of this record.
    """
    plan = record.plan
    its_del = replace(
        request, verb=Verb.DEL, container_id=plan.container_id, ifname=plan.ifname, netns=plan.netns
    )
    with ExitStack() as stack:
        try:
            scene = stack.enter_context(node.open_scene(its_del))
        except InvalidNetns:  # the path leads to something else now, perhaps to the host
            scene = stack.enter_context(node.open_scene(replace(its_del, netns="")))
        yield scene if is_its_own(record, scene) else replace(scene, sandbox=None, netns="")


def other_owner(record: Record | None, scene: Scene, node: Node) -> str:
    """The container that has the namespace by now, "" when nobody but this one is known to. A path may be used
    again, that of a process also by one that is none of ours, and a plugin's DEL takes interfaces by their names,
    whoever has one of that name.
    """
    if scene.sandbox is None or (record is not None and is_its_own(record, scene)):
        return ""
    if record is not None and of_a_process(scene.netns) and has_interfaces(record):
        return "unknown"
    for other in node.records.all():
        plan = other.plan
        if plan.netns == scene.netns and plan.container_id != scene.container_id:
            theirs = replace(scene, group=link_group(plan.container_id, plan.ifname))
            if is_its_own(other, theirs):
                return plan.container_id
    return ""


def of_a_process(path: str) -> bool:
    """Such a path is used again as soon as the process has ended, by whoever is given its number."""
    return path.startswith("/proc/")


def has_interfaces(record: Record) -> bool:
    """Is it known what the container should have?"""
    return any(interface.sandbox for result in record.results.values() for interface in result.interfaces)


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


Find = Callable[[str, str], Record | None]
"""Container id, interface name -> record; raises DecodingFailure."""


def recall(request: Request, node: Node, find: Find) -> Record | None:
    """The record. For one that can't be read, the plan that an ADD would make today: the best that is left to
    go by, since a pod must always be able to end. It need not begin: over one of a newer multinet, ADD is refused.
    """
    try:
        record = find(request.container_id, request.ifname)
    except NewerRecord as error:
        if request.verb is Verb.ADD:
            raise
        log.warn("record of a newer multinet kept", error=str(error), container=request.container_id)
        return Record(plan=guess(request, node), phase=Phase.INTENDED, boot_id=node.boot_id, guessed=True)
    except DecodingFailure as error:
        log.warn("record damaged", error=str(error), container=request.container_id)
        return Record(plan=guess(request, node), phase=Phase.INTENDED, boot_id=node.boot_id)
    return with_args(record, request) if record is not None and record.foreign else record


def with_args(record: Record, request: Request) -> Record:
    """Networks of which nobody remembers the arguments get this request's: executables want to know the pod."""
    plan = record.plan
    attachments = tuple(
        one
        if one.args
        else replace(one, args=cni_args(request.args, plan.pod, plan.container_id, None, one.conflist))
        for one in plan.attachments
    )
    return replace(record, plan=replace(plan, attachments=attachments))


def guess(request: Request, node: Node) -> Plan:
    """What an ADD would make today. Where it could make nothing (a definition has vanished meanwhile), the
    cluster's own networks; and where not even those are known, none: the links all go by their group, and
    addresses wait for GC.
    """
    for ask_the_pod in (True, False):
        try:
            return plan_for(request, node, ask_the_pod=ask_the_pod)
        except MultinetError as error:
            log.warn("no plan without the record", error=str(error), container=request.container_id)
    return Plan(
        container_id=request.container_id,
        ifname=request.ifname,
        netns=request.netns,
        pod=None,
        attachments=(),
    )
