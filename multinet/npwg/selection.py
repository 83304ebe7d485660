"""Which networks a pod wants, and how (multi-net-spec 1.3, section 4).

The annotation has two forms. Whatever holds a ``[``, ``{`` or ``"`` is a JSON list, anything else the short
form: that is Multus's rule. Where the specification says "invalid and ignored" we refuse, as Multus does: a
pod that comes up without a network it asked for is worse than one that doesn't come up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from multinet.cni.types import CIDR, IP
from multinet.errors import MultinetError, SelectionError
from multinet.npwg import positions, shortform, values
from multinet.npwg.annotations import DEFAULT_NETWORK, NETWORKS
from multinet.npwg.caret import Place, Text
from multinet.npwg.positions import Node
from multinet.npwg.reading import MAX_INT, Rule, anything, expect, fields, integer, many, string

T = TypeVar("T")

LONGEST = 64 << 10
"""Characters of an annotation: some 500 for each of the most networks that a pod may have. The API takes four times
as many, and reading them is time that other pods of the node wait for."""

MOST_IPS = 64
"""Addresses of one network. The most that is known from the field are a dozen."""
MOST_PORTS = 256
"""Port mappings of one network; each is some rules of the host, which every packet to it may be compared with."""
MOST_GATEWAYS = 16
"""Gateways of ``default-route``, each a route of its own."""
LONGEST_ARGS = 16 << 10
"""Characters of ``cni-args``, which stand in each plugin's configuration and in the record."""
LONGEST_DEVICE = 128
"""Characters of a device's id, which is part of a file's name. A PCI address has 12, a UUID 36."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PortMapping:
    """A port of the node that leads to one of the pod's. ``host_ip`` None is every address of the node."""

    host_port: int
    container_port: int
    protocol: str = "tcp"
    host_ip: IP | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Bandwidth:
    """Rates in bits a second and bursts in bits, seen from the pod; 0 is no limit."""

    ingress_rate: int = 0
    ingress_burst: int = 0
    egress_rate: int = 0
    egress_burst: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """One network a pod asks for. Empty values were not asked for."""

    namespace: str
    """Of the definition; the pod's own where none was written."""
    name: str
    interface: str | None = None
    """None: we name it."""
    ips: tuple[IP | CIDR, ...] = ()
    mac: str = ""
    infiniband_guid: str = ""
    port_mappings: tuple[PortMapping, ...] = ()
    bandwidth: Bandwidth | None = None
    device_id: str = ""
    cni_args: Mapping[str, Any] = field(default_factory=dict)
    default_route: tuple[IP, ...] | None = None
    """Through which gateways the pod's default routes go. None leaves them as the plugins made them; an empty
    list asks for this network's own gateway, which is something else."""
    ipam_claim_reference: str = ""
    place: Place | None = field(default=None, compare=False, repr=False)
    """Where it was written."""

    @property
    def network(self) -> str:
        return f"{self.namespace}/{self.name}"

    def refuse(self, message: str) -> MultinetError:
        """The error to raise when what is asked for can't be had, with a caret under the asking."""
        return self.place.wrong(message) if self.place else SelectionError(message)


def parse(text: str, *, home: str, source: str = NETWORKS) -> tuple[Selection, ...]:
    """Read the annotation. Raises SelectionError.

    ``home`` is the namespace used where none is written. ``source`` opens each error.
    """
    if len(text) > LONGEST:
        raise SelectionError(
            f"{source} has {len(text)} characters, at most {LONGEST} are read",
            hint="spread the networks over several pods",
        )
    source_text = Text(text, source)
    if not text.strip():
        return ()
    if any(sign in text for sign in '[{"'):
        return _json_list(source_text, home)
    return tuple(
        Selection(
            namespace=item.namespace or home,
            name=item.name,
            interface=item.ifname or None,
            place=Place(source_text, item.at),
        )
        for item in shortform.selections(source_text)
    )


def default_network(text: str, *, home: str, source: str = DEFAULT_NETWORK) -> Selection:
    """Read the annotation that replaces the default network: the same grammar, and exactly one network."""
    selections = parse(text, home=home, source=source)
    if not selections:
        raise Text(text, source).wrong(0, "expected one network, found none")
    if len(selections) > 1:
        raise selections[1].refuse(f"expected one network, found {len(selections)}")
    return selections[0]


def write(selections: Iterable[Selection]) -> str:
    """The JSON form, with every namespace written out, so that it reads back the same wherever it is read."""
    return json.dumps([element(selection) for selection in selections], ensure_ascii=False)


def _json_list(text: Text, home: str) -> tuple[Selection, ...]:
    """Section 4.1.2. Our own errors come first where somebody mixed the forms or forgot the list."""
    start = len(text.text) - len(text.text.lstrip())
    if text.text[start] == "{":
        raise text.wrong(start, "expected a list: put '[' and ']' around the object")
    if text.text[start] != "[":
        raise text.wrong(
            start, "expected '[': with a '[', '{' or '\"' anywhere in it, this is read as a JSON list"
        )
    return tuple(_selection(text, node, home) for node in expect(text, positions.read(text), list))


