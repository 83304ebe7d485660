"""macvlan: ADD, CHECK, DEL, GC, STATUS."""

from __future__ import annotations

import errno
from functools import partial
from typing import ClassVar

from delegates.main.macvlan.conf import MacvlanConf, parse
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Interface, Result
from multinet.delegate import host_links
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import CheckFailed, KernelError
from multinet.kernel import links, stacked, verify
from multinet.kernel.configure import configure_interface
from multinet.kernel.masters import check_mtu, find_master
from multinet.kernel.namespace import Namespace

ALONE = "see whether another container has this master in passthru mode, which serves one alone"
"""What the kernel says nothing about when it refuses a second link."""


class Macvlan(Delegate[MacvlanConf]):
    grouped: ClassVar[bool] = True

    def parse(self, conf: NetConf, args: Args) -> MacvlanConf:
        return parse(conf, args)

    def add(self, call: Call[MacvlanConf], undo: Undo) -> Result:
        conf, pod = call.conf, call.pod
        home = home_of(call)
        master = host_links.take_master(call, home, conf.master, conf.host_link, undo)
        check_mtu(conf.mtu, master)
        try:
            made = stacked.create_macvlan(
                home,
                pod,
                call.ifname,
                master=master,
                mode=conf.mode,
                mtu=conf.mtu,
                mac=conf.mac,
                bcqueuelen=conf.bcqueuelen,
                group=call.group,
            )
        except KernelError as error:
            if error.errno == errno.EINVAL:
                error.hint = ALONE
            raise
        undo.push(f"remove {call.ifname}", partial(links.remove, pod.rtnl, call.ifname))
        result = Result(
            interfaces=(Interface(name=call.ifname, mac=made.mac, sandbox=call.netns),), dns=call.dns
        )
        if call.ipam is None:
            pod.rtnl.request(links.set_up(made.index))
            return result
        given = call.ipam.add(undo)
        result = result.but(
            ips=tuple(ip.on(0) for ip in given.ips), routes=given.routes, dns=call.dns_of(given)
        )
        configure_interface(pod, call.ifname, result, link=made, sysctls=sysctls(call.ifname))
        return result

    def check(self, call: Call[MacvlanConf]) -> None:
        if call.ipam:
            call.ipam.check(call.prev_result)
        result = call.prev_result
        if result is None:
            raise CheckFailed("required prevResult missing", hint="CHECK compares with what ADD answered")
        told = verify.sandbox_interface(result, call.ifname, call.netns)
        master = find_master(home_of(call), call.conf.master)
        link = verify.container_link(call.pod, call.ifname)
        verify.stands_on(link, "macvlan", master)
        verify.mac(link, told)
        mode = link.info["mode"]
        if mode != call.conf.mode:
            raise CheckFailed(
                f"container macvlan mode {mode} does not match expected value: {call.conf.mode}"
            )
        verify.addresses(call.pod, call.ifname, result)
        verify.routes(call.pod, result)

    def delete(self, call: Call[MacvlanConf]) -> None:
        if call.sandbox is not None:
            links.remove(call.sandbox.rtnl, call.ifname)
        host_links.release(call, call.conf.host_link, then=call.ipam)

    def gc(self, call: Call[MacvlanConf]) -> None:
        host_links.gc(call, then=super().gc)


def home_of(call: Call[MacvlanConf]) -> Namespace:
    """Where the master lives."""
    return call.pod if call.conf.link_in_container else call.host


def sysctls(ifname: str) -> list[tuple[str, str]]:
    """Announce addresses when they come (a kernel without IPv6 lacks the second)."""
    return [(f"net/ipv4/conf/{ifname}/arp_notify", "1"), (f"net/ipv6/conf/{ifname}/ndisc_notify", "1")]
