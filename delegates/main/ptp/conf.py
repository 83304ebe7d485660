"""The configuration of ptp."""

from __future__ import annotations

from dataclasses import dataclass

from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.delegate.schema import Schema
from multinet.errors import InvalidConfig
from multinet.kernel.masquerade import check_backend

SCHEMA = Schema.of(__package__)


@dataclass(frozen=True, kw_only=True, slots=True)
class PtpConf:
    """``ip_masq_backend`` "" is whichever is usable; ``mtu`` 0 is the kernel's choice."""

    ip_masq: bool
    ip_masq_backend: str
    mtu: int


def parse(conf: NetConf, args: Args) -> PtpConf:
    raw = SCHEMA.read(conf.raw)
    backend = raw.get("ipMasqBackend", "")
    if not args.lenient:  # a DEL that follows a refused ADD must not be refused in turn
        check_backend(backend)
        if not conf.ipam_type:
            raise InvalidConfig(
                "no plugin name provided", hint="ptp routes addresses: name an IPAM plugin in ipam.type"
            )
    return PtpConf(ip_masq=raw.get("ipMasq", False), ip_masq_backend=backend, mtu=raw.get("mtu", 0))
