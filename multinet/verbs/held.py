"""One device never to two attachments: within a pod ``resolve`` sees to that, among the pods of a node this."""

from __future__ import annotations

from multinet.errors import TryAgain
from multinet.plan import Plan
from multinet.verbs.gc import older_boot
from multinet.verbs.node import Node


def refuse_held_devices(plan: Plan, node: Node) -> None:
    """Raise TryAgain when another sandbox on record has a device of the plan.

    The kubelet gives a device to the next pod as soon as the last one's containers have ended, which may be
    before the last one's DEL: until then that DEL would take the device from under the new pod.

    The plan's own intention must be on record before: of two that want one device at once, at least one then
    sees the other. What an earlier boot left holds nothing: that kernel's namespaces are gone.
    """
    wanted = {one.device: one for one in plan.attachments if one.device}
    if not wanted:
        return
    for record in node.records.all():
        held = record.plan
        if older_boot(record, node) or (held.container_id, held.ifname) == (
            plan.container_id,
            plan.ifname,
        ):
            continue
        for one in held.attachments:
            if (mine := wanted.get(one.device)) is not None:
                raise TryAgain(
                    f"the device {mine.device_id!r} for {mine.network} is not free: the sandbox "
                    f"{held.container_id} of {f'the pod {held.pod}' if held.pod else 'no pod'} has it for "
                    f"{one.network}",
                    hint="the runtime will try again; it is free when that sandbox is deleted, and GC clears one "
                    "that the runtime no longer knows",
                )
