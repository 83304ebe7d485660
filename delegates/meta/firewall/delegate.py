"""firewall: ADD, CHECK, DEL, GC, STATUS."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial
from typing import ClassVar

from delegates.meta.firewall import by_firewalld, by_iptables, by_nftables, ledger
from delegates.meta.firewall.by_nftables import Owner
from delegates.meta.firewall.conf import FIREWALLD, IPTABLES, NFTABLES, OPEN, FirewallConf, parse
from delegates.meta.firewall.ledger import Entry, Passage
from multinet.cni.args import Args
from multinet.cni.names import check_ifname
from multinet.cni.netconf import NetConf
from multinet.cni.types import IP, Result
from multinet.cni.versions import SUPPORTED, at_least
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import (
    BadEnvironment,
    CheckFailed,
    InvalidConfig,
    MultinetError,
    NotAvailable,
    attempt,
    raise_together,
)
from multinet.kernel import addresses, links, masquerade
from multinet.kernel.addresses import SCOPE_UNIVERSE
from multinet.kernel.iptables import Iptables
from multinet.kernel.namespace import Namespace

OLDEST = "0.4.0"
"""The reference's is served from there on."""

NO_RESULT = "missing prevResult from earlier plugin"


class Firewall(Delegate[FirewallConf]):
    delegates_ipam: ClassVar[bool] = False
    versions: ClassVar[tuple[str, ...]] = tuple(one for one in SUPPORTED if at_least(one, OLDEST))

    def parse(self, conf: NetConf, args: Args) -> FirewallConf:
        return parse(conf, args)

    def add(self, call: Call[FirewallConf], undo: Undo) -> Result:
        conf, result = call.conf, call.prev_result
        if result is None:
            raise InvalidConfig(
                NO_RESULT, hint="firewall lets through what a plugin before it in the list has made"
            )
        bridge, ips = bridge_of(conf, result), ips_of(result)
        backend = backend_for(call.host, conf.backend)
        if backend == NFTABLES:
            set_up_in_nf_tables(call, result, bridge, ips, undo)
            return result
        zone = conf.zone if backend == FIREWALLD else ""
        with ledger.opened(conf.data_dir):
            if ips:
                remember(call, [(ip, zone) for ip in ips], undo)
            if zone:
                by_firewalld.add(zone, ips, undo)
                ips = ()
            # firewalld has nothing for the policies. Where there is no iptables either, nf_tables is left.
            if zone and bridge and not by_iptables.installed(call.host):
                set_up_in_nf_tables(call, result, bridge, ips, undo)
            elif ips or bridge:
                set_up(call, result, bridge, ips, undo)
        return result

    def check(self, call: Call[FirewallConf]) -> None:
        conf, host, result = call.conf, call.host, call.prev_result
        if result is None:
            raise CheckFailed(NO_RESULT, hint="CHECK compares with what ADD answered")
        bridge, ips = bridge_of(conf, result), ips_of(result)
        backend = backend_for(host, conf.backend or written_backend(call))
        if backend == FIREWALLD:
            by_firewalld.check(conf.zone, ips)
            ips = ()
        if backend == NFTABLES or (backend == FIREWALLD and bridge and not by_iptables.installed(host)):
            by_nftables.check(host, owner_of(call), in_nf_tables(conf, result, bridge, ips))
        elif ips or bridge:
            for version, wanted in in_iptables(conf, result, bridge, ips).items():
                by_iptables.check(host, version, wanted)

    def delete(self, call: Call[FirewallConf]) -> None:
        """By whichever backend: it may have been another on the day of ADD."""
        conf = call.conf
        failures: list[MultinetError] = []
        removed = False
        try:
            removed = by_nftables.remove(call.host, owner_of(call))
        except MultinetError as error:
            failures.append(error)
        with ledger.found(conf.data_dir):
            entry = Entry.read(ledger.path_of(conf.data_dir, call.container_id, call.ifname))
            passages = entry.passages if entry else () if removed else likely(call)
            failures += revoke(call.host, conf, passages, call.container_id, call.ifname)
        raise_together(failures)

    def gc(self, call: Call[FirewallConf]) -> None:
        conf = call.conf
        failures: list[MultinetError] = []
        attempt(failures, partial(by_nftables.gc, call.host, call.network, call.valid))
        with ledger.found(conf.data_dir):
            for entry in list(ledger.entries(conf.data_dir)):
                if entry.network == call.network and (entry.container_id, entry.ifname) not in call.valid:
                    failures += revoke(call.host, conf, entry.passages, entry.container_id, entry.ifname)
        raise_together(failures)

    def status(self, call: Call[FirewallConf]) -> None:
        host, backend = call.host, backend_for(call.host, call.conf.backend)
        if backend == FIREWALLD and not by_firewalld.running():
            raise NotAvailable("firewalld is not on D-Bus", hint="start it, or choose another backend")
        if backend == IPTABLES and not Iptables(host, 4).usable():
            raise NotAvailable(
                "iptables can't be used here", hint="install it, or set the backend to nftables"
            )
        if backend == NFTABLES and not masquerade.nftables_usable(host):
            raise NotAvailable("nf_tables can't be used here", hint="the kernel has none, or refuses")


def backend_for(host: Namespace, wanted: str) -> str:
    """When none is named: the reference's choice, and where that has none to make, nf_tables."""
    if wanted:
        return wanted
    if by_firewalld.running():
        return FIREWALLD
    return IPTABLES if by_iptables.installed(host) else NFTABLES