def _selection(text: Text, node: Node, home: str) -> Selection:
    if isinstance(node.value, str):
        raise text.wrong(
            node.at, 'expected an object, not a string: write {"name": …}, or a list without JSON'
        )
    found = fields(text, node, KEYS, meant=_MEANT, required=("name",))
    wanted = {name: value for name, value in found.values.items() if value != ""}
    if wanted.get("ips") and "ipam_claim_reference" in wanted:
        place = found.places["ipam_claim_reference"]
        raise text.wrong(
            place, 'expected no "ipam-claim-reference" beside "ips": the claim has the addresses'
        )
    alias = wanted.pop("interface_request", None)
    wanted.setdefault("interface", alias)
    wanted.setdefault("namespace", home)
    return Selection(**wanted, place=Place(text, node.at))


def _or_empty(rule: Rule[T]) -> Rule[T | str]:
    """An empty string is what Go's writers print for what was never set."""
    return lambda text, node: "" if node.value == "" else rule(text, node)


def _device(value: str) -> str:
    if len(value) > LONGEST_DEVICE or not value.isprintable() or "/" in value:
        raise ValueError(
            f"expected a device's id: at most {LONGEST_DEVICE} characters, such as 0000:03:02.1, without '/'"
        )
    return value


def _port_mapping(text: Text, node: Node) -> PortMapping:
    found = fields(text, node, PORT_KEYS, required=("hostPort", "containerPort"))
    return PortMapping(**{name: value for name, value in found.values.items() if value != ""})


def _bandwidth(text: Text, node: Node) -> Bandwidth:
    return Bandwidth(**fields(text, node, BANDWIDTH_KEYS).values)


def element(selection: Selection) -> dict[str, Any]:
    """One selection as the JSON form has it; what was not asked for is left out."""
    written: dict[str, Any] = {
        "name": selection.name,
        "namespace": selection.namespace,
        "interface": selection.interface,
        "ips": [str(address) for address in selection.ips],
        "mac": selection.mac,
        "infiniband-guid": selection.infiniband_guid,
        "portMappings": [_written_port(mapping) for mapping in selection.port_mappings],
        "deviceID": selection.device_id,
        "cni-args": dict(selection.cni_args),
        "ipam-claim-reference": selection.ipam_claim_reference,
    }
    written = {key: value for key, value in written.items() if value}
    if selection.bandwidth is not None:
        written["bandwidth"] = {
            key: getattr(selection.bandwidth, name) for key, (name, _) in BANDWIDTH_KEYS.items()
        }
    if selection.default_route is not None:
        written["default-route"] = [str(gateway) for gateway in selection.default_route]
    return written


def _written_port(mapping: PortMapping) -> dict[str, Any]:
    written = {
        "hostPort": mapping.host_port,
        "containerPort": mapping.container_port,
        "protocol": mapping.protocol,
    }
    return written if mapping.host_ip is None else written | {"hostIP": str(mapping.host_ip)}


_PORT = integer(1, 65535)
_RATE = integer(0, MAX_INT)

PORT_KEYS: Mapping[str, tuple[str, Rule[Any]]] = {
    "hostPort": ("host_port", _PORT),
    "containerPort": ("container_port", _PORT),
    "protocol": ("protocol", _or_empty(string(values.protocol))),
    "hostIP": ("host_ip", _or_empty(string(values.ip))),
}

BANDWIDTH_KEYS: Mapping[str, tuple[str, Rule[Any]]] = {
    "ingressRate": ("ingress_rate", _RATE),
    "ingressBurst": ("ingress_burst", _RATE),
    "egressRate": ("egress_rate", _RATE),
    "egressBurst": ("egress_burst", _RATE),
}

KEYS: Mapping[str, tuple[str, Rule[Any]]] = {
    "name": ("name", string(values.subdomain)),
    "namespace": ("namespace", _or_empty(string(values.label))),
    "interface": ("interface", _or_empty(string(values.ifname))),
    "interfaceRequest": ("interface_request", _or_empty(string(values.ifname))),
    "ips": ("ips", many(string(values.ip_or_cidr), most=MOST_IPS)),
    "mac": ("mac", _or_empty(string(values.mac))),
    "infiniband-guid": ("infiniband_guid", _or_empty(string(values.guid))),
    "portMappings": ("port_mappings", many(_port_mapping, most=MOST_PORTS)),
    "bandwidth": ("bandwidth", _bandwidth),
    "deviceID": ("device_id", _or_empty(string(_device))),
    "cni-args": ("cni_args", anything(most=LONGEST_ARGS)),
    "default-route": ("default_route", many(string(values.ip), most=MOST_GATEWAYS)),
    "ipam-claim-reference": ("ipam_claim_reference", _or_empty(string(values.subdomain))),
}

_MEANT = {
    "address": "ips",
    "addresses": "ips",
    "args": "cni-args",
    "claim": "ipam-claim-reference",
    "device": "deviceID",
    "gateway": "default-route",
    "gateways": "default-route",
    "guid": "infiniband-guid",
    "hwaddr": "mac",
    "iface": "interface",
    "ifname": "interface",
    "ipaddress": "ips",
    "macaddress": "mac",
    "network": "name",
    "ns": "namespace",
    "ports": "portMappings",
}
"""What people write, or other systems say, for the keys; by spelling alone they would be guessed wrong."""
