"""ipvlan: ADD, CHECK, DEL, GC, STATUS."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from delegates.main.ipvlan.conf import IpvlanConf, parse
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Interface, Result
from multinet.delegate import host_links
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import CheckFailed, InvalidConfig
from multinet.kernel import links, stacked, verify
from multinet.kernel.configure import configure_interface
from multinet.kernel.links import Link
from multinet.kernel.masters import find_master
from multinet.kernel.namespace import Namespace


class Ipvlan(Delegate[IpvlanConf]):
    grouped: ClassVar[bool] = True

    def parse(self, conf: NetConf, args: Args) -> IpvlanConf:
        return parse(conf, args)

    def add(self, call: Call[IpvlanConf], undo: Undo) -> Result:
        conf, pod = call.conf, call.pod
        inherited = inherited_addresses(call)
        home = home_of(call)
        made = stacked.create_ipvlan(
            home,
            pod,
            call.ifname,
            master=master_for_add(call, home, undo),
            mode=conf.mode,
            mtu=conf.mtu,
            group=call.group,
        )
        undo.push(f"remove {call.ifname}", partial(links.remove, pod.rtnl, call.ifname))
        given = inherited if call.ipam is None else call.ipam.add(undo)
        result = Result(
            interfaces=(Interface(name=call.ifname, mac=made.mac, sandbox=call.netns),),
            ips=tuple(ip.on(0) for ip in given.ips),
            routes=given.routes,
            dns=call.dns_of(given),
        )
        configure_interface(pod, call.ifname, result, link=made, sysctls=sysctls(call.ifname))
        return result

    def check(self, call: Call[IpvlanConf]) -> None:
        if call.ipam:
            call.ipam.check(call.prev_result)
        result = call.prev_result
        if result is None:
            raise CheckFailed("Required prevResult missing", hint="CHECK compares with what ADD answered")
        told = verify.sandbox_interface(result, call.ifname, call.netns)
        # A master that is not configured was found by what was there then, and ADD's result does not name it.
        master = find_master(home_of(call), call.conf.master) if call.conf.master else None
        link = verify.container_link(call.pod, call.ifname)
        verify.of_kind(link, "ipvlan")
        if master is not None:
            verify.stands_on(link, "ipvlan", master)
        if link.info["mode"] != call.conf.mode:
            raise CheckFailed(
                f"container ipvlan mode {link.info['mode']} does not match expected value: {call.conf.mode}",
                hint="all links of one master have one mode: another network may have changed it",
            )
        verify.mac(link, told)
        verify.addresses(call.pod, call.ifname, result)
        verify.routes(call.pod, result)

    def delete(self, call: Call[IpvlanConf]) -> None:
        if call.sandbox is not None:
            links.remove(call.sandbox.rtnl, call.ifname)
        host_links.release(call, call.conf.host_link, then=call.ipam)

    def gc(self, call: Call[IpvlanConf]) -> None:
        host_links.gc(call, then=super().gc)


def home_of(call: Call[IpvlanConf]) -> Namespace:
    """Where the master lives."""
    return call.pod if call.conf.link_in_container else call.host


def master_for_add(call: Call[IpvlanConf], home: Namespace, undo: Undo) -> Link:
    """The configuration's, or the only interface of the plugin before, or the default route's."""
    name = call.conf.master
    if not name and call.prev_result is not None:
        names = [interface.name for interface in call.prev_result.interfaces]
        if len(names) != 1 or not names[0]:
            raise InvalidConfig(
                "chained master failure. PrevResult lacks a single named interface",
                hint="name the link to stand on with the key 'master'",
            )
        name = names[0]
    return host_links.take_master(call, home, name, call.conf.host_link, undo)


def inherited_addresses(call: Call[IpvlanConf]) -> Result:
    """What is configured when there is no IPAM: the addresses that the plugin before was given."""
    if call.ipam is None and not (call.prev_result and call.prev_result.ips):
        raise InvalidConfig(
            "no plugin name provided",
            hint="ipvlan wants addresses: name an IPAM plugin in ipam.type, or put a plugin that has some before it",
        )
    return call.prev_result or Result()


def sysctls(ifname: str) -> list[tuple[str, str]]:
    """Announce addresses when they come (a kernel without IPv6 lacks the second)."""
    return [(f"net/ipv4/conf/{ifname}/arp_notify", "1"), (f"net/ipv6/conf/{ifname}/ndisc_notify", "1")]
