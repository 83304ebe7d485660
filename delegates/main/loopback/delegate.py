"""loopback: ADD, CHECK, DEL. CNI_IFNAME does not matter: it is always ``lo``."""

from __future__ import annotations

from functools import partial

from delegates.main.loopback.conf import LoopbackConf, parse
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Address, Interface, Result
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import CheckFailed, InvalidConfig
from multinet.kernel import addresses, links
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace

NAME = "lo"
MAC = "00:00:00:00:00:00"


class Loopback(Delegate[LoopbackConf]):
    def parse(self, conf: NetConf, args: Args) -> LoopbackConf:
        return parse(conf)

    def add(self, call: Call[LoopbackConf], undo: Undo) -> Result:
        link = links.get(call.pod.rtnl, NAME)
        if not link.up:
            call.pod.rtnl.request(links.set_up(link.index))
            undo.push("set lo down", partial(_set_down, call.pod, link))
        held = addresses.dump(call.pod.rtnl, link.index)
        for one in held:
            if not one.address.ip.is_loopback:
                raise InvalidConfig(
                    f'loopback interface found with non-loopback address "{one.address}"',
                    hint=f"remove it from {NAME} in the container",
                )
        if call.prev_result is not None:
            return call.prev_result
        by_family = {one.address.version: one.address for one in reversed(held)}
        return Result(
            interfaces=(Interface(name=NAME, mac=MAC, sandbox=call.netns),),
            ips=tuple(Address(address=by_family[family], interface=0) for family in sorted(by_family)),
        )

    def check(self, call: Call[LoopbackConf]) -> None:
        if not links.get(call.pod.rtnl, NAME).up:
            raise CheckFailed("loopback interface is down", hint="something in the container set it down")

    def delete(self, call: Call[LoopbackConf]) -> None:
        if call.sandbox is not None:
            _set_down(call.sandbox, links.get(call.sandbox.rtnl, NAME))


def _set_down(pod: Namespace, link: Link) -> None:
    pod.rtnl.request(links.set_down(link.index))
