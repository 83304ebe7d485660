"""static: ADD, CHECK, STATUS. Nothing is kept, so DEL and GC have nothing to clear."""

from __future__ import annotations

from typing import ClassVar

from delegates.ipam.static.conf import StaticConf, parse
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Result
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import CheckFailed


class Static(Delegate[StaticConf]):
    delegates_ipam: ClassVar[bool] = False

    def parse(self, conf: NetConf, args: Args) -> StaticConf:
        return parse(conf, args)

    def add(self, call: Call[StaticConf], undo: Undo) -> Result:
        return Result(ips=call.conf.addresses, routes=call.conf.routes, dns=call.conf.dns)

    def check(self, call: Call[StaticConf]) -> None:
        """Every address must be in ``prevResult``, with the gateway if one is configured."""
        if call.prev_result is None:
            raise CheckFailed("Required prevResult missing", hint="CHECK is given what ADD answered")
        held = {one.address.ip: one.gateway for one in reversed(call.prev_result.ips)}
        for one in call.conf.addresses:
            address = one.address.ip
            if address not in held:
                raise CheckFailed(
                    f"static: Failed to find addr {address} on interface {call.ifname}",
                    hint="it was configured after ADD, or a later plugin took it out of the result",
                )
            if one.gateway is not None and one.gateway != held[address]:
                raise CheckFailed(
                    f"static: Failed to match addr {address} on interface {call.ifname}",
                    hint=f"its gateway is {held[address] or 'none'} in prevResult, {one.gateway} is configured",
                )

    def delete(self, call: Call[StaticConf]) -> None:
        """Also of a configuration that can't be read: nothing of it is needed."""

    def gc(self, call: Call[StaticConf]) -> None:
        """As DEL."""

    def status(self, call: Call[StaticConf]) -> None:
        if call.conf.fault is not None:
            raise call.conf.fault
