"""Rows of firewall. ``eth0`` is told of and not there: nothing looks at it. What needs firewalld is compared in
``tests/delegates/meta/firewall``."""

from __future__ import annotations

from typing import Any

from tests.equality.case import DELETED_TWICE, Case, Step, add, check, delete, life
from tests.equality.cases.chained import PREVIOUS, PREVIOUS_04
from tests.equality.cases.parts import conf

BRIDGED: dict[str, Any] = {
    **PREVIOUS,
    "interfaces": [{"name": "br0", "mac": "02:11:22:33:44:77"}, *PREVIOUS["interfaces"]],
    "ips": [{**ip, "interface": 2} for ip in PREVIOUS["ips"]],
}
ONLY_4 = {**BRIDGED, "ips": BRIDGED["ips"][:1]}
ONLY_6 = {**BRIDGED, "ips": BRIDGED["ips"][1:]}
OTHER: dict[str, Any] = {
    **BRIDGED,
    "interfaces": [{"name": "br1"}, *BRIDGED["interfaces"][1:]],
    "ips": [{"address": "10.1.3.3/24", "interface": 2}],
}
THERE_BEFORE = """iptables -N CNI-ADMIN
iptables -A CNI-ADMIN -s 10.1.2.9 -j DROP
iptables -P FORWARD DROP
iptables -A FORWARD -i lo -j ACCEPT
"""
TWO: tuple[Step, ...] = (
    add(),
    add(container="c2"),
    check(),
    delete(),
    delete(container="c2"),
)


def firewall(version: str = "1.1.0", **keys: Any) -> dict[str, Any]:
    return conf("firewall", version, **{"prevResult": BRIDGED, "backend": "iptables", **keys})


def row(name: str, given: dict[str, Any], **more: Any) -> Case:
    return Case(name=f"firewall-{name}", conf=given, **more)


CASES: tuple[Case, ...] = (
    row("iptables", firewall(), steps=DELETED_TWICE),
    row("unnamed-backend", firewall(backend=None)),
    row("unknown-backend", firewall(backend="none-such")),
    row("v4", firewall(prevResult=ONLY_4)),
    row("v6", firewall(prevResult=ONLY_6, ingressPolicy="same-bridge")),
    row("several-addresses", firewall(prevResult={**BRIDGED, "ips": [*BRIDGED["ips"], *OTHER["ips"]]})),
    row("no-addresses", firewall(prevResult={**BRIDGED, "ips": []}, ingressPolicy="isolated")),
    row("no-interfaces", firewall(prevResult={"cniVersion": "1.1.0", "ips": [{"address": "10.1.2.3/24"}]})),
    row("admin-chain", firewall(iptablesAdminChainName="ADMIN")),
    row("keys-in-other-case", firewall(IPTABLESADMINCHAINNAME="ADMIN", INGRESSPOLICY="isolated")),
    row("empty-keys", firewall(iptablesAdminChainName="", firewalldZone="", ingressPolicy="")),
    row("there-before", firewall(), host=THERE_BEFORE),
    row("there-before-same-bridge", firewall(ingressPolicy="same-bridge"), host=THERE_BEFORE),
    row("open", firewall(ingressPolicy="open"), steps=(*life(), *life())),
    row("same-bridge", firewall(ingressPolicy="same-bridge"), steps=DELETED_TWICE),
    row("isolated", firewall(ingressPolicy="isolated"), steps=(*life(), *life())),
    row("two-containers", firewall(prevResult=ONLY_4), steps=TWO[:1] + TWO[2:4], containers=("c1", "c2")),
    row(
        "two-bridges",
        firewall(prevResult=ONLY_4, ingressPolicy="same-bridge"),
        steps=(
            add(),
            add(conf=firewall(prevResult=OTHER, ingressPolicy="isolated"), container="c2"),
            add(conf=firewall(prevResult=OTHER, ingressPolicy="same-bridge"), container="c3"),
            delete(),
            delete(conf=firewall(prevResult=OTHER), container="c2"),
        ),
        containers=("c1", "c2", "c3"),
    ),
    row("two-admin-chains", firewall(), steps=(add(), add(conf=firewall(iptablesAdminChainName="B")))),
    row("version-0.4.0", firewall("0.4.0", prevResult=PREVIOUS_04)),
    row("version-1.0.0", firewall("1.0.0", prevResult={**BRIDGED, "cniVersion": "1.0.0"})),
    row(
        "refuses-version-0.3.1",
        firewall("0.3.1", prevResult={**PREVIOUS_04, "cniVersion": "0.3.1"}),
        fails=(1, 2, 3),
    ),
    row("refuses-no-prev-result", firewall(prevResult=None), fails=(1, 2)),
    row("refuses-unknown-policy", firewall(ingressPolicy="closed"), steps=(add(), delete()), fails=(1, 2)),
    row(
        "refuses-policy-without-interfaces",
        firewall(prevResult={**BRIDGED, "interfaces": []}, ingressPolicy="isolated"),
        steps=(add(), delete()),
        fails=(1,),
    ),
    row(
        "refuses-empty-bridge",
        firewall(prevResult={**ONLY_4, "interfaces": [{"name": ""}]}, ingressPolicy="isolated"),
        steps=(add(), delete()),
        fails=(1,),
    ),
    row("refuses-chain-name", firewall(iptablesAdminChainName="x" * 40), steps=(add(), delete()), fails=(1,)),
    row("check-fails-nothing", firewall(), steps=(check(), delete()), fails=(1,)),
    row(
        "check-fails-admin-chain",
        firewall(),
        steps=(add(), check(conf=firewall(iptablesAdminChainName="B")), delete()),
        fails=(2,),
    ),
    row(
        "delete-without-prev-result",
        firewall(),
        steps=(add(), delete(conf=firewall(prevResult=None), prev=False)),
    ),
    row("delete-nothing", firewall(), steps=(delete(), delete(netns=""))),
    row("delete-netns-gone", firewall(), steps=(add(), delete(netns="/run/netns/gone"))),
)
