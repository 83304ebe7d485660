"""What ADD would only find once it has begun, found before: wishes that no plugin hears, addresses that can't be had,
links that are not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_interface
from typing import Any

from multinet.cli.explain.explanation import Range
from multinet.cli.findings import Finding, Severity
from multinet.cli.parents import parent_faults
from multinet.cli.workloads import Workload
from multinet.cni.args import Args
from multinet.cni.types import IP, Result
from multinet.delegate.invoke import Find, Plugin, Scene
from multinet.delegate.pools import Pool
from multinet.errors import MultinetError
from multinet.kernel.namespace import Namespace
from multinet.npwg.selection import Selection
from multinet.npwg.status import NetworkStatus
from multinet.pipeline import chain, honoured
from multinet.pipeline.chain import Chain
from multinet.plan import Attachment

WISHES: Mapping[str, str] = {"ips": "IP", "mac": "MAC"}
"""Capability -> the key of CNI_ARGS that carries the same."""


def unheard(read: Chain, find: Find) -> Iterator[Finding]:
    """An address or a MAC that no plugin of the list takes: ADD fails when it is not in the result.

    A plugin that takes it reads its configuration otherwise with it than without it. Programs of the node can't be
    looked into: of a list with one it is only told that it declares nothing.
    """
    attachment = read.attachment
    for capability, ask in (("ips", bool(attachment.ips)), ("mac", bool(attachment.mac))):
        if not ask or (capability in attachment.conflist.capabilities() and read.runs_programs):
            continue
        if not read.runs_programs and _heard(read, capability, find):
            continue
        only = replace(attachment, ips=attachment.ips if capability == "ips" else (), mac="")
        if capability == "mac":
            only = replace(only, mac=attachment.mac)
        try:
            honoured.verify(only, Result())
        except MultinetError as error:
            found = Finding.of(error, "")
            yield replace(found, severity=Severity.WARNING) if read.runs_programs else found


def _heard(read: Chain, capability: str, find: Find) -> bool:
    without = _without(read.attachment, capability)
    try:
        other = chain.read(without, find)
    except MultinetError:
        return True  # it can't be read without
    return [_readings(plugin) for plugin in read.plugins] != [_readings(plugin) for plugin in other.plugins]


def _readings(plugin: Plugin) -> tuple[Any, Any]:
    return plugin.parsed, plugin.ipam.parsed if plugin.ipam else None


def _without(attachment: Attachment, capability: str) -> Attachment:
    key = WISHES[capability]
    pairs = Args.parse(attachment.args).pairs
    return replace(
        attachment,
        args=";".join(f"{name}={value}" for name, value in pairs.items() if name != key),
        capability_args={
            name: value for name, value in attachment.capability_args.items() if name != capability
        },
    )


def ranges(read: Chain, *, known: bool) -> Iterator[Range]:
    """``known``: is this the machine on which the addresses are kept?"""
    for pool in _pools(read):
        for stretch in pool.stretches:
            yield Range(addresses=str(stretch), size=stretch.size, used=stretch.used if known else None)


def addresses(
    read: Chain, work: Workload, given: Sequence[NetworkStatus], *, known: bool
) -> Iterator[Finding]:
    """Addresses that are asked for and in no range, or taken; ranges that are full."""
    mine = {ip_interface(str(ip)).ip for one in given for ip in one.ips}
    wanted = [ip_interface(ip).ip for ip in read.attachment.ips]
    pools = [pool for pool in _pools(read) if pool.stretches]
    for address in wanted:
        if pools and not any(address in stretch for pool in pools for stretch in pool.stretches):
            listed = ", ".join(str(stretch) for pool in pools for stretch in pool.stretches)
            yield _fault(
                read,
                f"the address {address} is in none of the network's ranges ({listed})",
                "ask for one of them, or widen a range",
            )
    if not known:
        return
    for pool in pools:
        yield from _taken(read, pool, [one for one in wanted if one not in mine])
        for stretch in pool.stretches:
            if not stretch.free and not any(one in stretch for one in mine):
                yield _fault(
                    read,
                    f"no address is left in {stretch}: all {stretch.size} are taken",
                    "free some (`multinet ipam` shows whose they are), or widen the range",
                )


def _taken(read: Chain, pool: Pool, wanted: Sequence[IP]) -> Iterator[Finding]:
    for held in pool.held:
        if held.address in wanted:
            owner = f"container {held.container_id} has it as {held.ifname}"
            yield _fault(
                read,
                f"the address {held.address} is taken: {owner if held.container_id else 'it is reserved'}",
                "ask for another, or end that pod first",
            )


def _pools(read: Chain) -> Iterator[Pool]:
    for plugin in read.plugins:
        if plugin.ipam is not None:
            with suppress(MultinetError):  # what can't be read here is not known here
                pool = plugin.ipam.delegate.pool(plugin.ipam.parsed, plugin.conf.name)
                if pool is not None:
                    yield pool


def on_this_node(read: Chain, host: Namespace) -> Iterator[Finding]:
    """What its plugins' STATUS says, and the links they stand on. Programs are not run for it."""
    for plugin in read.plugins:
        place = f"{read.attachment.network}[{plugin.type}]"
        for error in parent_faults(plugin.conf, host):
            error.place.insert(0, place)
            yield Finding.of(error, "")
    if read.runs_programs:
        return
    scene = Scene(container_id="", ifname="", netns="", host=host, sandbox=None)
    try:
        read.status(scene)
    except MultinetError as error:
        yield Finding.of(error, "")


def same_for_all(work: Workload, selections: Sequence[Selection]) -> Iterator[Finding]:
    """A template's address or MAC is that of each of its pods."""
    if not work.is_template or work.replicas < 2:
        return
    for one in selections:
        for what, value in (("address", ", ".join(map(str, one.ips))), ("MAC", one.mac)):
            if value:
                yield Finding(
                    where="",
                    severity=Severity.ERROR,
                    message=f"{one.network}: each of the {work.replicas} pods asks for the {what} {value}, and only "
                    "one can have it",
                    remedy="let the network give out addresses, or make a workload for each pod",
                )


def _fault(read: Chain, message: str, remedy: str) -> Finding:
    return Finding(
        where="", severity=Severity.ERROR, message=f"{read.attachment.network}: {message}", remedy=remedy
    )
