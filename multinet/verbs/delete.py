"""DEL: from what was recorded on the day of ADD, never from today's definitions. Absent things are success."""

from __future__ import annotations

from multinet import log
from multinet.cni.request import Request
from multinet.delegate.invoke import Scene
from multinet.errors import DecodingFailure, MultinetError
from multinet.pipeline import chain, reverse
from multinet.plan import Phase, Plan, Record
from multinet.verbs.node import Node
from multinet.verbs.planning import plan_for


def delete(request: Request, node: Node) -> None:
    """Raises what could not be cleared, after all has been tried; the record stays for the next try."""
    with node.records.lock(request.container_id), node.open_scene(request) as scene:
        record = recall(request, node)
        if record is None:
            log.bind(nothing=True)
            node.records.forget(request.container_id, request.ifname)
            return
        log.bind(networks=[attachment.network for attachment in record.plan.attachments])
        take_back(record, scene, node)


def take_back(record: Record, scene: Scene, node: Node) -> None:
    """Undo an ADD, whole or half. The record goes last."""
    plan = record.plan
    chains = [chain.read(attachment, node.find_delegate, lenient=True) for attachment in plan.attachments]
    reverse.delete(chains, record.results, scene)
    node.device_info.remove(plan)
    node.records.forget(plan.container_id, plan.ifname)


def recall(request: Request, node: Node) -> Record | None:
    """The record. For one that can't be read, the plan that an ADD would make today: the best that is left to
    go by, since a pod must always be able to end.
    """
    try:
        return node.records.find(request.container_id, request.ifname)
    except DecodingFailure as error:
        log.warn("record damaged", error=str(error), container=request.container_id)
        return Record(plan=guess(request, node), phase=Phase.INTENDED, boot_id=node.boot_id)


def guess(request: Request, node: Node) -> Plan:
    """What an ADD would make today. Where it could make nothing (a definition has vanished meanwhile), the
    cluster's own networks: the links all go by their group, and further addresses wait for GC.
    """
    try:
        return plan_for(request, node)
    except MultinetError as error:
        log.warn("no plan without the record", error=str(error), container=request.container_id)
        return plan_for(request, node, ask_the_pod=False)
