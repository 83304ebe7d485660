"""dummy: ADD, CHECK, DEL, GC, STATUS."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from delegates.main.dummy.conf import DummyConf, parse
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Interface, Result
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import CheckFailed
from multinet.kernel import links, verify
from multinet.kernel.configure import configure_interface


class Dummy(Delegate[DummyConf]):
    grouped: ClassVar[bool] = True

    def parse(self, conf: NetConf, args: Args) -> DummyConf:
        return parse(conf, args)

    def add(self, call: Call[DummyConf], undo: Undo) -> Result:
        pod = call.pod
        assert call.ipam is not None, "parse asks for it"
        pod.rtnl.request(links.make_dummy(call.ifname, group=call.group))
        undo.push(f"remove {call.ifname}", partial(links.remove, pod.rtnl, call.ifname))
        made = links.get(pod.rtnl, call.ifname)
        given = call.ipam.add(undo)
        result = Result(
            interfaces=(Interface(name=call.ifname, mac=made.mac, sandbox=call.netns),),
            ips=tuple(ip.on(0) for ip in given.ips),
            routes=given.routes,
            dns=call.dns_of(given),
        )
        configure_interface(pod, call.ifname, result, link=made)
        return result

    def check(self, call: Call[DummyConf]) -> None:
        if call.ipam:
            call.ipam.check(call.prev_result)
        result = call.prev_result
        if result is None:
            raise CheckFailed(
                "dummy: Required prevResult missing", hint="CHECK compares with what ADD answered"
            )
        told = verify.sandbox_interface(result, call.ifname, call.netns)
        link = verify.container_link(call.pod, call.ifname)
        verify.of_kind(link, "dummy")
        verify.mac(link, told)
        if not link.up:
            raise CheckFailed(
                f"Interface {call.ifname} is down", hint="something in the container set it down"
            )
        verify.addresses(call.pod, call.ifname, result)
        verify.routes(call.pod, result)

    def delete(self, call: Call[DummyConf]) -> None:
        if call.sandbox is not None:
            links.remove(call.sandbox.rtnl, call.ifname)
        if call.ipam:
            call.ipam.delete()