def written_backend(call: Call[FirewallConf]) -> str:
    """The one that ADD took: firewalld may have been started, or stopped, since. "" where nothing is written."""
    entry = Entry.read(ledger.path_of(call.conf.data_dir, call.container_id, call.ifname))
    if entry is None:
        return ""
    return FIREWALLD if all(zone for _, zone in entry.passages) else IPTABLES


def bridge_of(conf: FirewallConf, result: Result) -> str:
    """The bridge that is to be kept apart, "" where none is: the result's first interface."""
    if conf.policy == OPEN:
        return ""
    hint = "the first interface of prevResult is the bridge"
    if not result.interfaces:
        raise InvalidConfig(
            f'interface needs to be set for ingress policy "{conf.policy}", '
            'make sure to chain "firewall" plugin with "bridge"',
            hint=hint,
        )
    name = result.interfaces[0].name
    if not name:
        raise InvalidConfig("got empty bridge name", hint=hint)
    try:
        check_ifname(name)
    except BadEnvironment as error:
        raise InvalidConfig(
            f"the bridge of ingress policy {conf.policy}: {error.message}", hint=hint
        ) from None
    return name


def ips_of(result: Result) -> tuple[IP, ...]:
    return tuple(dict.fromkeys(one.address.ip for one in result.ips))


def owner_of(call: Call[FirewallConf]) -> Owner:
    return Owner(network=call.network, container_id=call.container_id, ifname=call.ifname)


def in_nf_tables(conf: FirewallConf, result: Result, bridge: str, ips: tuple[IP, ...]) -> by_nftables.Wanted:
    ports = tuple(one.name for one in result.interfaces[1:] if not one.sandbox) if bridge else ()
    return by_nftables.Wanted(
        admin_chain=conf.admin_chain, ips=ips, policy=conf.policy, bridge=bridge, ports=ports
    )


def in_iptables(
    conf: FirewallConf, result: Result, bridge: str, ips: tuple[IP, ...]
) -> dict[int, by_iptables.Wanted]:
    """By IP version, of those that the container has addresses of."""
    return {
        version: by_iptables.Wanted(
            admin_chain=conf.admin_chain,
            ips=tuple(ip for ip in ips if ip.version == version),
            policy=conf.policy,
            bridge=bridge,
        )
        for version in sorted({one.address.version for one in result.ips})
    }


def set_up(call: Call[FirewallConf], result: Result, bridge: str, ips: tuple[IP, ...], undo: Undo) -> None:
    """By iptables: ``ips`` pass, and the bridge is kept apart."""
    for version, wanted in in_iptables(call.conf, result, bridge, ips).items():
        new = by_iptables.setup(call.host, version, wanted)
        undo.push(f"let {call.ifname} through no more", partial(by_iptables.remove, call.host, new))


def set_up_in_nf_tables(
    call: Call[FirewallConf], result: Result, bridge: str, ips: tuple[IP, ...], undo: Undo
) -> None:
    owner = owner_of(call)
    by_nftables.setup(call.host, owner, in_nf_tables(call.conf, result, bridge, ips))
    undo.push(f"let {call.ifname} through no more", partial(by_nftables.remove, call.host, owner))


def remember(call: Call[FirewallConf], passages: Iterable[Passage], undo: Undo) -> None:
    """Write down what is about to be made, beside what an earlier firewall of the same list has written."""
    folder, container_id, ifname = call.conf.data_dir, call.container_id, call.ifname
    earlier = Entry.read(ledger.path_of(folder, container_id, ifname))
    entry = Entry(
        container_id=container_id,
        ifname=ifname,
        network=call.network,
        passages=frozenset(passages) | (earlier.passages if earlier else frozenset()),
    )
    undo.push(
        "forget the addresses",
        partial(earlier.write, folder) if earlier else partial(ledger.forget, folder, container_id, ifname),
    )
    entry.write(folder)


def likely(call: Call[FirewallConf]) -> Collection[Passage]:
    """What an attachment that nothing is written about may have: the reference's, for one. The addresses are those of
    the result, or else those of the interface, where there is one."""
    conf, sandbox = call.conf, call.sandbox
    ips: tuple[IP, ...] = ()
    if call.prev_result is not None:
        ips = ips_of(call.prev_result)
    elif sandbox is not None and (link := links.find(sandbox.rtnl, call.ifname)):
        held = addresses.dump(sandbox.rtnl, link.index)
        ips = tuple(one.address.ip for one in held if one.scope == SCOPE_UNIVERSE)
    zones = ("", conf.zone) if conf.backend in ("", FIREWALLD) else ("",)
    return [(ip, zone) for ip in ips for zone in zones]


def revoke(
    host: Namespace, conf: FirewallConf, passages: Collection[Passage], container_id: str, ifname: str
) -> list[MultinetError]:
    """End what no other attachment holds, all of it whatever fails; what is written goes when nothing did."""
    failures: list[MultinetError] = []
    held = ledger.held_by_others(conf.data_dir, container_id, ifname) if passages else ()
    by_zone: dict[str, list[IP]] = {}
    for ip, zone in sorted(passages, key=str):
        if (ip, zone) not in held:
            by_zone.setdefault(zone, []).append(ip)
    for zone, ips in by_zone.items():
        try:
            if zone:
                by_firewalld.remove(zone, ips)
            else:
                by_iptables.remove(host, ips)
        except MultinetError as error:
            failures.append(error)
    if not failures:
        ledger.forget(conf.data_dir, container_id, ifname)
    return failures
