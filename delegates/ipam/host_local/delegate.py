"""host-local: ADD, CHECK, DEL, GC, STATUS."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from delegates.ipam.host_local import allocation, pools, resolvconf
from delegates.ipam.host_local.conf import HostLocalConf, parse
from delegates.ipam.host_local.index import Index, Indexes, number_of
from delegates.ipam.host_local.store import Store, owner_of, read_owner
from multinet import files
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import DNS, IP, Address, Result
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.pools import Pool, Reservation
from multinet.delegate.undo import Undo
from multinet.errors import AddressError, CheckFailed, IOFailure, NotAvailable


class HostLocal(Delegate[HostLocalConf]):
    """CHECK, DEL and GC make no folder: where there is none, nothing was given."""

    delegates_ipam: ClassVar[bool] = False

    def __init__(self) -> None:
        self._indexes = Indexes()

    def parse(self, conf: NetConf, args: Args) -> HostLocalConf:
        return parse(conf, args)

    def add(self, call: Call[HostLocalConf], undo: Undo) -> Result:
        conf = call.conf
        dns = resolvconf.read(conf.resolv_conf) if conf.resolv_conf else DNS()
        requested = list(conf.requested)
        ips = []
        with Store(_folder(call), self._indexes, made=True) as store:
            for number, ranges in enumerate(conf.sets):
                wanted = next((address for address in requested if ranges.range_of(address)), None)
                if wanted is not None:
                    requested.remove(wanted)
                ips.append(self._allocate(call, store, number, wanted, undo))
        if requested:
            raise AddressError(
                f"failed to allocate all requested IPs: {' '.join(map(str, requested))}",
                hint="each must lie in a range set of its own, since a set gives one address",
            )
        return Result(ips=tuple(ips), routes=conf.routes, dns=dns)

    def _allocate(
        self, call: Call[HostLocalConf], store: Store, number: int, wanted: IP | None, undo: Undo
    ) -> Address:
        owner = owner_of(call.container_id, call.ifname)
        try:
            given = allocation.reserve(store, call.conf.sets[number], number, owner, wanted)
        except AddressError as error:
            raise AddressError(
                f"failed to allocate for range {number}: {error.message}", hint=error.hint
            ) from None
        undo.push(f"release {given.name}", partial(self._take_back, _folder(call), given.name, owner))
        store.set_last_reserved(number, given.name)
        return given.address

    def _take_back(self, folder: str, name: str, owner: bytes) -> None:
        with Store(folder, self._indexes) as store:
            if store.index.content(name) == owner:
                store.release([name])

    def check(self, call: Call[HostLocalConf]) -> None:
        """Something must be reserved for the interface, and of ``prevResult`` whatever lies in our ranges."""
        owner = owner_of(call.container_id, call.ifname)
        hint = f"its reservation in {_folder(call)} is gone, and the address may be given again"
        held: list[IP] = []
        found = False
        if os.path.isdir(_folder(call)):
            with self._store(call) as store:
                found = bool(store.held(owner))
                held = store.addresses(owner)
        if not found:
            raise CheckFailed(
                f"host-local: Failed to find address added by container {call.container_id}", hint=hint
            )
        for one in call.prev_result.ips if call.prev_result else ():
            address = one.address.ip
            if address not in held and any(ranges.range_of(address) for ranges in call.conf.sets):
                raise CheckFailed(
                    f"host-local: {address} is not reserved for container {call.container_id} "
                    f"interface {call.ifname}",
                    hint=hint,
                )

    def delete(self, call: Call[HostLocalConf]) -> None:
        if os.path.isdir(_folder(call)):
            with self._store(call) as store:
                store.release(store.index.unfinished() + store.held(owner_of(call.container_id, call.ifname)))

    def gc(self, call: Call[HostLocalConf]) -> None:
        """What names no container and interface stays: somebody reserved it by hand, or long ago."""
        if not os.path.isdir(_folder(call)):
            return
        with self._store(call) as store:
            stale = store.index.unfinished()
            for name, content in store.index.files():
                owner = read_owner(content) if number_of(name) else None
                if owner and owner.ifname and owner not in call.valid:
                    stale.append(name)
            store.release(stale)

    def status(self, call: Call[HostLocalConf]) -> None:
        try:
            if call.conf.resolv_conf:
                resolvconf.read(call.conf.resolv_conf)
            files.probe_writable(files.nearest(_folder(call)))
            if os.path.isdir(_folder(call)):
                with self._store(call) as store:
                    _see_room(call.conf, store.index)
            else:
                _see_room(call.conf, Index())
        except (IOFailure, AddressError) as error:
            raise NotAvailable(error.message, hint=error.hint) from error

    def pool(self, conf: HostLocalConf, network: str) -> Pool:
        return pools.read(f"{conf.data_dir}/{network}", network, conf.sets)

    def pools(self, place: str = "") -> Sequence[Pool]:
        return pools.all_in(place)

    def free(self, pool: Pool, held: Reservation) -> bool:
        return pools.free(pool, held)

    def _store(self, call: Call[HostLocalConf]) -> Store:
        return Store(_folder(call), self._indexes)


def _folder(call: Call[HostLocalConf]) -> str:
    return f"{call.conf.data_dir}/{call.network}"


def _see_room(conf: HostLocalConf, index: Index) -> None:
    """Raises AddressError when some set has no address left."""
    for ranges in conf.sets:
        allocation.next_free(index, ranges, None)
