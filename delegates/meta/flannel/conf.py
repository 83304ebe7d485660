"""The configuration of flannel, and the one that is made of it for the plugin that does the work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from delegates.meta.flannel.subnet import Subnet
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.delegate.schema import Schema
from multinet.errors import InvalidConfig, inside

SCHEMA = Schema.of(__package__)

SUBNET_FILE = "/run/flannel/subnet.env"
DATA_DIR = "/var/lib/cni/flannel"
HANDED_ON = ("name", "cniVersion", "runtimeConfig")
BRIDGE = "bridge"
HOST_LOCAL = "host-local"


@dataclass(frozen=True, kw_only=True, slots=True)
class FlannelConf:
    delegate: Mapping[str, Any]
    """What is configured for the other plugin."""
    told: Mapping[str, Any]
    """What it is told besides: the network's name and version, and what the runtime says."""
    ipam: Mapping[str, Any]
    subnet_file: str
    data_dir: str
    known_good: bool
    """Were the rules of ``refuse_reserved`` asked for?"""

    @property
    def type(self) -> str:
        return str(self.delegate.get("type", BRIDGE))

    def on(self, subnet: Subnet) -> NetConf:
        """The other plugin's configuration, on a node that has this subnet."""
        raw = {
            "type": self.type,
            "ipMasq": not subnet.ipmasq,
            "mtu": subnet.mtu,
            **self.delegate,
            **self.told,
        }
        if self.type == BRIDGE:
            raw.setdefault("isGateway", True)
        routes = [*self.ipam.get("routes", ()), *({"dst": str(one)} for one in subnet.networks)]
        ranges = [[{"subnet": str(one)}] for one in subnet.subnets]
        raw["ipam"] = {"type": HOST_LOCAL, **self.ipam, "ranges": ranges, "routes": routes}
        return NetConf.of(raw)


def parse(conf: NetConf, args: Args) -> FlannelConf:
    raw = SCHEMA.read(conf.raw)
    delegate = raw.get("delegate", {})
    if not args.lenient:
        refuse_reserved(delegate)
    return FlannelConf(
        delegate=delegate,
        told={key: conf.raw[key] for key in HANDED_ON if conf.raw.get(key) is not None},
        ipam=raw.get("ipam", {}),
        subnet_file=raw.get("subnetFile") or SUBNET_FILE,
        data_dir=raw.get("dataDir") or DATA_DIR,
        known_good=not args.lenient,
    )


def refuse_reserved(delegate: Mapping[str, Any]) -> None:
    for key in ("name", "ipam"):
        if key in delegate:
            raise InvalidConfig(
                f"'delegate' dictionary must not have '{key}' field, it'll be set by flannel",
                hint=f"write '{key}' beside 'delegate'",
            )
    if delegate.get("type") == "flannel":
        with inside(".delegate.type"):
            raise InvalidConfig(
                "flannel can't delegate to itself", hint="name the plugin that makes interfaces"
            )
