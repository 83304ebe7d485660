"""The configuration of ipvlan. The master is looked for when it is needed: DEL never looks."""

from __future__ import annotations

from dataclasses import dataclass

from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.delegate import host_link
from multinet.delegate.host_link import HostLink
from multinet.delegate.schema import Schema
from multinet.errors import InvalidConfig, nearest

SCHEMA = Schema.of(__package__)

MODES = ("l2", "l3", "l3s")


@dataclass(frozen=True, kw_only=True, slots=True)
class IpvlanConf:
    """``master`` "" is what the plugin before made, or the default route's link; ``mtu`` 0 the master's."""

    master: str
    mode: str
    mtu: int
    link_in_container: bool
    host_link: HostLink | None
    """What the master is to be where it is not there."""


def parse(conf: NetConf, args: Args) -> IpvlanConf:
    raw = SCHEMA.read(conf.raw)
    mode = raw.get("mode") or MODES[0]
    if mode not in MODES and not args.lenient:
        meant = nearest(mode, MODES)
        raise InvalidConfig(
            f'unknown ipvlan mode: "{mode}"',
            hint=f"did you mean {meant!r}?" if meant else f"known are {', '.join(MODES)}",
        )
    master, in_container = raw.get("master", ""), raw.get("linkInContainer", False)
    wanted = host_link.of_master(master, raw.get("hostLink"), in_container=in_container, lenient=args.lenient)
    return IpvlanConf(
        master=wanted.name if wanted else master,
        mode=mode,
        mtu=raw.get("mtu", 0),
        link_in_container=in_container,
        host_link=wanted,
    )
