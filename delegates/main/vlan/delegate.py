"""vlan: ADD, CHECK, DEL, GC, STATUS."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from delegates.main.vlan.conf import VlanConf, parse
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Interface, Result
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import CheckFailed, Exists, KernelError
from multinet.kernel import links, stacked, verify
from multinet.kernel.configure import configure_interface
from multinet.kernel.links import Link
from multinet.kernel.masters import check_mtu, find_master
from multinet.kernel.namespace import Namespace


class Vlan(Delegate[VlanConf]):
    grouped: ClassVar[bool] = True

    def parse(self, conf: NetConf, args: Args) -> VlanConf:
        return parse(conf, args)

    def add(self, call: Call[VlanConf], undo: Undo) -> Result:
        conf, pod = call.conf, call.pod
        assert call.ipam is not None, "parse asks for it"
        home = home_of(call)
        master = find_master(home, conf.master)
        check_mtu(conf.mtu, master)
        if not master.up:
            raise KernelError(
                f"the master {master.name} is down, and so no VLAN on it can be up",
                hint=f"set it up: ip link set {master.name} up",
            )
        made = _make(call, home, master)
        undo.push(f"remove {call.ifname}", partial(links.remove, pod.rtnl, call.ifname))
        given = call.ipam.add(undo)
        result = Result(
            interfaces=(Interface(name=call.ifname, mac=made.mac, sandbox=call.netns),),
            ips=tuple(ip.on(0) for ip in given.ips),
            routes=given.routes,
            dns=call.dns_of(given),
        )
        configure_interface(pod, call.ifname, result, link=made)
        return result

    def check(self, call: Call[VlanConf]) -> None:
        conf = call.conf
        if call.ipam:
            call.ipam.check(call.prev_result)
        result = call.prev_result
        if result is None:
            raise CheckFailed(
                "vlan: Required prevResult missing", hint="CHECK compares with what ADD answered"
            )
        told = verify.sandbox_interface(result, call.ifname, call.netns)
        master = find_master(home_of(call), conf.master)
        link = verify.container_link(call.pod, call.ifname)
        verify.stands_on(link, "vlan", master)
        verify.mac(link, told)
        if link.info["id"] != conf.vlan_id:
            raise CheckFailed(
                f"Container interface {call.ifname} has VLAN ID {link.info['id']}, {conf.vlan_id} is configured"
            )
        if conf.mtu and link.mtu != conf.mtu:
            raise CheckFailed(
                f"Container interface {call.ifname} has MTU {link.mtu}, {conf.mtu} is configured"
            )
        verify.addresses(call.pod, call.ifname, result)
        verify.routes(call.pod, result)

    def delete(self, call: Call[VlanConf]) -> None:
        if call.sandbox is not None:
            links.remove(call.sandbox.rtnl, call.ifname)
        if call.ipam:
            call.ipam.delete()


def _make(call: Call[VlanConf], home: Namespace, master: Link) -> Link:
    conf, pod = call.conf, call.pod
    try:
        return stacked.create_vlan(
            home, pod, call.ifname, master=master, vlan_id=conf.vlan_id, mtu=conf.mtu, group=call.group
        )
    except Exists as error:
        if links.find(pod.rtnl, call.ifname) is not None:
            raise
        raise Exists(
            f"VLAN {conf.vlan_id} of {master.name} is in use by another link, of a container or of the node",
            errno=error.errno,
            hint="a master has one link for each VLAN; a bridge with 'vlan' serves several containers",
        ) from error


def home_of(call: Call[VlanConf]) -> Namespace:
    """Where the master lives."""
    return call.pod if call.conf.link_in_container else call.host
