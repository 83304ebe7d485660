"""The configuration of loopback: there is nothing to configure."""

from __future__ import annotations

from dataclasses import dataclass

from multinet.cni.netconf import NetConf
from multinet.delegate.schema import Schema

SCHEMA = Schema.of(__package__)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopbackConf:
    """No keys."""


def parse(conf: NetConf) -> LoopbackConf:
    SCHEMA.read(conf.raw)
    return LoopbackConf()
