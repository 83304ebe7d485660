"""Each protocol version over one configuration of each type; and the verbs that change nothing."""

from __future__ import annotations

from typing import Any

from tests.equality.case import Case, Step, add, delete
from tests.equality.cases.bridge import bridge
from tests.equality.cases.macvlan import MASTER, macvlan
from tests.equality.cases.parts import DUAL, SUBNET4, SUBNET6, V4, V6, conf, host_local, static
from tests.equality.cases.ptp import ptp

VERSIONS = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")

ROUTES: dict[str, Any] = {
    "routes": [
        {"dst": "0.0.0.0/0"},
        {"dst": "10.80.0.0/16", "gw": "10.1.2.80", "priority": 8},
        {"dst": "fd80::/16"},
    ]
}
ALL: dict[str, tuple[dict[str, Any], str]] = {
    "bridge": (bridge(isGateway=True, dns={"nameservers": ["10.0.0.1"]}, ipam={**DUAL, **ROUTES}), ""),
    "ptp": (ptp(ipam={**DUAL, **ROUTES}), ""),
    "macvlan": (macvlan(ipam={**V4}), MASTER),
    "loopback": (conf("loopback"), ""),
    "host-local": (conf("host-local", ipam=host_local(SUBNET4, SUBNET6, **ROUTES)), ""),
    "static": (conf("static", ipam=static("10.7.7.7/24", "fd77::7/64", **ROUTES)), ""),
}
TYPES = tuple(ALL)


def verbs(*names: Any) -> tuple[Step, ...]:
    return tuple(Step(verb=name) for name in names)


CASES: tuple[Case, ...] = (
    *(
        Case(name=f"{type_}-version-{version}", conf={**given, "cniVersion": version}, host=host)
        for type_, (given, host) in ALL.items()
        for version in VERSIONS
    ),
    *(
        Case(
            name=f"{type_}-no-version", conf={k: v for k, v in given.items() if k != "cniVersion"}, host=host
        )
        for type_, (given, host) in ALL.items()
    ),
    *(
        Case(name=f"{type_}-says-versions", conf=given, host=host, steps=verbs("VERSION"))
        for type_, (given, host) in ALL.items()
    ),
    *(
        Case(name=f"{type_}-status", conf=given, host=host, steps=verbs("STATUS"))
        for type_, (given, host) in ALL.items()
    ),
    *(
        Case(
            name=f"{type_}-gc-keeps-the-valid",
            conf=given,
            host=host,
            steps=(
                add(),
                Step(
                    verb="GC",
                    conf={**given, "cni.dev/valid-attachments": [{"containerID": "id-c1", "ifname": "eth0"}]},
                ),
                delete(),
            ),
        )
        for type_, (given, host) in ALL.items()
    ),
    *(
        Case(
            name=f"{type_}-newer-verbs-in-1.0.0",
            conf={**given, "cniVersion": "1.0.0"},
            host=host,
            steps=verbs("STATUS", "GC"),
            fails=(1, 2),
        )
        for type_, (given, host) in ALL.items()
    ),
    *(
        Case(
            name=f"{given['type']}-gc-{name}",
            conf=given,
            steps=(add(), Step(verb="GC", conf={**given, "cni.dev/valid-attachments": []}), delete()),
        )
        for name, given in {
            "releases": conf("host-local", ipam=host_local(SUBNET4, SUBNET6)),
            "nftables": bridge(ipMasq=True, ipMasqBackend="nftables", macspoofchk=True, ipam=DUAL),
            "iptables": bridge(ipMasq=True, ipMasqBackend="iptables", ipam=V4),
        }.items()
    ),
    # Only one address a family can be told before 0.3.0, and none of IPv4 is none at all.
    Case(name="bridge-v6-in-0.2.0", conf=bridge(version="0.2.0", ipam=V6)),
    Case(name="macvlan-v6-in-0.1.0", conf=macvlan(version="0.1.0", ipam=V6), host=MASTER),
    Case(
        name="static-two-a-family-in-0.3.0",
        conf=conf("static", "0.3.0", ipam=static("10.7.7.7/24", "10.7.8.7/24")),
    ),
)
