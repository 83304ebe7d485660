"""The bridge itself, and its ports."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from delegates.main.bridge.conf import BridgeConf
from multinet.errors import Exists, InvalidConfig, KernelError
from multinet.kernel import links
from multinet.kernel.links import End, Link
from multinet.kernel.namespace import Namespace
from multinet.kernel.rtnl import Message
from multinet.waiting import waiting

DEFAULT_VLAN = 1
MULTICAST, LOCAL = 0x01, 0x02
"""Bits of a MAC's first byte."""
UP_DELAYS_SECONDS = (0.0, 0.05, 0.5, 1.0, 1.0)
"""How long to wait for a port to come up, look by look: the reference's pace. Newer kernels need no wait."""


def ensure_bridge(host: Namespace, conf: BridgeConf) -> Link:
    """The bridge, made if need be, up. One that is there keeps its MTU and its VLAN filtering, as upstream."""
    bridge = links.find(host.rtnl, conf.bridge)
    if bridge is None:
        # A gateway's MAC is pinned with its address. Pinned from the start it is what every ADD sees, also those
        # that come together to a bridge that is not there yet.
        mac = random_mac() if conf.is_gateway and not conf.vlan else ""
        made = links.make_bridge(conf.bridge, mtu=conf.mtu, mac=mac, vlan_filtering=conf.vlan_filtering)
        with suppress(Exists):  # another ADD was faster
            host.rtnl.request(made)
        bridge = links.get(host.rtnl, conf.bridge)
    if bridge.kind != "bridge":
        raise InvalidConfig(
            f'"{conf.bridge}" already exists but is not a bridge',
            hint="name another bridge, or rename that link",
        )
    changes: list[Message] = []
    if conf.promisc and not bridge.promisc:
        changes.append(links.set_promisc(bridge.index, True))
    if not bridge.up:  # one that is up is told so together with its new port
        host.write_sysctls([(f"net/ipv6/conf/{conf.bridge}/accept_ra", "0")], ignore_errors=True)
        changes.append(links.set_up(bridge.index))
    host.rtnl.batch(changes)
    return bridge


def random_mac() -> str:
    """For one link, given out by nobody."""
    first, *rest = os.urandom(6)
    return bytes((first & ~MULTICAST | LOCAL, *rest)).hex(":")


def plug(host: Namespace, far: End, bridge: Link, conf: BridgeConf) -> None:
    """Make the far end a port of the bridge, with the VLANs that are asked for, and set it up."""
    net = host.rtnl
    net.batch(
        [
            links.set_up(far),
            links.set_master(far, bridge),
            links.bridge_port(far, hairpin=conf.hairpin, isolated=conf.port_isolation),
        ]
    )
    if conf.vlan_filtering:
        set_vlans(host, far, conf)


def set_vlans(host: Namespace, far: End, conf: BridgeConf) -> None:
    """The port's VLANs: what the kernel gave it by default goes, unless it is to be preserved."""
    changes: list[Message] = []
    if not conf.preserve_default_vlan:
        had = links.dump_vlans(host.rtnl).get(far.index, [])
        changes += [links.vlan_delete(far.index, vid) for vid, _ in had]
    if conf.vlan:
        changes.append(links.vlan_add(far.index, conf.vlan, pvid=True, untagged=True))
    changes += [links.vlan_add(far.index, vid, pvid=False, untagged=False) for vid in conf.trunk or ()]
    if not conf.vlan and conf.trunk is not None:
        changes.append(links.vlan_add(far.index, DEFAULT_VLAN, pvid=True, untagged=True))
    host.rtnl.batch(changes)


def await_up(host: Namespace, far: End, bridge: Link) -> tuple[Link, Link]:
    """The far end and the bridge as they are once the far end carries traffic. Raises KernelError when it does not
    come to that.

    The bridge takes the lowest MAC of its ports until it is pinned, so it may be another now.
    """
    for delay in UP_DELAYS_SECONDS:
        if delay:
            with waiting():
                time.sleep(delay)
        now, bridge = links.get_each(host.rtnl, far.index, bridge.index)
        if now.operstate == links.OPER_UP:
            return now, bridge
    raise KernelError(
        f"bridge port in error state: {links.OPERSTATES[now.operstate]}",
        hint=f"look at {far.name} on the host and at the container's end of it",
    )
