"""sriov: ADD, CHECK, DEL, GC, STATUS."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from delegates.main.sriov import device_info, devices, settings, way_back
from delegates.main.sriov.conf import SriovConf, parse
from delegates.main.sriov.devices import VfDevice
from delegates.main.sriov.record import Original, Record, Store
from multinet import files
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Interface, Result
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import (
    CheckFailed,
    InvalidConfig,
    IOFailure,
    MultinetError,
    NotAvailable,
    attempt,
    raise_together,
)
from multinet.kernel import links, moves, verify, vfs
from multinet.kernel.configure import configure_interface
from multinet.kernel.links import Link

NO_MAC = "00:00:00:00:00:00"


class Sriov(Delegate[SriovConf]):
    def parse(self, conf: NetConf, args: Args) -> SriovConf:
        return parse(conf, args)

    def add(self, call: Call[SriovConf], undo: Undo) -> Result:
        conf = call.conf
        device = devices.vf(conf.device_id)
        link, mac, mtu = _take(call, device, undo)
        interface = Interface(name=call.ifname, mac=mac, mtu=mtu, sandbox=call.netns, pci_id=device.address)
        result = Result(interfaces=(interface,), dns=call.dns)
        if call.ipam:
            given = call.ipam.add(undo)
            result = result.but(
                ips=tuple(ip.on(0) for ip in given.ips), routes=given.routes, dns=call.dns_of(given)
            )
        if link is not None:
            configure_interface(call.pod, call.ifname, result, link=link, sysctls=_notices(call.ifname))
            # Some drivers (igbvf) take the MAC that the PF has for them as they come up.
            mac = links.get_by_index(call.pod.rtnl, link.index).mac
            result = result.but(interfaces=(replace(interface, mac=mac),))
        device_info.write(conf.device_info_file, device, undo)
        return result

    def check(self, call: Call[SriovConf]) -> None:
        if call.ipam:
            call.ipam.check(call.prev_result)
        result = call.prev_result
        if result is None:
            raise CheckFailed("Required prevResult missing", hint="CHECK compares with what ADD answered")
        record = _store(call).read(_path(call))
        if record is None:
            raise CheckFailed(f"no VF was given to {call.ifname}", hint="the record of its ADD is not there")
        device = devices.vf(record.address)
        pf = devices.pf_link(device, call.host)
        settings.check(call.host.rtnl, pf, device.number, record.wanted)
        if not record.original.name:
            return
        told = verify.sandbox_interface(result, call.ifname, call.netns)
        link = verify.container_link(call.pod, call.ifname)
        verify.mac(link, told)
        if record.wanted.mtu and link.mtu != record.wanted.mtu:
            raise CheckFailed(f"MTU of {call.ifname} is {link.mtu}, configured is {record.wanted.mtu}")
        verify.addresses(call.pod, call.ifname, result)
        verify.routes(call.pod, result)

    def delete(self, call: Call[SriovConf]) -> None:
        store, path = _store(call), _path(call)
        record = store.read(path)
        if record is None:
            store.forget(path)  # it may be half written
        else:
            if record.foreign:
                record = replace(record, ifname=call.ifname, netns=call.netns)
            if call.sandbox is None:
                way_back.give_back_unattended(store, path, record, call.host)
            else:
                way_back.give_back(store, path, record, call.host, call.sandbox)
        if call.ipam:
            call.ipam.delete()

    def gc(self, call: Call[SriovConf]) -> None:
        store = _store(call)
        attached = {store.path(*one) for one in call.valid}
        failures: list[MultinetError] = []
        for path, record in store.all():
            if record.network == call.network and path not in attached:
                if record.foreign:
                    record = replace(record, netns=store.owner(record.address) or "")
                attempt(failures, partial(way_back.give_back_unattended, store, path, record, call.host))
        if call.ipam:
            attempt(failures, call.ipam.gc)
        raise_together(failures)

    def status(self, call: Call[SriovConf]) -> None:
        try:
            files.probe_writable(files.nearest(call.conf.data_dir))
        except IOFailure as error:
            raise NotAvailable(error.message, hint=error.hint) from error
        if call.ipam:
            call.ipam.status()


def _take(call: Call[SriovConf], device: VfDevice, undo: Undo) -> tuple[Link | None, str, int]:
    """Set the VF up and move it; its link in the container, MAC and MTU there. One at a time for a VF."""
    store, path, wanted = _store(call), _path(call), call.conf.wanted
    with store.lock(device.address):
        way_back.see_free(store, device.address, call.host)
        device = devices.vf(device.address)  # nobody changes its driver from now on
        pf = devices.pf_link(device, call.host)
        link = None if device.userspace else devices.vf_link(device, call.host)
        record = _record(call, device, pf, link)
        # Pushed first, as each of what follows can be half done.
        undo.push(
            f"make VF {device.address} as it was",
            partial(way_back.give_back, store, path, record, call.host, call.pod),
        )
        store.write(path, record)
        store.give(device.address, call.netns)
        driver = devices.driver(device.pf_address)
        settings.apply(call.host.rtnl, pf, device.number, wanted, driver)
        if link is None:
            admin = record.original.vf.mac
            return None, wanted.mac or (admin if admin != NO_MAC else ""), pf.mtu
        moved = moves.move(link, call.host, call.pod, name=call.ifname, alias=link.name)
        if wanted.mac:
            settings.give_mac(call.pod, moved, wanted.mac)
        if wanted.mtu and wanted.mtu != moved.mtu:
            call.pod.rtnl.request(links.set_mtu(moved, wanted.mtu))
        return moved, wanted.mac or moved.mac, wanted.mtu or moved.mtu


def _record(call: Call[SriovConf], device: VfDevice, pf: Link, link: Link | None) -> Record:
    vf = vfs.find(call.host.rtnl, pf, device.number)
    if vf is None:
        raise InvalidConfig(
            f"{pf.name} knows no VF {device.number}",
            hint=f"the driver of {device.pf_address} has other VFs than PCI has: make them again",
        )
    return Record(
        network=call.network,
        container_id=call.container_id,
        ifname=call.ifname,
        netns=call.netns,
        address=device.address,
        pf=pf.name,
        wanted=call.conf.wanted,
        original=Original(
            name=link.name if link else "",
            mac=link.mac if link else "",
            mtu=link.mtu if link else 0,
            up=link.up if link else False,
            vf=vf,
        ),
        ipam=call.ipam.type if call.ipam else "",
    )


def _notices(ifname: str) -> list[tuple[str, str]]:
    """The kernel tells the neighbours when the link comes up or changes its MAC, and lets IPv6 addresses be used
    while they are tested."""
    return [
        (f"net/ipv4/conf/{ifname}/arp_notify", "1"),
        (f"net/ipv6/conf/{ifname}/ndisc_notify", "1"),
        (f"net/ipv6/conf/{ifname}/optimistic_dad", "1"),
    ]


def _store(call: Call[SriovConf]) -> Store:
    return Store(call.conf.data_dir)


def _path(call: Call[SriovConf]) -> Path:
    return _store(call).path(call.container_id, call.ifname)
