"""A node and a container as a recording has them, in namespaces that end with this process.

What programs and plugins keep on disk is theirs alone: their folders are covered by empty ones in memory.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any, Final

from multinet.cli.sandbox import linux, netns, world
from multinet.cli.sandbox.node import set_loopback_up
from multinet.errors import KernelError, MultinetError
from multinet.kernel import addresses, links, routes, stacked
from multinet.kernel.namespace import Namespace

BASE: Final = Path("/run/replay")
"""On the memory that ``world.enter`` puts over /run."""
CNI_STATE: Final = Path("/var/lib/cni")
POD: Final = "pod"
AWAY: Final = "away"
"""Where cables lead to."""
OWNER: Final = "another\r\neth0"
"""Who holds the addresses that were taken."""
LAST: Final = "last_reserved_ip."
BRIDGE, VLAN = "bridge", "vlan"
"""Kinds that are made as they were. Any other is the end of a cable, which every kernel has, to stand on."""

WRITABLE: Final = Path("/proc")
"""For what the new network namespace has there (/proc/sys/net)."""
MS_REMOUNT: Final = 32
KEPT_FLAGS: Final = {
    os.ST_NOSUID: os.ST_NOSUID,
    os.ST_NODEV: os.ST_NODEV,
    os.ST_NOEXEC: os.ST_NOEXEC,
    os.ST_NOATIME: os.ST_NOATIME,
    os.ST_NODIRATIME: os.ST_NODIRATIME,
    os.ST_RELATIME: 1 << 21,
}
"""What statvfs tells of a mount, and how mount(2) is told the same: an ordinary user may not take these away."""

_cables = itertools.count()


def enter() -> None:
    """From now on this process is on a machine of its own. Raises MultinetError where that is forbidden."""
    world.enter()
    protect_files()
    BASE.mkdir()
    netns.FOLDER.mkdir()
    netns.make(AWAY)


def protect_files() -> None:
    """Nothing of this machine can be written from now on: a recording comes from anywhere, and names paths."""
    for mount_point in sorted(_mount_points()):
        if Path(mount_point).is_relative_to(WRITABLE) or Path(mount_point).is_relative_to(world.RUN):
            continue
        try:
            if not os.path.ismount(mount_point):
                continue  # something lies over it
            there = os.statvfs(mount_point).f_flag
            kept = sum(flag for bit, flag in KEPT_FLAGS.items() if there & bit)
            linux.mount(mount_point, flags=linux.MS_BIND | MS_REMOUNT | os.ST_RDONLY | kept)
        except PermissionError as error:
            if os.access(mount_point, os.W_OK):
                raise netns.refused(f"could not protect {mount_point} from the replay", error) from error
        except OSError as error:
            raise netns.refused(f"could not protect {mount_point} from the replay", error) from error


def _mount_points() -> set[str]:
    lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    return {
        re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), line.split(" ")[4]) for line in lines
    }


def hide(folders: Iterable[Path]) -> None:
    """Cover each with an empty folder; one that is not there is there now, for this process alone."""
    for number, folder in enumerate(dict.fromkeys(map(_real, folders))):
        if folder.is_relative_to(world.RUN) or folder == Path("/"):
            continue
        above = (one for one in reversed(folder.parents) if not os.access(one, os.X_OK))
        missing = next(above, folder)  # or closed to this user
        source, spare = BASE / f"folder-{number}", BASE / f"spare-{number}"
        source.mkdir()
        spare.mkdir()
        try:
            linux.bind(source, missing, spare)
        except OSError as error:
            raise netns.refused(f"could not keep the replay out of {folder}", error) from error
        folder.mkdir(parents=True, exist_ok=True)


def _real(folder: Path) -> Path:
    return Path(os.path.realpath(folder))


def furnish_node(recording: Mapping[str, Any]) -> None:
    """The links that it had, and the addresses that were given."""
    node = recording["node"]
    with Namespace.current() as here:
        furnish(here, node["links"] or ())
    own = {str(ip).partition("/")[0] for ip in own_addresses(recording["answer"]["stdout"])}
    for one in node["reservations"]:
        folder = Path(one["dataDir"]) / one["network"]
        folder.mkdir(parents=True, exist_ok=True)
        for address in set(one["taken"]) - own:
            (folder / address).write_text(OWNER)
        for name, address in one["last"].items():
            # The one after it is given next: to what was given then, that of before.
            (folder / name).write_text(_before(address) if address in own else address)


def own_addresses(result: Any) -> list[str]:
    """Those that the request itself was given."""
    ips = result.get("ips") if isinstance(result, Mapping) else None
    return [str(one.get("address", "")) for one in ips or () if isinstance(one, Mapping)]


def _before(address: str) -> str:
    return str(ip_address(address) - 1)


def make_pod(recording: Mapping[str, Any]) -> Path:
    """The container's namespace, with the links that it had."""
    netns.make(POD)
    path = netns.path(POD)
    with Namespace.open(str(path)) as pod:
        set_loopback_up(pod)
        done = recording["env"].get("CNI_COMMAND") == "ADD" and recording["answer"]["status"] == 0
        if not done:  # else they are what the request itself made
            furnish(pod, recording["node"]["podLinks"] or ())
    return path


