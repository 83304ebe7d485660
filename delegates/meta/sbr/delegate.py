"""sbr: ADD, CHECK, DEL."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import ClassVar

from delegates.meta.sbr import moving
from delegates.meta.sbr.conf import SbrConf, parse
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import IP, Address, Result
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import CheckFailed, InvalidConfig
from multinet.kernel import links, routes, rules
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from multinet.kernel.routes import RouteEntry


class Sbr(Delegate[SbrConf]):
    delegates_ipam: ClassVar[bool] = False

    def parse(self, conf: NetConf, args: Args) -> SbrConf:
        return parse(conf, args)

    def add(self, call: Call[SbrConf], undo: Undo) -> Result:
        conf, pod, result = call.conf, call.pod, call.prev_result
        if result is None:
            raise InvalidConfig(
                "This plugin must be called as chained plugin",
                hint="sbr routes for the addresses that a plugin before it in the list has given",
            )
        ips = own(result, call.ifname)
        if not ips:
            raise InvalidConfig(
                f"No IP addresses supplied on interface: {call.ifname}",
                hint="let the plugin before it have an ipam",
            )
        with moving.alone(pod):
            net, link = pod.rtnl, links.get(pod.rtnl, call.ifname)
            if conf.table is not None:
                add_rules(pod, ips, conf.table, undo)
                return result
            entries = moving.routes_of(net, link)
            tables = list(islice(moving.free_tables(net), len(ips)))
            undo.push(f"move the routes of {call.ifname} back", partial(restore, pod, link, entries, tables))
            for ip, table in zip(ips, tables, strict=True):
                gateway = conf.gateways.get(ip.address.version) or ip.gateway
                moving.give_table(net, link, ip, table, gateway, entries)
            if conf.source_hints:
                moving.leave_hints(net, link, ips, entries)
            else:
                moving.leave_main(net, entries)
        return result

    def check(self, call: Call[SbrConf]) -> None:
        """Every address has its rule, and where it is ours the table has a way out."""
        conf, net, result = call.conf, call.pod.rtnl, call.prev_result
        if result is None:
            raise CheckFailed("Required prevResult missing", hint="CHECK compares with what ADD answered")
        for ip in own(result, call.ifname):
            source = ip.address.ip
            found = moving.rules_of(net, [source], conf.table)
            if not found:
                table = "a table of its own" if conf.table is None else f"table {conf.table}"
                raise CheckFailed(
                    f"there is no rule that {source} looks into {table}",
                    hint="something removed it after ADD",
                )
            gateway = conf.gateways.get(source.version) or ip.gateway
            if conf.table is None and gateway is not None:
                _check_default(call, gateway, [rule.table for rule in found])

    def delete(self, call: Call[SbrConf]) -> None:
        pod = call.sandbox
        if pod is None:
            return
        ips = own(call.prev_result, call.ifname) if call.prev_result else ()
        with moving.alone(pod):
            link = links.find(pod.rtnl, call.ifname)
            found = moving.rules_of(pod.rtnl, moving.sources_of(pod.rtnl, link, ips), call.conf.table)
            if link is not None and call.conf.table is None:
                moving.move_back(pod.rtnl, link, found)
            moving.forget(pod.rtnl, found)

    def gc(self, call: Call[SbrConf]) -> None:
        """All of it is in the container."""


def own(result: Result, ifname: str) -> Sequence[Address]:
    """The addresses that are not known to be another interface's."""

    def is_others(ip: Address) -> bool:
        index = ip.interface
        known = index is not None and 0 <= index < len(result.interfaces)
        return known and result.interfaces[index or 0].name != ifname

    return [ip for ip in result.ips if not is_others(ip)]


def _check_default(call: Call[SbrConf], gateway: IP, tables: Sequence[int]) -> None:
    for table in tables:
        for entry in routes.dump(call.pod.rtnl, gateway.version, table):
            if entry.is_default:
                return
    raise CheckFailed(
        f"table {tables[0]} of {call.ifname} has no default route over {gateway}",
        hint="something removed it after ADD",
    )


def add_rules(pod: Namespace, ips: Sequence[Address], table: int, undo: Undo) -> None:
    for ip in ips:
        source = ip.address.ip
        pod.rtnl.request(rules.add(source, table))
        undo.push(f"remove the rule of {source}", partial(remove_rules, pod, source, table))


def remove_rules(pod: Namespace, source: IP, table: int) -> None:
    moving.forget(pod.rtnl, moving.rules_of(pod.rtnl, [source], table))


def restore(pod: Namespace, link: Link, entries: Sequence[RouteEntry], tables: Sequence[int]) -> None:
    """All that was there, the default routes as well. The tables were nobody's before."""
    found = [rule for rule in rules.dump(pod.rtnl) if rule.table in tables]
    moving.restore(pod.rtnl, link, entries, found)
