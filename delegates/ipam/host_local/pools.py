"""A network's folder as a person asks for it: nothing is locked, made or kept, and what changes meanwhile may be
told as it was or as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from delegates.ipam.host_local.conf import DATA_DIR
from delegates.ipam.host_local.index import LAST, LOCK, Index, Indexes, number_of
from delegates.ipam.host_local.ranges import Range, RangeSet
from delegates.ipam.host_local.store import Owner, Store, read_owner
from multinet import files
from multinet.cni.addresses import parse_ip
from multinet.delegate.pools import Pool, Reservation, Stretch

TYPE = "host-local"
NOBODY = Owner("", "")


def read(folder: str, network: str, sets: Sequence[RangeSet] = ()) -> Pool:
    """A folder that is not there holds nothing. Raises IOFailure."""
    try:
        index = Index.read(folder)
    except FileNotFoundError:
        index = Index()
    except OSError as error:
        raise files.failure("read", folder, error) from error
    held = sorted(_held(folder, index), key=lambda one: (one.address.version, int(one.address)))
    return Pool(
        type=TYPE,
        network=network,
        place=folder,
        stretches=tuple(_stretch(one, held) for ranges in sets for one in ranges.ranges),
        held=tuple(held),
    )


def all_in(place: str) -> list[Pool]:
    """Every network's folder in ``place``, which may hold others, too; "" is where they are by default."""
    place = place or DATA_DIR
    try:
        with os.scandir(place) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir() and _is_one(entry.path))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise files.failure("read the folder", place, error) from error
    return [read(f"{place}/{name}", name) for name in names]


def free(pool: Pool, reservation: Reservation) -> bool:
    """Remove the reservation, if it is still that owner's. Raises IOFailure."""
    name = str(reservation.address)
    with Store(pool.place, Indexes()) as store:
        content = store.index.content(name)
        if not content or read_owner(content) != Owner(reservation.container_id, reservation.ifname):
            return False
        store.release([name])
    return True


def _is_one(folder: str) -> bool:
    """Folders of other plugins may lie beside ours: one of ours has its lock, or an address."""
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    return any(name == LOCK or name.startswith(LAST) or number_of(name) for name in names)


def _held(folder: str, index: Index) -> Iterator[Reservation]:
    for name, content in index.files():
        if number_of(name) is None:
            continue
        try:
            since = os.stat(f"{folder}/{name}").st_mtime
        except OSError:
            continue  # it has been released meanwhile
        owner = (read_owner(content) if content else None) or NOBODY
        yield Reservation(
            address=parse_ip(name), container_id=owner.container_id, ifname=owner.ifname, since=since
        )


def _stretch(one: Range, held: Sequence[Reservation]) -> Stretch:
    size = int(one.end) - int(one.start) + 1
    if one.gateway in one:
        size -= 1
    used = sum(1 for other in held if other.address in one and other.address != one.gateway)
    return Stretch(first=one.start, last=one.end, size=size, used=used)
