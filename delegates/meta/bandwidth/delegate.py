"""bandwidth: ADD, CHECK, DEL, GC."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import ClassVar

from delegates.meta.bandwidth import host_end, middle, shaping
from delegates.meta.bandwidth.conf import BandwidthConf, parse
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Interface, Result
from multinet.cni.versions import SUPPORTED, at_least
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import CheckFailed, Exists, InvalidConfig, NotFound
from multinet.kernel import filters, ifb, links, qdiscs
from multinet.kernel.links import Link
from multinet.kernel.qdiscs import INGRESS, INGRESS_HANDLE, ROOT
from multinet.kernel.rtnl import Message

OLDEST = "0.3.0"
"""The reference's is served from there on: older results tell of no interfaces."""


class Bandwidth(Delegate[BandwidthConf]):
    delegates_ipam: ClassVar[bool] = False
    versions: ClassVar[tuple[str, ...]] = tuple(one for one in SUPPORTED if at_least(one, OLDEST))

    def parse(self, conf: NetConf, args: Args) -> BandwidthConf:
        return parse(conf, args)

    def add(self, call: Call[BandwidthConf], undo: Undo) -> Result:
        conf, result, net = call.conf, call.prev_result, call.host.rtnl
        if result is None:
            raise InvalidConfig(
                "must be called as chained plugin",
                hint="bandwidth limits an interface that a plugin before it in the list has made",
            )
        if not conf.limited:
            return result
        far = host_end.find(call.host, call.pod, call.ifname, result, InvalidConfig)
        rest: list[Message] = []
        if conf.ingress is not None:
            _claim(call, far, shaping.root(far, conf.ingress, conf.subnets), ROOT, undo)
            rest += shaping.below_root(far, conf.ingress, conf.subnets)
        if conf.egress is not None:
            made = middle.create(net, *_identity(call), mtu=far.mtu)
            undo.push(f"remove {made.name}", partial(links.remove, net, made.name))
            result = result.but(interfaces=(*result.interfaces, Interface(name=made.name, mac=made.mac)))
            _claim(call, far, qdiscs.ingress(far), INGRESS, undo)
            rest += [ifb.set_alias(made, middle.alias(*_identity(call))), qdiscs.tbf(made, conf.egress)]
            rest += [filters.add(far, INGRESS_HANDLE, one) for one in shaping.to_ifb(made, conf.subnets)]
        net.batch(rest)
        return result

    def check(self, call: Call[BandwidthConf]) -> None:
        conf, result, net = call.conf, call.prev_result, call.host.rtnl
        if result is None:
            raise CheckFailed(
                "must be called as a chained plugin", hint="CHECK compares with what ADD answered"
            )
        if not conf.limited:
            return
        far = host_end.find(call.host, call.pod, call.ifname, result, CheckFailed)
        if conf.ingress is not None and conf.subnets is None:
            shaping.check_sending(net, far, conf.ingress)
        if conf.ingress is not None and conf.subnets is not None:
            shaping.check_classes(net, far, conf.ingress, conf.subnets)
        if conf.egress is not None:
            there = middle.found(net, *_identity(call))
            if not there:
                name, _ = middle.names(*_identity(call))
                raise CheckFailed(f"get ifb device: there is no link {name}", hint="something removed it")
            shaping.check_sending(net, there[0], conf.egress)
            shaping.check_redirected(net, far, there[0], conf.subnets)

    def delete(self, call: Call[BandwidthConf]) -> None:
        """The host's end goes with the container's, as a rule before this; the ifb would stay for ever."""
        net = call.host.rtnl
        there = middle.found(net, *_identity(call))
        _take_off(call, there)
        for one in there:
            with suppress(NotFound):
                net.request(links.delete(one))

    def gc(self, call: Call[BandwidthConf]) -> None:
        middle.remove_others(call.host.rtnl, call.network, call.valid)


def _identity(call: Call[BandwidthConf]) -> tuple[str, str, str]:
    return call.network, call.container_id, call.ifname


def _claim(call: Call[BandwidthConf], far: Link, message: Message, parent: int, undo: Undo) -> None:
    """A link has one queue in either direction: what is somebody else's is not to be replaced, nor taken back."""
    net = call.host.rtnl
    try:
        net.request(message)
    except Exists as error:
        raise Exists(
            error.message, errno=error.errno, hint=f"see `tc qdisc show dev {far.name}`: it has one already"
        ) from error
    undo.push(f"take the limits off {far.name}", partial(qdiscs.remove, net, far, parent))


def _take_off(call: Call[BandwidthConf], there: list[Link]) -> None:
    """From a host's end that is still there."""
    near = links.find(call.sandbox.rtnl, call.ifname) if call.sandbox else None
    far = host_end.peer(call.host, near) if near else None
    if far is None:
        return
    net, ours = call.host.rtnl, {one.index for one in there}
    root = qdiscs.find(net, far)
    if root is not None and root.kind in ("tbf", "htb") and root.handle == qdiscs.FIRST:
        qdiscs.remove(net, far, ROOT)
    if ours and any(one.redirect in ours for one in filters.dump(net, far, INGRESS_HANDLE)):
        qdiscs.remove(net, far, INGRESS)
