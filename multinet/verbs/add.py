"""ADD: all of a pod's networks, or none."""

from __future__ import annotations

from multinet import log, pipeline
from multinet.cni.request import Request
from multinet.cni.types import Result
from multinet.cni.wire import result_to_json
from multinet.delegate.invoke import Scene
from multinet.delegate.undo import Undo
from multinet.errors import TryAgain
from multinet.kernel import links
from multinet.pipeline import chain
from multinet.plan import Attachment, Outcome, Phase, Plan, Record
from multinet.report.aggregate import aggregate
from multinet.report.network_status import network_status
from multinet.verbs.delete import recall, scene_of, take_back
from multinet.verbs.held import refuse_held_devices
from multinet.verbs.node import Node
from multinet.verbs.planning import plan_for
from multinet.waiting import waiting, within


def add(request: Request, node: Node) -> bytes:
    """The answer, in the version asked for. Raises whatever stood in the way; then nothing is left."""
    refuse_before_ready(node)
    with log.entering("turn", node.turn()):
        return in_turn(request, node)


def in_turn(request: Request, node: Node) -> bytes:
    lock = node.records.lock(request.container_id, remaining=node.deadline.remaining)
    with log.entering("lock", lock), node.open_scene(request) as scene:
        with log.phase("plan"):
            plan = plan_for(request, node)
        log.bind(networks=[attachment.network for attachment in plan.attachments])
        if (standing := what_stands(request, plan, scene, node)) is not None:
            log.bind(again=True)
            said = answer(standing, request)
            publish(plan, standing, node)  # the earlier ADD may have died just before it did
            return said
        chains = chain.read_all(plan.attachments, node.find_delegate)
        pipeline.refuse_taken_names(scene, plan.attachments)
        with Undo() as undo:
            # On disk before anything changes: after a crash, DEL still knows what to clear.
            undo.push("forget the intention", lambda: forget_unless_left(request, node, undo))
            intention = Record(plan=plan, phase=Phase.INTENDED, boot_id=node.boot_id)
            with log.entering("gc", node.records.joining(node.deadline.remaining)):
                node.records.write(intention)
            node.deadline.check("making the networks")
            refuse_held_devices(plan, node)
            undo.push("remove the device-info files", lambda: node.device_info.remove(plan))
            node.device_info.prepare(plan)
            with log.phase("delegates"), within(node.deadline.remaining):
                results = pipeline.run(chains, scene, undo, node.deadline)
            outcomes = tuple(
                outcome(one, result, node) for one, result in zip(plan.attachments, results, strict=True)
            )
            node.records.write(intention.done(outcomes))
            said = answer(outcomes, request)
            publish(plan, outcomes, node)
            undo.keep()
        node.added(plan, outcomes)
        return said


def refuse_before_ready(node: Node) -> None:
    ready = node.settings.readiness_indicator_file
    if ready is not None and not ready.exists():
        raise TryAgain(
            f"the cluster network is not ready: {ready} is not there",
            hint="its own agent on this node makes that file; the runtime will try again",
        )


def forget_unless_left(request: Request, node: Node, undo: Undo) -> None:
    """The last step of undoing. What could not be undone must still be known to the DEL that follows."""
    if not undo.leftovers:
        node.records.forget(request.container_id, request.ifname)


def what_stands(request: Request, plan: Plan, scene: Scene, node: Node) -> tuple[Outcome, ...] | None:
    """What an earlier ADD of the same attachment gave, if all of it still stands and is what is wanted now.

    The runtime asks again when it did not hear our answer. What stands only in part, or was meant
    otherwise, is taken back first and made anew.
    """
    record = recall(request, node, node.records.find_own)  # nobody else's sandbox is ever added to us
    if record is None:
        return None
    if record.phase is Phase.DONE and record.plan == plan and stands(record, scene):
        node.records.write(record)  # for a GC that came in before: this sandbox is not stale
        return tuple(outcome(one, record.results[one.ifname], node) for one in plan.attachments)
    with waiting():  # the kernel takes its time to let go of links
        if record.plan.netns == request.netns:
            take_back(record, scene, node)
        else:
            with scene_of(record, request, node) as there:
                take_back(record, there, node)
    return None


def stands(record: Record, scene: Scene) -> bool:
    """Has the container every interface of the record, with the MAC it was given?"""
    assert scene.sandbox is not None
    there = {link.name: link.mac for link in links.dump(scene.sandbox.rtnl)}
    return all(
        interface.name in there and interface.mac.lower() in ("", there[interface.name])
        for result in record.results.values()
        for interface in result.interfaces
        if interface.sandbox
    )


def outcome(attachment: Attachment, result: Result, node: Node) -> Outcome:
    info = node.device_info.read(attachment.device_info_file)
    return Outcome(attachment=attachment, result=result, device_info=info)


def answer(outcomes: tuple[Outcome, ...], request: Request) -> bytes:
    """Raises where the version can't tell it: 0.2.0 and older know no result without addresses."""
    return result_to_json(aggregate(outcomes), request.conf.version)


def publish(plan: Plan, outcomes: tuple[Outcome, ...], node: Node) -> None:
    """Tell the pod what it was given: before the answer, so that a container can read it when it starts."""
    if plan.pod is not None and (plan.names_networks or node.settings.status_for_all_pods):
        with log.phase("publish"):
            node.cluster.publish(plan.pod, network_status(outcomes))
