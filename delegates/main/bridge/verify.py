"""CHECK of bridge: the bridge, the container's end, and the port that is its peer, against prevResult."""

from __future__ import annotations

from typing import Final

from delegates.main.bridge.conf import BridgeConf
from delegates.main.bridge.uplink import check_uplink
from multinet.cni.types import Interface, Result
from multinet.delegate.contract import Call
from multinet.errors import CheckFailed, NotFound
from multinet.kernel import links, masquerade, spoofcheck, verify
from multinet.kernel.links import Link
from multinet.kernel.rtnl import Rtnl

LOOKS: Final = 3
"""At a bridge and its ports, before its MAC is taken for somebody's."""


def check(call: Call[BridgeConf]) -> None:
    """Raises CheckFailed for the first thing that is not as prevResult says."""
    if call.ipam:
        call.ipam.check(call.prev_result)
    result = call.prev_result
    if result is None:
        raise CheckFailed("Required prevResult missing", hint="CHECK compares with what ADD answered")
    bridge = check_bridge(call, result)
    container = verify.sandbox_interface(result, call.ifname, call.netns)
    near = check_container(call, container)
    far = port_of(call, result, bridge, near)
    if call.conf.uplink:
        check_uplink(call, bridge)
    verify.addresses(call.pod, call.ifname, result)
    verify.routes(call.pod, result)
    if call.conf.ip_masq:
        masquerade.check(
            call.host,
            network=call.network,
            ifname=call.ifname,
            container_id=call.container_id,
            addresses=[ip.address for ip in result.ips],
        )
    if call.conf.mac_spoof_check:
        spoofcheck.check(
            call.host, container_id=call.container_id, ifname=call.ifname, host_veth=far.name, mac=near.mac
        )


def check_bridge(call: Call[BridgeConf], result: Result) -> Link:
    name = call.conf.bridge
    told = next((one for one in result.interfaces if one.name == name and not one.sandbox), None)
    if told is None:
        raise CheckFailed(f"Interface {name} not found", hint="prevResult does not name the bridge")
    link = _link(call.host.rtnl, name)
    if link.kind != "bridge":
        raise CheckFailed(f"Interface {name} does not have link type of bridge")
    if told.mac.lower() not in ("", link.mac) and not follows_its_ports(call.host.rtnl, link):
        raise CheckFailed(
            f"Bridge interface {name} Mac doesn't match: {link.mac}", hint=f"expected {told.mac}"
        )
    if call.conf.promisc != link.promisc:
        raise CheckFailed(
            f"Bridge interface {name} configured Promisc Mode {_word(call.conf.promisc)} "
            f"doesn't match current state: {_word(link.promisc)}"
        )
    return link


def follows_its_ports(net: Rtnl, bridge: Link) -> bool:
    """Has it the lowest MAC of its ports? That of a bridge which nobody pinned changes as pods come and go.

    The gateway's address pins it, but not the address of a VLAN's gateway, nor one that was there before us.
    Both are read in one go: a pod that comes between two would make the one before a stranger. And they are read
    again, since where there are many links, the kernel tells of them in parts.
    """
    for _ in range(LOOKS):
        there = links.dump(net)
        own = {link.mac for link in there if link.index == bridge.index}
        if own == {min((link.mac for link in there if link.master == bridge.index), default="")}:
            return True
    return False


def check_container(call: Call[BridgeConf], told: Interface) -> Link:
    link = _link(call.pod.rtnl, call.ifname)
    if link.kind != "veth":
        raise CheckFailed(f"Error: Container interface {call.ifname} not of type veth")
    if told.mac and told.mac.lower() != link.mac:
        raise CheckFailed(f"Interface {call.ifname} Mac {told.mac} doesn't match container Mac: {link.mac}")
    return link


def port_of(call: Call[BridgeConf], result: Result, bridge: Link, near: Link) -> Link:
    """The peer of the container's end, which must be a port of the bridge and in prevResult."""
    for told in result.interfaces:
        if told.sandbox or told.name == call.conf.bridge:
            continue
        link = links.find(call.host.rtnl, told.name)
        if (
            link is not None
            and link.kind == "veth"
            and link.index == near.parent
            and link.parent == near.index
            and link.master == bridge.index
            and told.mac.lower() in ("", link.mac)
        ):
            return link
    raise CheckFailed(
        f"CNI veth created for bridge {call.conf.bridge} was not found",
        hint=f"the peer of {call.ifname} is no longer a port of {call.conf.bridge}",
    )


def _link(net: Rtnl, name: str) -> Link:
    try:
        return links.get(net, name)
    except NotFound as error:
        raise CheckFailed(f"Interface {name} not found") from error


def _word(flag: bool) -> str:
    return "true" if flag else "false"
