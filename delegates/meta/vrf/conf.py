"""The configuration of vrf."""

from __future__ import annotations

from dataclasses import dataclass

from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.delegate.schema import Schema
from multinet.errors import InvalidConfig

SCHEMA = Schema.of(__package__)


@dataclass(frozen=True, kw_only=True, slots=True)
class VrfConf:
    """``name`` "" only where nothing can have been made; ``table`` 0 is a free one."""

    name: str
    table: int


def parse(conf: NetConf, args: Args) -> VrfConf:
    raw = SCHEMA.read(conf.raw)
    name = raw.get("vrfname", "")
    if not name and not args.lenient:
        raise InvalidConfig(
            "configuration is expected to have a valid vrf name", hint="name the VRF with the key 'vrfname'"
        )
    return VrfConf(name=name, table=raw.get("table", 0))