def furnish(place: Namespace, told: Sequence[Mapping[str, Any]]) -> None:
    """Links by what is told of them: those that others stand on, or are ports of, first."""
    set_loopback_up(place)
    for one in sorted(told, key=_rank):
        _make(place, one)
    for one in told:
        link = links.get(place.rtnl, one["name"])
        if one["mac"] and one["mac"] != link.mac:
            with suppress(MultinetError):
                place.rtnl.request(links.set_mac(link, one["mac"]))
        with suppress(MultinetError):  # more than its parent's
            place.rtnl.request(links.set_mtu(link, one["mtu"]))
        if one["master"] and (master := links.find(place.rtnl, one["master"])) and master.kind == BRIDGE:
            place.rtnl.request(links.set_master(link, master))
        for address in one["addresses"]:
            with suppress(MultinetError):  # the kernel's own of IPv6 come by themselves
                place.rtnl.request(addresses.add(link, ip_interface(address), nodad=True))
        if one["up"]:
            place.rtnl.request(links.set_up(link))


def _rank(one: Mapping[str, Any]) -> tuple[int, str]:
    return {BRIDGE: 1, VLAN: 2}.get(one["kind"], 0), one["name"]


def _make(place: Namespace, one: Mapping[str, Any]) -> None:
    name, kind = one["name"], one["kind"]
    if kind == BRIDGE:
        place.rtnl.request(links.make_bridge(name))
        return
    parent = links.find(place.rtnl, one["parent"]) if kind == VLAN and one["parent"] else None
    if parent is not None:
        with suppress(KernelError):  # this kernel has none
            number = one["info"]["id"]
            place.rtnl.request(stacked.make_vlan(name, parent.index, target_ns_fd=place.fd, vlan_id=number))
            return
    with Namespace.open(str(netns.path(AWAY))) as away:
        far = f"far{next(_cables)}"
        links.create_veth(place.rtnl, name, far, peer_ns_fd=away.fd)
        away.rtnl.request(links.set_up(links.get(away.rtnl, far)))


def stand_in(pod: Path, result: Any) -> None:
    """What a program made in the container, as far as its result tells of it."""
    if not isinstance(result, Mapping):
        return
    ips = [one for one in result.get("ips") or () if isinstance(one, Mapping)]
    with Namespace.open(str(pod)) as place:
        for number, interface in enumerate(result.get("interfaces") or ()):
            if not interface.get("sandbox") or links.find(place.rtnl, interface["name"]) is not None:
                continue
            held = [str(one["address"]) for one in ips if one.get("interface") == number]
            told = {"name": interface["name"], "kind": "", "mac": interface.get("mac", ""), "mtu": 1500}
            told |= {"up": True, "master": "", "parent": "", "addresses": held, "info": {}}
            furnish(place, [told])
            link = links.get(place.rtnl, interface["name"])
            for route in result.get("routes") or ():
                with suppress(MultinetError, ValueError):  # over another of its interfaces
                    gw = ip_address(route["gw"]) if route.get("gw") else None
                    place.rtnl.request(routes.add(ip_interface(route["dst"]), gw=gw, oif=link))


def take_away(pod: Path, ifname: str) -> None:
    with Namespace.open(str(pod)) as place:
        links.remove(place.rtnl, ifname)
