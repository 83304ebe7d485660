"""Making a VF as it was: by DEL, by the undoing of an ADD, by GC, and by the next ADD that is given the VF.

What is done is done again without harm, and is taken from the record alone: none of it may have been done before, or
all of it.
"""

from __future__ import annotations

import time
from pathlib import Path

from delegates.main.sriov import devices, settings
from delegates.main.sriov.devices import VfDevice
from delegates.main.sriov.record import Original, Record, Store
from multinet.errors import InvalidNetns, TryAgain
from multinet.kernel import links, moves
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from multinet.waiting import waiting

RETURN_SECONDS = 5.0
"""In which the kernel brings a device back from a namespace that ends."""
PAUSE_SECONDS = 0.02


def give_back(store: Store, path: Path, record: Record, host: Namespace, sandbox: Namespace | None) -> None:
    with store.lock(record.address):
        _give_back(store, path, record, host, sandbox)


def give_back_unattended(store: Store, path: Path, record: Record, host: Namespace) -> None:
    """Without being told of the container's namespace: it is gone, or where the record says."""
    try:
        sandbox = Namespace.open(record.netns)
    except InvalidNetns:
        give_back(store, path, record, host, None)
    else:
        with sandbox:
            give_back(store, path, record, host, sandbox)


def see_free(store: Store, address: str, host: Namespace) -> None:
    """Raises TryAgain while a container has the VF. Makes it as it was where one went without a DEL.

    To be called with the VF's lock held.
    """
    owner = store.owner(address)
    if owner is None:
        return
    if _is_namespace(owner):
        raise TryAgain(
            f"pci address {address} is already allocated",
            hint=f"to the container with the namespace {owner}, whose DEL has not come yet",
        )
    for path, record in store.all():
        if record.address == address:
            _give_back(store, path, record, host, None)
    store.take_back(address)


def _give_back(store: Store, path: Path, record: Record, host: Namespace, sandbox: Namespace | None) -> None:
    owner = store.owner(record.address)
    if owner == record.netns or (record.foreign and (owner is None or not _is_namespace(owner))):
        _restore(record, host, sandbox)
        store.take_back(record.address)
    # Else nothing was changed yet, or all is as it was and the VF may be another's by now.
    store.tidy(record.address)
    store.forget(path)


def _restore(record: Record, host: Namespace, sandbox: Namespace | None) -> None:
    device = devices.find(record.address)
    if device is None:
        return  # the PF has other VFs now, or none, and what was set went with it
    original = record.original
    away = None
    if original.name and not device.userspace and devices.at_home(device, host) is None and sandbox:
        away = _in_container(record, sandbox)
        if away is not None:
            sandbox.rtnl.request(links.set_down(away))  # or it would speak without its VLAN
    # A PF without a link has no driver any more that could know of the VF.
    pf = devices.find_pf_link(device, host)
    if pf is not None:
        settings.restore(host.rtnl, pf, record.wanted, original.vf)
    if not original.name or device.userspace or not device.driver:
        return
    if away is not None and sandbox is not None:
        moves.move(away, sandbox, host, name=original.name, alias="")
    _make_as_it_was(_arrived(device, host), original, host)
    if pf is not None and record.wanted.mac:
        # What a VF says of its own MAC counts as the PF's with some drivers (igb, ixgbe).
        settings.restore(host.rtnl, pf, record.wanted, original.vf)


def _in_container(record: Record, sandbox: Namespace) -> Link | None:
    """Whatever it is called there; by its name and alias where the kernel does not tell whose link it is."""
    link = next((one for one in links.dump(sandbox.rtnl) if one.device == record.address), None)
    if link is None:
        named = links.find(sandbox.rtnl, record.ifname)
        ours = (record.original.name, "") if record.foreign else (record.original.name,)
        if named is not None and not named.kind and not named.device and named.alias in ours:
            return named
    return link


def _arrived(device: VfDevice, host: Namespace) -> Link:
    """The link of the VF on the host, where the kernel brings it when its namespace ends, a moment later."""
    deadline = time.monotonic() + RETURN_SECONDS
    while (link := devices.at_home(device, host)) is None:
        if time.monotonic() > deadline:
            raise TryAgain(
                f"VF {device.address} did not come back to the host",
                hint="a process may keep the container's namespace alive; it comes back when that ends",
            )
        with waiting():
            time.sleep(PAUSE_SECONDS)
    return link


def _make_as_it_was(link: Link, original: Original, host: Namespace) -> None:
    if link.name != original.name or link.alias == original.name:
        host.rtnl.batch(moves.call_again(link, original.name))
    if original.mtu and link.mtu != original.mtu:
        host.rtnl.request(links.set_mtu(link, original.mtu))
    if original.mac and link.mac != original.mac:
        settings.give_mac(host, link, original.mac)
    if original.up != links.get_by_index(host.rtnl, link.index).up:
        host.rtnl.request(links.set_up(link) if original.up else links.set_down(link))


def _is_namespace(path: str) -> bool:
    try:
        Namespace.open(path).close()
    except InvalidNetns:
        return False
    return True
