"""The configuration of sbr."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from multinet.cni.addresses import parse_ip
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import IP
from multinet.delegate.schema import Schema
from multinet.errors import InvalidConfig

SCHEMA = Schema.of(__package__)


@dataclass(frozen=True, kw_only=True, slots=True)
class SbrConf:
    """``table`` None: a free one for each address. ``gateways``: by family."""

    table: int | None
    gateways: Mapping[int, IP]
    source_hints: bool


def parse(conf: NetConf, args: Args) -> SbrConf:
    raw = SCHEMA.read(conf.raw)
    return SbrConf(
        table=raw.get("table"),
        gateways={} if args.lenient else _gateways(raw.get("gateways", ())),
        source_hints=raw.get("addSourceHints", False),
    )


def _gateways(listed: Sequence[str]) -> Mapping[int, IP]:
    if len(listed) > 2:
        raise InvalidConfig(
            "gateways list cannot contain more than 2 entries (one IPv4, one IPv6)",
            hint=f"it has {len(listed)}",
        )
    found: dict[int, IP] = {}
    for text in listed:
        try:
            gateway = parse_ip(text)
        except InvalidConfig:
            raise InvalidConfig(
                f"invalid static gateway IP address: {text}", hint="such as 10.1.2.1 or fd00::1"
            ) from None
        other = found.setdefault(gateway.version, gateway)
        if other is not gateway:
            raise InvalidConfig(
                f"gateways list contains multiple IPv{gateway.version} addresses: {other} and {gateway}",
                hint="one a family",
            )
    return found
