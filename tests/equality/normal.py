"""Two runs of one case made comparable: what is random gets the name of its part in the play, nothing else
goes.

A state becomes a flat mapping of paths to values, ``c1 / link / eth0 / mtu`` to 1500, so that a difference
is one path with two values. Whatever is replaced or left out stands here with its reason, and is all there
is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Any

Flat = Mapping[str, Any]

RANDOM_NAME = re.compile(r"veth[0-9a-f]{8}")
MAC = re.compile(r"[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}", re.IGNORECASE)
LEFT_OUT = {
    # Numbers that the kernel deals out; what they point to is compared by name.
    "ifindex", "link_index", "link_netnsid",
    # Clocks of a bridge and of its ports, counting down.
    "hello_timer", "tcn_timer", "topology_change_timer", "gc_timer",
    "hold_timer", "message_age_timer", "forward_delay_timer",
    # How many packets a rule has met.
    "packets", "bytes",
    # A rule's number in its table, which counts every rule there ever was.
    "handle",
}  # fmt: skip


def normal(state: Mapping[str, Any], given: frozenset[str]) -> Flat:
    """``given`` are the MACs that the case itself asks for: those must come out as they went in."""
    roles = Roles.of(state, given)
    flat: dict[str, Any] = {}
    for room in roles.rooms:
        for part, value in state[room].items():
            flat.update(_flatten(f"{room} / {part}", SHAPES.get(part, _as_it_is)(value)))
        for name, peer in roles.peers[room].items():
            flat[f"{room} / peer / {name}"] = peer
    flat.update(_flatten("files", state["files"]))
    return {roles.apply(path): roles.apply(value) for path, value in flat.items()}


def normal_result(text: str, state: Mapping[str, Any], given: frozenset[str]) -> str:
    """What a plugin printed, with the names and MACs of the state it made."""
    return str(Roles.of(state, given).apply(text))


def given_macs(*said: object) -> frozenset[str]:
    """The MACs in the configurations and arguments of a case, as the kernel prints them."""
    text = json.dumps(said, default=str)
    return frozenset(found.lower().replace("-", ":") for found in MAC.findall(text))


@dataclass(kw_only=True, slots=True)
class Roles:
    """What is random in a state, and the part that it plays: the veth of c1's eth0, the MAC of the host's
    br0."""

    rooms: list[str]
    peers: dict[str, dict[str, str]]
    words: dict[str, str] = field(default_factory=dict)
    _pattern: re.Pattern[str] | None = None

    @classmethod
    def of(cls, state: Mapping[str, Any], given: frozenset[str]) -> Roles:
        # Containers before the host: what is random on the host is named after what it serves in a container.
        rooms = sorted((room for room in state if room != "files"), key=lambda room: (room == "host", room))
        roles = cls(rooms=rooms, peers={room: {} for room in rooms})
        roles._name_veths(state)
        roles._name_macs(state, given)
        roles._name_former_link_locals(state)
        return roles

    def _name_veths(self, state: Mapping[str, Any]) -> None:
        """Both ends of a veth pair, told by their indexes (a link of another namespace comes as a number
        only)."""
        ends = [
            (room, link)
            for room in self.rooms
            for link in state[room]["link"]
            if link.get("linkinfo", {}).get("info_kind") == "veth"
        ]
        for room, link in ends:
            for other_room, other in ends:
                if other is not link and _are_peers(link, other, same_room=room == other_room):
                    self.peers[room][link["ifname"]] = f"{other_room}/{other['ifname']}"
                    if RANDOM_NAME.fullmatch(link["ifname"]):
                        self.words[link["ifname"]] = f"<veth of {other_room}/{other['ifname']}>"

    def _name_macs(self, state: Mapping[str, Any], given: frozenset[str]) -> None:
        """MACs that nobody gave are the kernel's dice, and link-local addresses are made of MACs."""
        for room in self.rooms:
            links = {self.words.get(link["ifname"], link["ifname"]): link for link in state[room]["link"]}
            for name, link in sorted(links.items()):
                mac = link.get("address", "")
                if (
                    MAC.fullmatch(mac)
                    and mac not in given
                    and set(mac) != {"0", ":"}
                    and mac not in self.words
                ):
                    self.words[mac] = f"<mac of {room}/{name}>"
                    self.words[link_local(mac)] = f"<link-local of {room}/{name}>"
                    # As a bridge's ids are printed by some versions of ip: no leading zeros.
                    self.words.setdefault(re.sub(r"\b0", "", mac), f"<mac of {room}/{name}>")

    def _name_former_link_locals(self, state: Mapping[str, Any]) -> None:
        """A bridge takes its first port's MAC, but keeps the link-local address of the one it was born
        with."""
        for room in self.rooms:
            bridges = {
                link["ifname"]
                for link in state[room]["link"]
                if link.get("linkinfo", {}).get("info_kind") == "bridge"
            }
            for link in state[room]["addr"]:
                for address in link["addr_info"]:
                    local = address.get("local", "")
                    if link["ifname"] in bridges and is_by_mac(local) and local not in self.words:
                        self.words[local] = f"<link-local of {room}/{link['ifname']} when it was born>"

    def apply(self, value: Any) -> Any:
        if not isinstance(value, str) or not self.words:
            return value
        if self._pattern is None:
            words = sorted(self.words, key=len, reverse=True)
            joined = "|".join(map(re.escape, words))
            self._pattern = re.compile(rf"(?<![0-9a-z:])(?:{joined})(?![0-9a-z:])")
        return self._pattern.sub(lambda match: self.words[match[0]], value)


