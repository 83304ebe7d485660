"""vrf: ADD, CHECK, DEL."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import ClassVar

from delegates.meta.vrf import enslaving
from delegates.meta.vrf.conf import VrfConf, parse
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Result
from multinet.cni.versions import SUPPORTED, at_least
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import CheckFailed, InvalidConfig, NotFound
from multinet.kernel import links, verify, vrfs

OLDEST = "0.3.1"
"""The reference's is served from there on."""


class Vrf(Delegate[VrfConf]):
    delegates_ipam: ClassVar[bool] = False
    versions: ClassVar[tuple[str, ...]] = tuple(one for one in SUPPORTED if at_least(one, OLDEST))

    def parse(self, conf: NetConf, args: Args) -> VrfConf:
        return parse(conf, args)

    def add(self, call: Call[VrfConf], undo: Undo) -> Result:
        conf, net = call.conf, call.pod.rtnl
        if call.prev_result is None:
            raise InvalidConfig(
                "missing prevResult from earlier plugin",
                hint="vrf takes an interface that a plugin before it in the list has made",
            )
        link = links.get(net, call.ifname)
        enslaving.refuse_enslaved(net, link)
        had = enslaving.Had.of(net, link)
        vrf, made = enslaving.ensure_vrf(net, conf.name, conf.table)
        if made:
            undo.push(f"remove VRF {conf.name}", partial(links.remove, net, conf.name))
            net.request(links.set_up(vrf))
        undo.push(f"take {call.ifname} out of {conf.name}", partial(enslaving.free, net, link, had))
        enslaving.enslave(net, link, vrf, had)
        return call.prev_result

    def check(self, call: Call[VrfConf]) -> None:
        conf, net, ifname = call.conf, call.pod.rtnl, call.ifname
        if call.prev_result is None:
            raise CheckFailed(
                "missing prevResult from earlier plugin", hint="CHECK compares with what ADD answered"
            )
        vrf = links.find(net, conf.name)
        if vrf is None or vrf.kind != "vrf":
            raise CheckFailed(f"there is no VRF {conf.name}", hint="something removed it after ADD")
        if verify.container_link(call.pod, ifname).master != vrf.index:
            raise CheckFailed(
                f"failed to find {ifname} associated to vrf {conf.name}",
                hint="something took it out after ADD",
            )
        if conf.table and vrfs.table_of(vrf) != conf.table:
            raise CheckFailed(f"VRF {conf.name} has routing table {vrfs.table_of(vrf)} and not {conf.table}")

    def delete(self, call: Call[VrfConf]) -> None:
        """The last interface takes the VRF with it."""
        if call.sandbox is None or not call.conf.name:
            return
        net = call.sandbox.rtnl
        vrf = links.find(net, call.conf.name)
        if vrf is None or vrf.kind != "vrf":
            return
        link = links.find(net, call.ifname)
        with suppress(NotFound):
            if link is not None and link.master == vrf.index:
                net.request(links.set_master(link, 0))
            if not vrfs.members(net, vrf):
                net.request(links.delete(vrf))

    def gc(self, call: Call[VrfConf]) -> None:
        """All of it is in the container."""
