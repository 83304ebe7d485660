"""The host's end of the container's veth pair, whose queues are the limits."""

from __future__ import annotations

from multinet.cni.types import Result
from multinet.errors import MultinetError, NotFound
from multinet.kernel import links
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace


def find(host: Namespace, pod: Namespace, ifname: str, result: Result, error: type[MultinetError]) -> Link:
    """Raises an ``error`` where there is none, or where the result does not tell of it."""
    if not result.interfaces:
        raise error("no interfaces provided", hint="the plugin before it answered none")
    near = links.find(pod.rtnl, ifname)
    if near is None or near.kind != "veth":
        found = "it is not there" if near is None else f"it is a {near.kind or 'device'}"
        raise error(
            f"container interface {ifname} has no veth peer",
            hint=f"{found}; only veth pairs, as of bridge and ptp, can be limited",
        )
    far = peer(host, near)
    if far is None:
        raise error(f"veth peer with index {near.parent} is not in host ns", hint="somebody moved it")
    if not any(one.name == far.name and not one.sandbox for one in result.interfaces):
        raise error(
            "no veth peer of container interface found in host ns",
            hint=f"it is {far.name}, and the plugin before it did not answer that",
        )
    return far


def peer(host: Namespace, near: Link) -> Link | None:
    """An index means a link only together with the namespace, so the other end must say the same of this one."""
    if near.kind != "veth" or near.link_netnsid is None:
        return None
    try:
        far = links.get_by_index(host.rtnl, near.parent)
    except NotFound:
        return None
    return far if far.kind == "veth" and far.parent == near.index else None
