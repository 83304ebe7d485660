"""Rows of bandwidth: a pair of links, made by hand, with one end on the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.equality.case import DELETED_TWICE, Case, add, check, delete, life
from tests.equality.cases.chained import ADDRESS4, ADDRESS6, MAC, PREVIOUS, PREVIOUS_04
from tests.equality.cases.parts import conf

PAIR = f"""ip link add far0 address 02:11:22:33:44:66 type veth peer name eth0 address {MAC} netns c1
ip link set far0 up
"""
POD_UP = f"""ip addr add {ADDRESS4} dev eth0
ip addr add {ADDRESS6} dev eth0 nodad
ip link set eth0 up
"""
PREVIOUS_03: Mapping[str, Any] = {**PREVIOUS_04, "cniVersion": "0.3.1"}

INGRESS: Mapping[str, Any] = {"ingressRate": 8_000_000, "ingressBurst": 800_000}
EGRESS: Mapping[str, Any] = {"egressRate": 20_000_000, "egressBurst": 300_000}
BOTH: Mapping[str, Any] = {**INGRESS, **EGRESS}


def bandwidth(version: str = "1.1.0", **keys: Any) -> dict[str, Any]:
    return conf("bandwidth", version, **{"prevResult": PREVIOUS, **keys})


def row(name: str, given: dict[str, Any], **more: Any) -> Case:
    return Case(name=f"bandwidth-{name}", conf=given, **{"host": PAIR, "pod": POD_UP, **more})


def runtime(**limits: Any) -> dict[str, Any]:
    return {"runtimeConfig": {"bandwidth": limits}}


CASES: tuple[Case, ...] = (
    row("nothing", bandwidth()),
    row("zeros", bandwidth(**dict.fromkeys(BOTH, 0))),
    row("ingress", bandwidth(**INGRESS), steps=(add(), check())),
    row("egress", bandwidth(**EGRESS), steps=(add(), check())),
    row("both", bandwidth(**BOTH), steps=(add(), check())),
    row(
        "host-end-gone",
        bandwidth(**BOTH),
        steps=(add(), delete(netns="/run/netns/gone"), delete(netns="")),
    ),
    row("mtu", bandwidth(**EGRESS), host=f"{PAIR}ip link set far0 mtu 1380", steps=(add(), check())),
    row(
        "other-ifname",
        bandwidth(
            **BOTH,
            prevResult={
                **PREVIOUS,
                "interfaces": [{"name": "far0"}, {"name": "net7", "sandbox": "/run/netns/c1"}],
            },
        ),
        host=PAIR.replace("eth0", "net7"),
        pod=POD_UP.replace("eth0", "net7"),
        steps=life(ifname="net7")[:2],
    ),
    row("runtime", bandwidth(**runtime(**BOTH)), steps=(add(), check())),
    row(
        "runtime-as-containerd-1.6",
        bandwidth(**runtime(**{key[0].upper() + key[1:]: value for key, value in BOTH.items()})),
        steps=(add(), check()),
    ),
    row("runtime-below-configuration", bandwidth(**INGRESS, **runtime(**EGRESS)), steps=(add(), check())),
    row("runtime-below-a-zero", bandwidth(egressRate=0, **runtime(**BOTH))),
    row("keys-in-other-case", bandwidth(INGRESSRATE=8_000_000, ingressburst=80_000), steps=(add(), check())),
    row("wide", bandwidth(ingressRate=40_000_000_000, ingressBurst=80_000_000), steps=(add(), check())),
    row(
        "least",
        bandwidth(ingressRate=8, ingressBurst=8, egressRate=16, egressBurst=12),
        steps=(add(), check()),
    ),
    row(
        "uneven",
        bandwidth(ingressRate=1_234_567, ingressBurst=76_543, egressRate=333_333_333, egressBurst=99_999),
        steps=(add(), check()),
    ),
    row(
        "large-burst", bandwidth(egressRate=1_000_000_000, egressBurst=34_000_000_000), steps=(add(), check())
    ),
    row(
        "version-1.0.0",
        bandwidth("1.0.0", **BOTH, prevResult={**PREVIOUS, "cniVersion": "1.0.0"}),
        steps=(add(), check()),
    ),
    row("version-0.4.0", bandwidth("0.4.0", **BOTH, prevResult=PREVIOUS_04), steps=(add(), check())),
    row("version-0.3.1", bandwidth("0.3.1", **BOTH, prevResult=PREVIOUS_03), steps=(add(),)),
    row("refuses-version-0.2.0", bandwidth("0.2.0", **BOTH), steps=(add(),), fails=(1,)),
    row("refuses-no-burst", bandwidth(ingressRate=800), steps=(add(), delete()), fails=(1, 2)),
    row("refuses-no-rate", bandwidth(**runtime(egressBurst=800)), steps=(add(), delete()), fails=(1, 2)),
    row("refuses-burst", bandwidth(ingressRate=8, ingressBurst=2**35), steps=(add(),), fails=(1,)),
    row("refuses-slow-rate", bandwidth(ingressRate=7, ingressBurst=800), steps=(add(),), fails=(1,)),
    row("refuses-text", bandwidth(ingressRate="8M", ingressBurst=8), steps=(add(), delete()), fails=(1, 2)),
    row("refuses-no-prev-result", bandwidth(**BOTH, prevResult=None), steps=(add(), check()), fails=(1, 2)),
    row(
        "refuses-no-interfaces",
        bandwidth(**BOTH, prevResult={"cniVersion": "1.1.0"}),
        steps=(add(),),
        fails=(1,),
    ),
    row(
        "refuses-other-kind",
        bandwidth(**BOTH),
        host="",
        pod="ip link add br0 type bridge; ip link set br0 name eth0",
        steps=(add(), check(conf=bandwidth(**BOTH))),
        fails=(1, 2),
    ),
    row("refuses-missing-interface", bandwidth(**BOTH), host="", pod="", steps=(add(),), fails=(1,)),
    row(
        "refuses-peer-elsewhere",
        bandwidth(**BOTH),
        host="",
        pod=f"ip link add eth0 address {MAC} index 77 type veth peer name far0 address 02:11:22:33:44:66 index 78",
        steps=(add(),),
        fails=(1,),
    ),
    row(
        "refuses-host-end-untold",
        bandwidth(**BOTH, prevResult={**PREVIOUS, "interfaces": PREVIOUS["interfaces"][1:]}),
        steps=(add(),),
        fails=(1,),
    ),
    row(
        "refuses-clsact",
        bandwidth(**BOTH),
        host=f"{PAIR}tc qdisc add dev far0 clsact",
        steps=(add(),),
        fails=(1,),
    ),
    row("refuses-a-second", bandwidth(**BOTH), steps=(add(), add()), fails=(2,)),
    *(
        row(
            f"check-fails-{name}",
            bandwidth(**BOTH),
            steps=(add(), check(conf=bandwidth(**{**BOTH, **wanted}))),
            fails=(2,),
        )
        for name, wanted in {
            "ingress-rate": {"ingressRate": 9_000_000},
            "ingress-burst": {"ingressBurst": 900_000},
            "egress-rate": {"egressRate": 9_000_000},
            "egress-burst": {"egressBurst": 900_000},
        }.items()
    ),
    row(
        "check-fails-no-ifb",
        bandwidth(**INGRESS),
        steps=(add(), check(conf=bandwidth(**BOTH))),
        fails=(2,),
    ),
    row("check-without-limits", bandwidth(), host="", pod="", steps=(add(), check()), fails=(2,)),
    row("without-anything", bandwidth(prevResult=None), steps=(add(),), fails=(1,)),
    row("delete-nothing", bandwidth(**BOTH), host="", pod="", steps=(delete(), delete(netns=""))),
    row("deleted", bandwidth(**BOTH), steps=DELETED_TWICE),
)
