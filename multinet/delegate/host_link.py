"""Which link of the host a configuration wants: one to be made when it is not there, and what it is to be then.

A name may say all by itself, as people name VLANs: ``eth1.100`` is VLAN 100 of ``eth1``. Anything else is said by the
object ``hostLink`` (``host_link.json``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from multinet.cni.addresses import parse_ip
from multinet.cni.names import MAX_IFNAME_BYTES, check_ifname
from multinet.cni.types import IP
from multinet.delegate.schema import Schema
from multinet.errors import BadEnvironment, InvalidConfig, inside
from multinet.kernel.host_links import Shape, Vlan, Vxlan

SCHEMA = Schema("multinet.delegate", "host_link.json")

VLANS = range(1, 4095)
"""Twelve bits; the lowest and the highest value are reserved (IEEE 802.1Q, 9.6)."""
VXLANS = range(1, 1 << 24)
"""Twenty-four bits (RFC 7348, section 5); the kernel takes 0 for none."""
PORT = 4789
"""IANA's for VXLAN. (The kernel's own default is an older one.)"""
OF_VXLAN = ("group", "remote", "local", "port")


@dataclass(frozen=True, kw_only=True, slots=True)
class HostLink:
    """``described``: was it said by the object? A link that is only named may be whatever it is."""

    name: str
    shape: Shape
    described: bool

    @property
    def type(self) -> str:
        return "vlan" if isinstance(self.shape, Vlan) else "vxlan"


def read(name: str, said: Mapping[str, Any] | None, *, key: str, lenient: bool = False) -> HostLink | None:
    """What ``name``, given by ``key``, and the object stand for; None for a link that has to be there.

    Raises InvalidConfig; ``lenient``: what was refused was never made, and there is nothing to clear up.
    """
    if said is None:
        return named(name)
    try:
        with inside(".hostLink"):
            shape = _shape(SCHEMA.read(said))
        name = name or _name_of(shape)
        _require_name(name, key)
    except InvalidConfig:
        if lenient:
            return None
        raise
    return HostLink(name=name, shape=shape, described=True)


def of_master(
    name: str, said: Mapping[str, Any] | None, *, in_container: bool, lenient: bool
) -> HostLink | None:
    """The same for what stands on a master, which is not the host's where it is ``in_container``."""
    if not in_container:
        return read(name, said, key="master", lenient=lenient)
    if said is not None and not lenient:
        raise InvalidConfig(
            "'hostLink' is a link of the host, and 'linkInContainer' says that the master is in the container",
            hint="leave out one of the two",
        )
    return None


@lru_cache(maxsize=512)
def named(name: str) -> HostLink | None:
    """``<link>.<VLAN>``, where that could be a link's name."""
    parent, _, tag = name.rpartition(".")
    if not parent or not tag.isascii() or not tag.isdigit() or tag[0] == "0":
        return None
    if int(tag) not in VLANS or not _is_name(name):
        return None
    return HostLink(name=name, shape=Vlan(parent=parent, id=int(tag)), described=False)


def _name_of(shape: Shape) -> str:
    return f"{shape.parent}.{shape.id}" if isinstance(shape, Vlan) else f"vxlan{shape.id}"


def _require_name(name: str, key: str) -> None:
    if not _is_name(name):
        raise InvalidConfig(
            f'a link can\'t be called "{name}"',
            hint=f"give it a name with the key '{key}', of at most {MAX_IFNAME_BYTES} bytes "
            "without spaces, slashes, colons and '%'",
        )


def _is_name(name: str) -> bool:
    """May a link be made by that name? (The kernel would put a number for ``%d``.)"""
    try:
        check_ifname(name)
    except BadEnvironment:
        return False
    return "%" not in name


def _shape(said: Mapping[str, Any]) -> Shape:
    parent, number, mtu = said["parent"], said["id"], said.get("mtu", 0)
    if said["type"] == "vlan":
        if foreign := [key for key in OF_VXLAN if key in said]:
            raise InvalidConfig(f"a vlan has no '{foreign[0]}'", hint="only a vxlan has")
        _require_in(VLANS, number, "VLAN")
        return Vlan(parent=parent, id=number, mtu=mtu)
    _require_in(VXLANS, number, "VXLAN")
    remote = _far_end(said)
    local = _address(said, "local")
    if local is not None and local.version != remote.version:
        raise InvalidConfig(f"'local' is IPv{local.version}, and the far end is IPv{remote.version}")
    return Vxlan(parent=parent, id=number, remote=remote, local=local, port=said.get("port", PORT), mtu=mtu)


def _require_in(numbers: range, number: int, what: str) -> None:
    if number not in numbers:
        raise InvalidConfig(f"{number} is not a {what}: {numbers[0]} to {numbers[-1]} are")


def _far_end(said: Mapping[str, Any]) -> IP:
    group, remote = _address(said, "group"), _address(said, "remote")
    if (group is None) == (remote is None):
        wrong = "it has neither" if group is None else "it has both"
        raise InvalidConfig(
            f"a vxlan needs either 'group' or 'remote', and {wrong}",
            hint="a multicast group for any number of nodes, the other node's address for two",
        )
    if group is not None and not group.is_multicast:
        raise InvalidConfig(f"{group} is no multicast group", hint="such as 239.1.1.1, or ff05::100")
    if remote is not None and remote.is_multicast:
        raise InvalidConfig(f"{remote} is a multicast group", hint="say so with the key 'group'")
    found = group if group is not None else remote
    assert found is not None
    return found


def _address(said: Mapping[str, Any], key: str) -> IP | None:
    if not said.get(key):
        return None
    with inside(f".{key}"):
        return parse_ip(said[key])
