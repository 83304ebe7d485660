"""ptp: ADD, CHECK, DEL, GC, STATUS."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from delegates.main.ptp.conf import PtpConf, parse
from delegates.main.ptp.routing import route_container, route_host
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Interface, Result
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import CheckFailed, InvalidConfig, to_the_end
from multinet.kernel import forwarding, links, masquerade, verify
from multinet.kernel.configure import configure_interface
from multinet.kernel.veth import make_pair

CONTAINER = 1
"""Place of the container's end among the result's interfaces."""


class Ptp(Delegate[PtpConf]):
    grouped: ClassVar[bool] = True

    def parse(self, conf: NetConf, args: Args) -> PtpConf:
        return parse(conf, args)

    def add(self, call: Call[PtpConf], undo: Undo) -> Result:
        conf, host, pod = call.conf, call.host, call.pod
        assert call.ipam is not None, "parse asks for it"
        given = call.ipam.add(undo)
        for ip in given.ips:
            if ip.gateway is None:
                raise InvalidConfig(
                    f"IPAM gave no gateway for {ip.address}, and ptp routes everything over it",
                    hint="let the IPAM configuration name one",
                )
        forwarding.enable(host, {ip.address.version for ip in given.ips})
        pair = make_pair(pod, host, call.ifname, mtu=conf.mtu, group=call.group)
        undo.push(f"remove {call.ifname}", partial(links.remove, pod.rtnl, call.ifname))
        host.rtnl.request(links.set_up(pair.far))
        far = links.get_by_index(host.rtnl, pair.far.index)
        result = Result(
            interfaces=(
                Interface(name=far.name, mac=far.mac),
                Interface(name=call.ifname, mac=pair.near.mac, sandbox=call.netns),
            ),
            ips=tuple(ip.on(CONTAINER) for ip in given.ips),
            routes=given.routes,
            dns=call.dns_of(given),
        )
        configure_interface(pod, call.ifname, result, link=pair.near)
        route_container(pod.rtnl, pair.near, result.ips)
        route_host(host.rtnl, far, result.ips)
        if conf.ip_masq:
            undo.push("remove the masquerading", partial(_forget_masquerade, call))
            masquerade.setup(
                host,
                backend=conf.ip_masq_backend or None,
                network=call.network,
                ifname=call.ifname,
                container_id=call.container_id,
                addresses=[ip.address for ip in result.ips],
            )
        return result

    def check(self, call: Call[PtpConf]) -> None:
        if call.ipam:
            call.ipam.check(call.prev_result)
        result = call.prev_result
        if result is None:
            raise CheckFailed(
                "ptp: Required prevResult missing", hint="CHECK compares with what ADD answered"
            )
        told = verify.sandbox_interface(result, call.ifname, call.netns)
        link = verify.container_link(call.pod, call.ifname)
        if link.kind != "veth":
            raise CheckFailed(f"Error: Container interface {call.ifname} not of type veth")
        if told.mac and told.mac.lower() != link.mac:
            raise CheckFailed(
                f"Interface {call.ifname} Mac {told.mac} doesn't match container Mac: {link.mac}"
            )
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

    def delete(self, call: Call[PtpConf]) -> None:
        if call.sandbox is not None:
            links.remove(call.sandbox.rtnl, call.ifname)
        to_the_end(
            call.ipam.delete if call.ipam else None,
            partial(_forget_masquerade, call) if call.conf.ip_masq else None,
        )

    def gc(self, call: Call[PtpConf]) -> None:
        to_the_end(
            partial(super().gc, call),
            partial(masquerade.gc, call.host, call.network, call.valid) if call.conf.ip_masq else None,
        )


def _forget_masquerade(call: Call[PtpConf]) -> None:
    masquerade.teardown(
        call.host,
        network=call.network,
        ifname=call.ifname,
        container_id=call.container_id,
        sandbox=call.sandbox,
    )
