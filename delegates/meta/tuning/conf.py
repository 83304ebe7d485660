"""The configuration of tuning. What the network's users say (``args.cni``) overrides everything, also by an empty
text, a zero or a false.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from delegates.meta.tuning.sysctls import file_of, refuse_repeated
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.delegate.macs import mac_of
from multinet.delegate.schema import Schema

SCHEMA = Schema.of(__package__)

DATA_DIR = "/run/cni/tuning"
"""Of the machine's running time: what is remembered there is of links, which don't outlive it either."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TuningConf:
    """What is to be left alone is "", 0, False or None."""

    sysctl: Mapping[str, str]
    """By their names as written, in that order."""
    mac: str
    promisc: bool
    mtu: int
    allmulti: bool | None
    txqlen: int | None
    data_dir: str

    @property
    def changes_link(self) -> bool:
        numbers = self.allmulti is not None or self.txqlen is not None
        return bool(self.mac or self.promisc or self.mtu) or numbers


def parse(conf: NetConf, args: Args) -> TuningConf:
    if args.lenient:  # DEL, GC: all they need is where the original values are
        raw = SCHEMA.read({key: value for key, value in conf.raw.items() if key.lower() != "sysctl"})
        said: Mapping[str, Any] = {}
    else:
        refuse_repeated(conf.raw)
        raw = SCHEMA.read(conf.raw)
        said = {**raw, **raw.get("args", {}).get("cni", {})}
    sysctl = {**raw.get("sysctl", {}), **said.get("sysctl", {})}
    for key in sysctl:
        file_of(key, "IFNAME")
    return TuningConf(
        sysctl=sysctl,
        mac=_mac(raw, args),
        promisc=said.get("promisc", False),
        mtu=said.get("mtu", 0),
        allmulti=said.get("allmulti"),
        txqlen=said.get("txQLen"),
        data_dir=raw.get("dataDir") or DATA_DIR,
    )


def _mac(raw: Mapping[str, Any], args: Args) -> str:
    if args.lenient:
        return ""
    from_args = args.known("MAC").get("MAC")
    users = raw.get("args", {}).get("cni", {})
    if "mac" in users:
        return mac_of(users["mac"])
    return mac_of(raw.get("mac"), from_args, raw.get("runtimeConfig", {}).get("mac"))
