"""The configuration of bandwidth: bits outside, bytes inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from multinet.cni.addresses import parse_cidr
from multinet.cni.args import Args
from multinet.cni.jsonkeys import quoted
from multinet.cni.netconf import NetConf
from multinet.delegate.schema import Schema
from multinet.errors import InvalidConfig
from multinet.kernel.filters import Network
from multinet.kernel.qdiscs import MOST, Bucket

SCHEMA = Schema.of(__package__)

RATES = ("ingressRate", "ingressBurst", "egressRate", "egressBurst")
SUBNETS = ("unshapedSubnets", "shapedSubnets")

LATENCY_MICROSECONDS = 25_000
"""The reference's: what has to wait longer is dropped, so that senders notice the limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subnets:
    """``shaped``: are the limits for traffic with these, or for traffic with all others?"""

    networks: tuple[Network, ...]
    shaped: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class BandwidthConf:
    """``ingress`` is what the container receives, ``egress`` what it sends; None is without a limit."""

    ingress: Bucket | None = None
    egress: Bucket | None = None
    subnets: Subnets | None = None

    @property
    def limited(self) -> bool:
        return self.ingress is not None or self.egress is not None


def parse(conf: NetConf, args: Args) -> BandwidthConf:
    """What the configuration says goes before what the runtime says, of the rates and of the subnets apart."""
    if args.lenient:  # DEL finds by names what there is to clear
        return BandwidthConf()
    raw = SCHEMA.read(conf.raw)
    told: Mapping[str, Any] = raw.get("runtimeConfig", {}).get("bandwidth", {})
    rates = raw if any(key in raw for key in RATES) else told
    subnets = raw if any(key in raw for key in SUBNETS) else told
    return BandwidthConf(
        ingress=_bucket(rates, "ingress"), egress=_bucket(rates, "egress"), subnets=_subnets(subnets)
    )


def _bucket(said: Mapping[str, Any], way: str) -> Bucket | None:
    rate, burst = int(said.get(f"{way}Rate", 0)), int(said.get(f"{way}Burst", 0))
    keys = f"{way}Rate and {way}Burst"
    if bool(rate) is not bool(burst):
        given, missing = ("rate", "burst") if rate else ("burst", "rate")
        raise InvalidConfig(f"if {given} is set, {missing} must also be set", hint=f"give {keys}, or neither")
    if burst // 8 >= MOST:
        raise InvalidConfig("burst cannot be more than 4GB", hint=f"{way}Burst is {burst} bits")
    if not rate:
        return None
    if rate < 8:
        raise InvalidConfig(f"{way}Rate is {rate} bits a second, less than a byte", hint="rates are in bits")
    bucket = Bucket(rate=rate // 8, burst=burst // 8, latency_microseconds=LATENCY_MICROSECONDS)
    if not bucket.ticks:
        raise InvalidConfig(
            f"{way}Burst is {burst} bits, less than passes in a microsecond at {way}Rate",
            hint="some hundredths of a second's worth do well",
        )
    return bucket


def _subnets(said: Mapping[str, Any]) -> Subnets | None:
    shaped, unshaped = said.get("shapedSubnets"), said.get("unshapedSubnets")
    if shaped and unshaped:
        raise InvalidConfig(
            "unshapedSubnets and shapedSubnets cannot be both specified, one of them should be discarded",
            hint="with shapedSubnets all other traffic is without limits anyway",
        )
    networks = tuple(_network(text) for text in shaped or unshaped or ())
    return Subnets(networks=networks, shaped=bool(shaped)) if networks else None


def _network(text: str) -> Network:
    try:
        return parse_cidr(text).network
    except InvalidConfig as error:
        raise InvalidConfig(
            f"bad subnet {quoted(text)} provided, details {error.message}",
            hint="such as 10.0.0.0/8 or fd00::/8",
        ) from None
