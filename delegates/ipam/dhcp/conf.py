"""The configuration of dhcp: what is told to servers, and what they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from delegates.ipam.dhcp import packet
from delegates.ipam.dhcp.doors import SOCKET
from multinet.cni.args import Args
from multinet.cni.jsonkeys import quoted
from multinet.cni.netconf import NetConf
from multinet.delegate.schema import Schema
from multinet.errors import InvalidConfig, inside

SCHEMA = Schema.of(__package__)

NAMES: Final[Mapping[str, int]] = {
    "dhcp-client-identifier": packet.CLIENT_ID,
    "subnet-mask": packet.SUBNET_MASK,
    "routers": packet.ROUTERS,
    "host-name": packet.HOST_NAME,
    "user-class": packet.USER_CLASS,
    "vendor-class-identifier": packet.VENDOR_CLASS,
}
"""As in dhcp-options(5); the reference has these."""
BY_DEFAULT: Final = (packet.ROUTERS, packet.SUBNET_MASK)
BY_NOBODY: Final = (packet.SUBNET_MASK, packet.ROUTERS, packet.DOMAIN_NAME, packet.DNS_SERVERS)
"""What the reference's library asks for when nobody asks for anything."""
OUR_OWN: Final = frozenset(
    {
        packet.REQUESTED_ADDRESS, packet.OVERLOAD, packet.MESSAGE_TYPE, packet.SERVER, packet.ASKED_FOR,
        packet.MOST_OCTETS,
    }
)  # fmt: skip
"""Of the protocol itself: with one of these changed nothing would work."""
LONGEST_VALUE: Final = 255
MOST_OCTETS: Final = 900
"""Of all options together, so that a message fits a frame whatever we add."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DhcpConf:
    socket: str = SOCKET
    options: Mapping[int, bytes] = field(default_factory=dict)
    """To be sent, the request list among them."""
    requested: frozenset[int] = frozenset()
    """Named in ``request``."""
    priority: int = 0


def parse(conf: NetConf, args: Args) -> DhcpConf:
    raw = SCHEMA.read(conf.raw)
    ipam = raw.get("ipam")
    if ipam is None:
        raise InvalidConfig("IPAM config missing 'ipam' key", hint="dhcp reads its options there")
    socket = ipam.get("daemonSocketPath") or SOCKET
    if args.lenient:
        return DhcpConf(socket=socket)  # to release, it does not matter what was asked for
    with inside(".ipam"):
        provided = _provided(ipam.get("provide", ()), pairs(args.text))
        requested, asked_for = _requested(ipam.get("request", ()))
    options = {**provided, packet.ASKED_FOR: bytes(asked_for)}
    if sum(2 + len(value) for value in options.values()) > MOST_OCTETS:
        raise InvalidConfig(
            f"the options to be sent are longer than {MOST_OCTETS} octets",
            hint="they must fit one packet: provide fewer, or shorter values",
        )
    return DhcpConf(
        socket=socket, options=options, requested=frozenset(requested), priority=ipam.get("priority", 0)
    )


def pairs(text: str) -> dict[str, str]:
    """CNI_ARGS as the reference's dhcp reads it, alone among the plugins: a value may hold ``=``."""
    found = (pair.partition("=") for pair in text.split(";"))
    return {key: value for key, equals, value in found if equals}


def _provided(listed: Any, args: Mapping[str, str]) -> dict[int, bytes]:
    """Of one option's values the last counts, and an argument of the pod more than the configuration's."""
    found: dict[int, bytes] = {}
    for index, one in enumerate(listed):
        with inside(f".provide[{index}]"):
            code = number_of(one["option"])
            if code in OUR_OWN:
                raise InvalidConfig(f"option {code} is the client's own", hint="leave it out")
            for value in (one.get("value", ""), args.get(one.get("fromArg", ""))):
                if not value and value != "":
                    continue
                octets = value.encode(errors="surrogateescape")
                if len(octets) > LONGEST_VALUE:
                    raise InvalidConfig(
                        f"value too long for option {quoted(str(one['option']))}: {quoted(value)}",
                        hint=f"an option has room for {LONGEST_VALUE} octets",
                    )
                if octets or one.get("fromArg") in args:
                    found[code] = octets
    return found


def _requested(listed: Any) -> tuple[list[int], list[int]]:
    """Those that are named; and all to ask for, each once."""
    named = []
    for index, one in enumerate(listed):
        if (option := one.get("option", "")) != "":
            with inside(f".request[{index}]"):
                named.append(number_of(option))
    skip = any(one.get("skipDefault", False) for one in listed)
    asked_for = list(dict.fromkeys([*named, *(() if skip else BY_DEFAULT)]))
    return named, asked_for or list(BY_NOBODY)


def number_of(option: str | int) -> int:
    """Of an option by name or number. Raises InvalidConfig."""
    text = str(option)
    code = NAMES.get(text, -1)
    if code < 0 and text.isascii() and text.isdecimal() and len(text) <= 3:
        code = int(text)
    if not packet.PAD < code < packet.END:
        raise InvalidConfig(
            f"there is no DHCP option {quoted(text)}",
            hint=f"a number from 1 to 254, or one of {', '.join(NAMES)}",
        )
    return code
