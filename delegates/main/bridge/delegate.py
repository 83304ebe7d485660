"""bridge: ADD, CHECK, DEL, GC, STATUS."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from delegates.main.bridge import verify
from delegates.main.bridge.conf import BridgeConf, parse
from delegates.main.bridge.gateway import be_gateway, with_default_routes, with_gateways
from delegates.main.bridge.port import await_up, ensure_bridge, plug
from delegates.main.bridge.uplink import ensure_uplink
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Interface, Result
from multinet.delegate import host_links
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import to_the_end
from multinet.kernel import links, masquerade, spoofcheck
from multinet.kernel.configure import configure_interface
from multinet.kernel.links import Link
from multinet.kernel.veth import Pair, make_pair


class Bridge(Delegate[BridgeConf]):
    grouped: ClassVar[bool] = True

    def parse(self, conf: NetConf, args: Args) -> BridgeConf:
        return parse(conf, args)

    def add(self, call: Call[BridgeConf], undo: Undo) -> Result:
        conf, host = call.conf, call.host
        bridge = ensure_bridge(host, conf)
        uplink = ensure_uplink(call, bridge, undo) if conf.uplink else None
        pair = make_pair(
            call.pod,
            host,
            call.ifname,
            mtu=conf.mtu or (uplink.mtu if uplink else 0),
            mac=conf.mac,
            group=call.group,
            quiet=(conf.bridge,),
        )
        undo.push(f"remove {call.ifname}", partial(links.remove, call.pod.rtnl, call.ifname))
        plug(host, pair.far, bridge, conf)
        if conf.mac_spoof_check:
            undo.push("remove the spoof check", partial(_forget_spoof_check, call))
            spoofcheck.setup(
                host,
                container_id=call.container_id,
                ifname=call.ifname,
                host_veth=pair.far.name,
                mac=pair.near.mac,
            )
        extra: list[Link] = []
        if call.ipam:
            result, extra = self._address(call, bridge, pair, undo)
        else:
            result = Result(dns=call.dns)
            if conf.container_interface:
                call.pod.rtnl.request(links.set_up(pair.near.index))
        if conf.container_interface:
            far, bridge = await_up(host, pair.far, bridge)
        else:
            far, bridge = links.get_each(host.rtnl, pair.far.index, bridge.index)
        interfaces = (
            Interface(name=bridge.name, mac=bridge.mac),
            Interface(name=far.name, mac=far.mac),
            Interface(name=call.ifname, mac=pair.near.mac, sandbox=call.netns),
            *(Interface(name=link.name, mac=link.mac) for link in extra),
        )
        return result.but(interfaces=interfaces)

    def _address(
        self, call: Call[BridgeConf], bridge: Link, pair: Pair, undo: Undo
    ) -> tuple[Result, list[Link]]:
        """IPAM, the container's addresses and routes, the gateway, masquerading. And the VLAN's link, if any."""
        conf, host = call.conf, call.host
        assert call.ipam is not None
        given = call.ipam.add(undo)
        ips = with_gateways(given.ips, conf)
        routes = with_default_routes(given.routes, ips) if conf.is_default_gateway else given.routes
        result = Result(
            interfaces=(
                Interface(name=conf.bridge),
                Interface(name=pair.far.name),
                Interface(name=call.ifname),
            ),
            ips=tuple(ips),
            routes=routes,
            dns=call.dns_of(given),
        )
        configure_interface(call.pod, call.ifname, result, link=pair.near, sysctls=sysctls(call.ifname, conf))
        vlan_link = be_gateway(host, bridge, conf, ips) if conf.is_gateway else None
        if conf.ip_masq:
            undo.push("remove the masquerading", partial(_forget_masquerade, call))
            masquerade.setup(
                host,
                backend=conf.ip_masq_backend or None,
                network=call.network,
                ifname=call.ifname,
                container_id=call.container_id,
                addresses=[ip.address for ip in ips],
            )
        return result, [vlan_link] if vlan_link else []

    def check(self, call: Call[BridgeConf]) -> None:
        verify.check(call)

    def delete(self, call: Call[BridgeConf]) -> None:
        if call.sandbox is not None:
            links.remove(call.sandbox.rtnl, call.ifname)
        to_the_end(
            partial(host_links.release, call, call.conf.host_link, then=call.ipam),
            partial(_forget_spoof_check, call) if call.conf.mac_spoof_check else None,
            partial(_forget_masquerade, call) if call.conf.ip_masq else None,
        )

    def gc(self, call: Call[BridgeConf]) -> None:
        conf, host = call.conf, call.host
        to_the_end(
            partial(host_links.gc, call, then=super().gc),
            partial(masquerade.gc, host, call.network, call.valid) if conf.ip_masq else None,
            partial(spoofcheck.gc, host, call.valid) if conf.mac_spoof_check else None,
        )


def sysctls(ifname: str, conf: BridgeConf) -> list[tuple[str, str]]:
    """What is said to the container's kernel before the addresses come (a kernel without IPv6 lacks some)."""
    v6 = f"net/ipv6/conf/{ifname}"
    dad = (
        [(f"{v6}/enhanced_dad", "1"), (f"{v6}/accept_dad", "1")] if conf.dad else [(f"{v6}/accept_dad", "0")]
    )
    return [*dad, (f"net/ipv4/conf/{ifname}/arp_notify", "1")]


def _forget_spoof_check(call: Call[BridgeConf]) -> None:
    spoofcheck.teardown(call.host, container_id=call.container_id, ifname=call.ifname)


def _forget_masquerade(call: Call[BridgeConf]) -> None:
    masquerade.teardown(
        call.host,
        network=call.network,
        ifname=call.ifname,
        container_id=call.container_id,
        sandbox=call.sandbox,
    )
