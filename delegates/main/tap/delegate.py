"""tap: ADD, CHECK, DEL, GC, STATUS."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from delegates.main.tap.conf import TapConf, parse
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Interface, Result
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import CheckFailed, InvalidConfig
from multinet.kernel import links, tuntap, verify
from multinet.kernel.configure import configure_interface
from multinet.kernel.links import Link


class TapDelegate(Delegate[TapConf]):
    grouped: ClassVar[bool] = True

    def parse(self, conf: NetConf, args: Args) -> TapConf:
        return parse(conf, args)

    def add(self, call: Call[TapConf], undo: Undo) -> Result:
        conf, pod = call.conf, call.pod
        bridge = _find_bridge(call) if conf.bridge else None
        made = tuntap.create(pod, call.ifname, conf.tap, group=call.group, context=conf.selinux_context)
        undo.push(f"remove {call.ifname}", partial(links.remove, pod.rtnl, call.ifname))
        joining = [links.set_master(made, bridge)] if bridge else []
        # Up before it has addresses: without a carrier, the kernel adds the route for multicast only to what is up.
        pod.rtnl.batch([*joining, links.set_up(made)])
        interface = Interface(name=call.ifname, mac=made.mac, sandbox=call.netns)
        result = Result(interfaces=(interface,), dns=call.dns)
        if call.ipam is None:
            return result
        given = call.ipam.add(undo)
        result = result.but(
            ips=tuple(ip.on(0) for ip in given.ips), routes=given.routes, dns=call.dns_of(given)
        )
        notify = [(f"net/ipv4/conf/{call.ifname}/arp_notify", "1")]
        configure_interface(pod, call.ifname, result, link=made, sysctls=notify, settle=False)
        return result

    def check(self, call: Call[TapConf]) -> None:
        if call.ipam:
            call.ipam.check(call.prev_result)
        result = call.prev_result
        if result is None:
            raise CheckFailed("Required prevResult missing", hint="CHECK compares with what ADD answered")
        told = verify.sandbox_interface(result, call.ifname, call.netns)
        link = verify.container_link(call.pod, call.ifname)
        verify.of_kind(link, "tun")
        verify.mac(link, told)
        if call.conf.bridge and link.master != _find_bridge(call).index:
            raise CheckFailed(f"Container interface {call.ifname} is not a port of {call.conf.bridge}")
        verify.addresses(call.pod, call.ifname, result)
        verify.routes(call.pod, result)

    def delete(self, call: Call[TapConf]) -> None:
        if call.sandbox is not None:
            links.remove(call.sandbox.rtnl, call.ifname)
        if call.ipam:
            call.ipam.delete()


def _find_bridge(call: Call[TapConf]) -> Link:
    found = links.find(call.pod.rtnl, call.conf.bridge)
    if found is None:
        raise InvalidConfig(
            f"failed to get bridge {call.conf.bridge}: Link not found",
            hint="the key 'bridge' means one in the container, made by a network before this one",
        )
    return found
