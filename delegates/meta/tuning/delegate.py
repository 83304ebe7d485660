"""tuning: ADD, CHECK, DEL."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar

from delegates.meta.tuning import original, sysctls
from delegates.meta.tuning.conf import TuningConf, parse
from delegates.meta.tuning.original import Values
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Result
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import CheckFailed, InvalidConfig, KernelError
from multinet.kernel import links, verify
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from multinet.kernel.rtnl import Message


class Tuning(Delegate[TuningConf]):
    delegates_ipam: ClassVar[bool] = False

    def parse(self, conf: NetConf, args: Args) -> TuningConf:
        return parse(conf, args)

    def add(self, call: Call[TuningConf], undo: Undo) -> Result:
        conf, pod, result = call.conf, call.pod, call.prev_result
        sysctls.refuse_forbidden(conf.sysctl)
        if result is None:
            raise InvalidConfig(
                "Required prevResult missing",
                hint="tuning changes what a plugin before it in the list has made",
            )
        if conf.sysctl:
            sysctls.write(pod, conf.sysctl, call.ifname, undo)
        if conf.changes_link:
            link = links.get(pod.rtnl, call.ifname)
            path, before = _path(call), original.values_of(link, conf)
            earlier = original.recall(path)
            undo.push(f"make {call.ifname} as it was", partial(_put_back, pod, link, before, path, earlier))
            original.remember(path, before, earlier)
            pod.rtnl.batch(changes(link, conf))
        return with_mac(result, call.ifname, conf.mac)

    def check(self, call: Call[TuningConf]) -> None:
        conf, pod, ifname = call.conf, call.pod, call.ifname
        if call.prev_result is None:
            raise CheckFailed("Required prevResult missing", hint="CHECK compares with what ADD answered")
        sysctls.check(pod, conf.sysctl, ifname)
        link = verify.container_link(pod, ifname)
        if conf.mac and conf.mac != link.mac:
            raise differs("Ethernet", ifname, conf.mac, link.mac)
        if conf.promisc != link.promisc:
            raise CheckFailed(
                f"Error: Tuning link {ifname} configured promisc is {_word(conf.promisc)}, "
                f"current value is {int(link.promisc)}"
            )
        if conf.mtu and conf.mtu != link.mtu:
            raise differs("MTU", ifname, conf.mtu, link.mtu)
        if conf.allmulti is not None and conf.allmulti != link.allmulti:
            raise differs("all-multicast mode", ifname, _word(conf.allmulti), _word(link.allmulti))
        if conf.txqlen is not None and conf.txqlen != link.txqlen:
            raise differs("Transmit Queue Length", ifname, conf.txqlen, link.txqlen)

    def delete(self, call: Call[TuningConf]) -> None:
        """What the kernel refuses to take back keeps nobody from deleting the rest; then the file stays."""
        path = _path(call)
        values = original.recall(path)
        link = links.find(call.sandbox.rtnl, call.ifname) if call.sandbox else None
        if link is not None and call.sandbox is not None and not _restore(call.sandbox, link, values):
            return
        original.forget(path)

    def gc(self, call: Call[TuningConf]) -> None:
        """The names of the files don't tell the network."""


def changes(link: Link, conf: TuningConf) -> list[Message]:
    found = []
    if conf.mac:
        found.append(links.set_mac(link, conf.mac))
    if conf.promisc:
        found.append(links.set_promisc(link, True))
    if conf.mtu:
        found.append(links.set_mtu(link, conf.mtu))
    if conf.allmulti is not None:
        found.append(links.set_allmulti(link, conf.allmulti))
    if conf.txqlen is not None:
        found.append(links.set_txqlen(link, conf.txqlen))
    return found


def with_mac(result: Result, ifname: str, mac: str) -> Result:
    """The result, with the MAC that the interface has now."""
    if not mac:
        return result
    return result.but(
        interfaces=tuple(replace(one, mac=mac) if one.name == ifname else one for one in result.interfaces)
    )


def differs(what: str, ifname: str, wanted: object, found: object) -> CheckFailed:
    return CheckFailed(f"Error: Tuning configured {what} of {ifname} is {wanted}, current value is {found}")


def _word(switch: bool) -> str:
    return "true" if switch else "false"


def _path(call: Call[TuningConf]) -> str:
    return original.path_of(call.conf.data_dir, call.container_id, call.ifname)


def _restore(pod: Namespace, link: Link, values: Values) -> bool:
    """Each on its own. False when one of them is refused."""
    good = True
    for message in original.messages(link, values):
        try:
            pod.rtnl.request(message)
        except KernelError:
            good = False
    return good


def _put_back(pod: Namespace, link: Link, before: Values, path: str, earlier: Values) -> None:
    """As before this ADD, which need not be as it was in the beginning."""
    try:
        pod.rtnl.batch(original.messages(link, before))
    finally:
        if earlier:
            original.remember(path, earlier, {})
        else:
            original.forget(path)
