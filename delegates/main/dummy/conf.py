"""The configuration of dummy: only its IPAM plugin."""

from __future__ import annotations

from dataclasses import dataclass

from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.delegate.schema import Schema
from multinet.errors import InvalidConfig

SCHEMA = Schema.of(__package__)


@dataclass(frozen=True, kw_only=True, slots=True)
class DummyConf:
    """No keys of its own."""


def parse(conf: NetConf, args: Args) -> DummyConf:
    SCHEMA.read(conf.raw)
    if (
        not conf.ipam_type and not args.lenient
    ):  # a DEL that follows a refused ADD must not be refused in turn
        raise InvalidConfig(
            "dummy interface requires an IPAM configuration", hint="name an IPAM plugin in ipam.type"
        )
    return DummyConf()
