"""The configuration of tap."""

from __future__ import annotations

from dataclasses import dataclass

from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.delegate.macs import mac_of
from multinet.delegate.schema import Schema
from multinet.kernel.tuntap import Tap

SCHEMA = Schema.of(__package__)


@dataclass(frozen=True, kw_only=True, slots=True)
class TapConf:
    tap: Tap
    selinux_context: str
    """ "" for that of the process which makes it."""
    bridge: str
    """In the container; "" for none."""


def parse(conf: NetConf, args: Args) -> TapConf:
    raw = SCHEMA.read(conf.raw)
    mac = ""
    if not args.lenient:
        mac = mac_of(raw.get("mac"), args.known("MAC").get("MAC"), raw.get("runtimeConfig", {}).get("mac"))
    return TapConf(
        tap=Tap(
            multi_queue=raw.get("multiQueue", False),
            owner=raw.get("owner"),
            group=raw.get("group"),
            mtu=raw.get("mtu", 0),
            mac=mac,
        ),
        selinux_context=raw.get("selinuxContext", ""),
        bridge=raw.get("bridge", ""),
    )
