"""host-device: ADD, CHECK, DEL, GC, STATUS."""

from __future__ import annotations

from functools import partial

from delegates.main.host_device import devices
from delegates.main.host_device.conf import HostDeviceConf, parse
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Interface, Result
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import CheckFailed, MultinetError
from multinet.kernel import links, moves, verify
from multinet.kernel.configure import configure_interface
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace


class HostDevice(Delegate[HostDeviceConf]):
    def parse(self, conf: NetConf, args: Args) -> HostDeviceConf:
        return parse(conf, args)

    def add(self, call: Call[HostDeviceConf], undo: Undo) -> Result:
        link = None if devices.is_userspace(call.conf) else _move_in(call, undo)
        interface = Interface(name=call.ifname, mac=link.mac if link else "", sandbox=call.netns)
        result = Result(interfaces=(interface,), dns=call.dns)
        if call.ipam:
            given = call.ipam.add(undo)
            result = result.but(
                ips=tuple(ip.on(0) for ip in given.ips), routes=given.routes, dns=call.dns_of(given)
            )
        if link:
            configure_interface(call.pod, call.ifname, result, link=link)
        return result

    def check(self, call: Call[HostDeviceConf]) -> None:
        if call.ipam:
            call.ipam.check(call.prev_result)
        result = call.prev_result
        if result is None:
            raise CheckFailed("Required prevResult missing", hint="CHECK compares with what ADD answered")
        if devices.is_userspace(call.conf):
            return
        told = verify.sandbox_interface(result, call.ifname, call.netns)
        link = verify.container_link(call.pod, call.ifname)
        if told.mac and told.mac.lower() != link.mac:
            raise CheckFailed(
                f"Interface {call.ifname} Mac {told.mac} doesn't match container Mac: {link.mac}"
            )
        verify.addresses(call.pod, call.ifname, result)
        verify.routes(call.pod, result)

    def delete(self, call: Call[HostDeviceConf]) -> None:
        if call.sandbox is None:
            devices.restore_stray(call.conf, call.host, call.ifname)
        else:
            link = links.find(call.sandbox.rtnl, call.ifname)
            if link is not None and _is_ours(call, link):
                _move_out(link, call.sandbox, call.host)
        if call.ipam:
            call.ipam.delete()


def _move_in(call: Call[HostDeviceConf], undo: Undo) -> Link:
    device = devices.find(call.conf, call.host, call.ifname)
    moved = moves.move(device, call.host, call.pod, name=call.ifname, alias=device.name)
    undo.push(
        f"move {call.ifname} back to be {device.name}",
        partial(_move_out, moved, call.pod, call.host, up=device.up),
    )
    return moved


def _move_out(link: Link, pod: Namespace, host: Namespace, *, up: bool = False) -> None:
    moves.move(link, pod, host, name=link.alias, alias="", up=up)


def _is_ours(call: Call[HostDeviceConf], link: Link) -> bool:
    """The kernel noted the name on the host when the device came. Without it this is another's link, unless ADD
    told of it."""
    if link.alias:
        return True
    told = call.prev_result.interfaces if call.prev_result else ()
    if any(one.name == call.ifname and one.mac and one.mac.lower() == link.mac for one in told):
        raise MultinetError(
            f'failed to find original ifname for "{call.ifname}" (alias is not set)',
            hint=f"somebody cleared it: say it again with `ip link set {call.ifname} alias NAME`",
        )
    return False
