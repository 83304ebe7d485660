"""The bridge's port to the network: a link of the host that is there as a port already, or is made as one."""

from __future__ import annotations

from functools import partial

from delegates.main.bridge.conf import BridgeConf
from delegates.main.bridge.port import set_vlans
from multinet.delegate.contract import Call
from multinet.delegate.host_links import user_of
from multinet.delegate.undo import Undo
from multinet.errors import CheckFailed, InvalidConfig
from multinet.kernel import links
from multinet.kernel.links import End, Link


def ensure_uplink(call: Call[BridgeConf], bridge: Link, undo: Undo) -> Link:
    """Raises InvalidConfig for a link that is there and no port of the bridge: it stays where somebody put it."""
    conf, host = call.conf, call.host
    if conf.host_link is not None and call.host_links is not None:
        finish = partial(_admit, call) if conf.vlan_filtering else None
        return call.host_links.take(host, conf.host_link, user_of(call), undo, bridge=bridge, finish=finish)
    found = links.find(host.rtnl, conf.uplink)
    if found is None or found.master != bridge.index:
        raise InvalidConfig(
            f'the uplink "{conf.uplink}" is no port of {bridge.name}'
            if found
            else f'the uplink "{conf.uplink}" was not found',
            hint="put it there on this node; a VLAN or VXLAN that is not there is made: see 'hostLink'",
        )
    return found


def check_uplink(call: Call[BridgeConf], bridge: Link) -> None:
    found = links.find(call.host.rtnl, call.conf.uplink)
    if found is None or found.master != bridge.index:
        raise CheckFailed(
            f"The uplink {call.conf.uplink} is no port of {bridge.name}",
            hint="something removed it after ADD",
        )


def _admit(call: Call[BridgeConf], uplink: Link) -> None:
    """The VLANs of the network, within the bridge: the uplink carries what its containers' ports do."""
    set_vlans(call.host, End(index=uplink.index, name=uplink.name), call.conf)