def link_local(mac: str) -> str:
    """The address that the kernel makes of it (RFC 4291, appendix A), printed as RFC 5952 says, like the
    kernel."""
    octets = bytes.fromhex(mac.replace(":", ""))
    eui64 = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return str(IPv6Address(b"\xfe\x80" + bytes(6) + eui64))


def is_by_mac(address: str) -> bool:
    packed = ip_address(address).packed
    return packed.startswith(b"\xfe\x80" + bytes(6)) and packed[11:13] == b"\xff\xfe"


def _are_peers(one: Mapping[str, Any], other: Mapping[str, Any], *, same_room: bool) -> bool:
    if same_room:
        return bool(one.get("link") == other["ifname"] and other.get("link") == one["ifname"])
    return bool(one.get("link_index") == other["ifindex"] and other.get("link_index") == one["ifindex"])


def _as_it_is(value: Any) -> Any:
    return value


def _by(*keys: str) -> Callable[[list[Mapping[str, Any]]], Any]:
    """A list of objects as a mapping, by what tells them apart. The kernel's order of links and routes
    depends on ifindexes and hash tables; of several with the same key, the order is kept."""

    def shape(entries: list[Mapping[str, Any]]) -> Any:
        found: dict[str, Any] = {}
        for entry in entries:
            key = " ".join(str(entry[key]) for key in keys if key in entry)
            number = 2
            while key in found:
                key = f"{key.partition(' #')[0]} #{number}"
                number += 1
            found[key] = {k: v for k, v in entry.items() if k not in keys}
        return found

    return shape


def _links(entries: list[Mapping[str, Any]]) -> Any:
    """Links by their names. Whether a bridge with carrier says UP or still UNKNOWN, which means the same, is a race:
    a port that is up before the kernel got round to noticing its carrier changes nothing, so nothing is noticed."""
    return _by("ifname")(
        [
            {**link, "operstate": "UP"}
            if link.get("operstate") == "UNKNOWN"
            and "LOWER_UP" in link["flags"]
            and link.get("linkinfo", {}).get("info_kind") == "bridge"
            else link
            for link in entries
        ]
    )


def _by_table(entries: list[Mapping[str, Any]]) -> Any:
    """nft's flat list as tables, each with its chains, each with its rules in their order."""
    found: dict[str, Any] = {}
    for entry in entries:
        ((kind, value),) = entry.items()
        if kind == "metainfo":
            continue
        name = value["name"] if kind == "table" else value["table"]
        table = found.setdefault(f"{value['family']} {name}", {})
        rest = {k: v for k, v in value.items() if k not in ("family", "table", "chain", "name")}
        if kind == "table":
            table.update(rest)
        elif kind == "rule":
            table.setdefault(value["chain"], {}).setdefault("rules", []).append(rest)
        else:
            table.setdefault(value["name"], {}).update({"kind": kind, **rest})
    return found


def _by_chain(lines: list[str]) -> Any:
    """What iptables-save prints as tables, each with its chains, each with its policy and its rules in
    their order."""
    found: dict[str, Any] = {}
    table: dict[str, Any] = {}
    for line in lines:
        if line.startswith("*"):
            table = found[line[1:]] = {}
        elif line.startswith(":"):
            chain, policy, _ = line[1:].split()  # the last are counters of packets
            table[chain] = {"policy": policy}
        elif line.startswith("-A "):
            _, chain, rule = line.split(" ", 2)
            table[chain].setdefault("rules", []).append(rule)
    return found


SHAPES: Mapping[str, Callable[[Any], Any]] = {
    "link": _links,
    "addr": _links,
    "route": _by("table", "type", "dst", "metric", "dev"),
    "rule": _by("priority"),
    "rule6": _by("priority"),
    "neigh": _by("dst", "dev"),
    "proxy": _by("dst", "dev"),
    "port": _by("ifname"),
    "vlan": _by("ifname"),
    "queue": _by("dev", "kind", "id"),
    "nft": _by_table,
    "iptables": _by_chain,
    "ip6tables": _by_chain,
}


def _flatten(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """An empty list or object has a value of its own: that it is there is part of the state."""
    if isinstance(value, Mapping):
        value = {key: below for key, below in value.items() if key not in LEFT_OUT}
        for key, below in value.items():
            yield from _flatten(f"{path} / {key}", below)
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from _flatten(f"{path} / {number}", below)
    if not isinstance(value, Mapping | list):
        yield path, value if isinstance(value, str | int | float | bool) else json.dumps(value)
    elif not value:
        yield path, json.dumps(value)


def flat_json(path: str, value: Any) -> dict[str, Any]:
    return dict(_flatten(path, value))
