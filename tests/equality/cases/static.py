"""Rows of static, called for itself."""

from __future__ import annotations

from typing import Any

from tests.equality.case import DELETED_TWICE, Case, Step, add, check, delete, life
from tests.equality.cases.parts import conf
from tests.equality.cases.parts import static as ipam_of

FOUR = {"address": "10.7.7.7/24", "gateway": "10.7.7.1"}
SIX = {"address": "fd77::7/64", "gateway": "fd77::1"}


def row(
    name: str,
    *addresses: Any,
    steps: tuple[Step, ...] = life(),
    ipam: Any = None,
    fails: tuple[int, ...] = (),
    **keys: Any,
) -> Case:
    return Case(
        name=f"static-{name}",
        fails=fails,
        conf=conf("static", ipam=ipam_of(*addresses, **(ipam or {})), **keys),
        steps=steps,
    )


CASES: tuple[Case, ...] = (
    row("v4", FOUR),
    row("v6", SIX),
    row("dual", FOUR, SIX, steps=DELETED_TWICE),
    row("no-gateway", "10.7.7.7/24", "fd77::7/64"),
    row("mapped-address", "::ffff:10.7.7.7/120"),
    row("v6-in-capitals", "FD77:0:0:0::0007/64"),
    row("several-a-family", FOUR, "10.7.8.7/24", SIX, "fd78::7/64"),
    row("none"),
    row(
        "routes-and-dns",
        FOUR,
        ipam={
            "routes": [
                {"dst": "0.0.0.0/0"},
                {"dst": "10.0.0.9/8", "gw": "10.7.7.9", "priority": 5, "mtu": 1400},
                {"dst": "::/0"},
            ],
            "dns": {
                "nameservers": ["10.7.7.53"],
                "domain": "example.org",
                "search": ["a", "b"],
                "options": ["ndots:3"],
            },
        },
    ),
    row("empty-dns", FOUR, ipam={"dns": {"nameservers": [], "search": []}}),
    row("args-cni", FOUR, args={"cni": {"ips": ["10.8.8.8/24", "fd88::8/64"]}}),
    row("runtime", FOUR, runtimeConfig={"ips": ["10.8.8.9/24"]}),
    row(
        "runtime-over-args-cni",
        FOUR,
        args={"cni": {"ips": ["10.8.8.8/24"]}},
        runtimeConfig={"ips": ["10.8.8.9/24", "fd88::9/64"]},
    ),
    row(
        "runtime-over-unreadable",
        FOUR,
        args={"cni": {"ips": ["x"]}},
        runtimeConfig={"ips": ["10.8.8.9/24"]},
        steps=(add(),),
        fails=(1,),
    ),
    row("route-without-destination", FOUR, ipam={"routes": [{"gw": "10.7.7.9"}]}, steps=(add(),)),
    row("cni-args-ip", steps=life(args="IP=10.8.8.8/24,fd88::8/64")),
    row("cni-args-ip-and-gateway", steps=life(args="IP=10.8.8.8/24,fd88::8/64;GATEWAY=10.8.8.1,fd88::1")),
    row(
        "cni-args-beside-addresses",
        FOUR,
        SIX,
        steps=life(args="IgnoreUnknown=1;IP=10.8.8.8/24;GATEWAY=10.8.8.1;X=Y"),
    ),
    row("cni-args-gateway-for-textual", "10.7.7.7/24", steps=life(args="GATEWAY=10.7.7.1")),
    row(
        "check-other-gateway",
        FOUR,
        steps=(
            add(),
            check(conf=conf("static", ipam=ipam_of({"address": "10.7.7.7/24", "gateway": "10.7.7.2"}))),
        ),
        fails=(2,),
    ),
    row("check-other-address", FOUR, steps=(add(), check(conf=conf("static", ipam=ipam_of("10.7.7.8/24"))))),
    row("delete-reads-nothing", steps=(delete(conf=conf("static")),)),
    # But for "Address": the reference has a field of that very name, for another purpose.
    row("keys-in-any-case", ipam={"addresses": [{"ADDRESS": "10.7.7.7/24", "GateWay": "10.7.7.1"}]}),
)
