"""Rows of host-local, called for itself: what it answers, and what it keeps on disk."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.equality.case import DELETED_TWICE, RUN, Case, Step, add, check, delete, life
from tests.equality.cases.parts import RESOLV_CONF, SECOND4, SUBNET4, SUBNET6, conf, host_local

NETNS = "/run/netns/c1"
FOLDER = "addresses/net"
TINY = {"subnet": "10.1.2.0/29", "rangeStart": "10.1.2.3", "rangeEnd": "10.1.2.4"}
TINY_NEXT = {"subnet": "10.1.3.0/29", "rangeStart": "10.1.3.3", "rangeEnd": "10.1.3.4"}


def ipam(*subnets: Any, version: str = "1.1.0", **keys: Any) -> dict[str, Any]:
    """``ipam_...`` keys go into the ipam object, the others beside it."""
    inner = {key.removeprefix("ipam_"): value for key, value in keys.items() if key.startswith("ipam_")}
    outer = {key: value for key, value in keys.items() if not key.startswith("ipam_")}
    return conf("host-local", version, ipam=host_local(*subnets, **inner), **outer)


def row(
    name: str,
    *subnets: Any,
    steps: tuple[Step, ...] | None = None,
    files: Any = None,
    fails: tuple[int, ...] = (),
    **keys: Any,
) -> Case:
    return Case(
        name=f"host-local-{name}",
        conf=ipam(*subnets, **keys),
        # It only keeps accounts, so any namespace will do for all of them.
        steps=tuple(
            replace(step, netns=step.netns if step.netns == "" else NETNS) for step in steps or life()
        ),
        fails=fails,
        files=files or {},
    )


def adds(*containers: str) -> tuple[Step, ...]:
    return tuple(add(container=container, netns=NETNS) for container in containers)


CASES: tuple[Case, ...] = (
    row("v4", SUBNET4),
    row("v6", SUBNET6),
    row("dual", SUBNET4, SUBNET6, steps=DELETED_TWICE),
    row("two-sets-a-family", SUBNET4, SECOND4),
    row("host-bits-in-length", "10.1.2.0/30"),
    row("v6-small", "fd12:5::/126"),
    row(
        "range",
        {"subnet": SUBNET4, "rangeStart": "10.1.2.100", "rangeEnd": "10.1.2.150", "gateway": "10.1.2.254"},
    ),
    row("range-v6", {"subnet": SUBNET6, "rangeStart": "fd12:5::ffff", "gateway": "fd12:5::1:1"}),
    row("gateway-first-in-range", {"subnet": SUBNET4, "rangeStart": "10.1.2.9", "gateway": "10.1.2.9"}),
    Case(
        name="host-local-default-folder",
        conf=conf("host-local", ipam={"type": "host-local", "subnet": SUBNET4}),
    ),
    Case(
        name="host-local-old-form",
        conf=conf(
            "host-local",
            ipam={
                "type": "host-local",
                "subnet": SUBNET4,
                "rangeStart": "10.1.2.20",
                "rangeEnd": "10.1.2.30",
                "gateway": "10.1.2.40",
                "routes": [
                    {"dst": "0.0.0.0/0"},
                    {"dst": "10.0.0.0/8", "gw": "10.1.2.50", "mtu": 1400, "advmss": 1300, "priority": 3},
                ],
            },
        ),
    ),
    Case(
        name="host-local-old-form-and-ranges",
        conf=conf(
            "host-local", ipam={"type": "host-local", "subnet": SUBNET4, "ranges": [[{"subnet": SUBNET6}]]}
        ),
    ),
    row(
        "routes-of-every-kind",
        SUBNET4,
        ipam_routes=[
            {"dst": "0.0.0.0/0"},
            {"dst": "10.2.3.4/16", "gw": "10.1.2.7", "table": 0, "scope": 0},
            {"dst": "fd00::1/32", "priority": 1, "table": 100, "scope": 253},
        ],
    ),
    row("resolv-conf", SUBNET4, ipam_resolvConf=f"{RUN}/resolv.conf", files={"resolv.conf": RESOLV_CONF}),
    row("resolv-conf-empty", SUBNET4, ipam_resolvConf=f"{RUN}/resolv.conf", files={"resolv.conf": ""}),
    # Round robin, over several containers, ranges and their ends.
    row(
        "round-robin",
        SUBNET4,
        steps=(
            *adds("c1", "c2"),
            delete(),
            *adds("c3", "c1"),
            delete(container="c2"),
            delete(container="c3"),
            delete(),
        ),
    ),
    row(
        "wraps-around",
        TINY,
        steps=(*adds("c1", "c2"), delete(), *adds("c3"), delete(container="c2"), *adds("c1")),
    ),
    row(
        "full",
        TINY,
        steps=(
            *adds("c1", "c2", "c3"),
            delete(container="c3"),
            check(),
            check(container="c3"),
            delete(),
            *adds("c3"),
        ),
        fails=(3, 6),
    ),
    Case(
        name="host-local-several-ranges-in-a-set",
        conf=conf(
            "host-local",
            ipam={
                "type": "host-local",
                "dataDir": f"{RUN}/addresses",
                "ranges": [[TINY, {"subnet": "10.1.3.0/29", "rangeStart": "10.1.3.6"}]],
            },
        ),
        steps=(*adds("c1", "c2", "c3", "c4"), delete(), delete(container="c3"), *adds("c4", "c1")),
        fails=(4,),
    ),
    row(
        "goes-on-after-the-last-reserved",
        SUBNET4,
        files={f"{FOLDER}/last_reserved_ip.0": "10.1.2.90", f"{FOLDER}/10.1.2.91": "other\r\neth0"},
        steps=(*adds("c1", "c2"), delete(), delete(container="c2")),
    ),
    row("last-reserved-elsewhere", SUBNET4, files={f"{FOLDER}/last_reserved_ip.0": "10.9.9.90"}),
    row("last-reserved-unreadable", SUBNET4, files={f"{FOLDER}/last_reserved_ip.0": "ninety"}),
    row("last-reserved-is-the-end", SUBNET4, files={f"{FOLDER}/last_reserved_ip.0": "10.1.2.254"}),
    # Addresses asked for.
    row("asked-runtime", SUBNET4, SUBNET6, runtimeConfig={"ips": ["10.1.2.33/24", "fd12:5::33"]}),
    row("asked-args-cni", SUBNET4, args={"cni": {"ips": ["10.1.2.34"]}}),
    row("asked-cni-args", SUBNET4, steps=life(args="IP=10.1.2.35")),
    row("asked-cni-args-with-length", SUBNET4, steps=life(args="IgnoreUnknown=1;IP=10.1.2.35/8;K=V")),
    row(
        "asked-all-three",
        SUBNET4,
        SECOND4,
        SUBNET6,
        runtimeConfig={"ips": ["fd12:5::36"]},
        args={"cni": {"ips": ["10.1.3.36"]}},
        steps=life(args="IP=10.1.2.36"),
    ),
    row("asked-for-one-of-two", SUBNET4, SECOND4, args={"cni": {"ips": ["10.1.3.36"]}}),
    row(
        "asked-taken",
        SUBNET4,
        args={"cni": {"ips": ["10.1.2.34"]}},
        steps=(*adds("c1", "c2"), delete(container="c2"), delete()),
        fails=(2,),
    ),
    row("asked-gateway", SUBNET4, args={"cni": {"ips": ["10.1.2.1"]}}, steps=(add(), delete()), fails=(1,)),
    row("asked-outside", SUBNET4, args={"cni": {"ips": ["10.99.2.1"]}}, steps=(add(), delete()), fails=(1,)),
    row(
        "asked-outside-range",
        {"subnet": SUBNET4, "rangeStart": "10.1.2.100"},
        args={"cni": {"ips": ["10.1.2.5"]}},
        steps=(add(), delete()),
        fails=(1,),
    ),
    row(
        "asked-second-taken",
        SUBNET4,
        SECOND4,
        files={f"{FOLDER}/10.1.3.5": "other\r\neth0"},
        args={"cni": {"ips": ["10.1.3.5"]}},
        steps=(add(), delete()),
        fails=(1,),
    ),
    row("asked-twice-by-one", SUBNET4, steps=(add(), add(args="IP=10.1.2.99"), delete())),
    row(
        "runtime-ranges", SUBNET4, runtimeConfig={"ipRanges": [[{"subnet": SUBNET6}], [{"subnet": SECOND4}]]}
    ),
    row("runtime-ranges-only", runtimeConfig={"ipRanges": [[{"subnet": SUBNET4, "rangeStart": "10.1.2.9"}]]}),
    # One container, several times; and who owns a file.
    row("same-again", SUBNET4, steps=(add(), add(), check(), delete()), fails=(2,)),
    row(
        "two-interfaces",
        SUBNET4,
        steps=(add(), add(ifname="net1"), delete(), check(ifname="net1"), delete(ifname="net1")),
    ),
    row(
        "old-file-without-ifname", SUBNET4, files={f"{FOLDER}/10.1.2.77": "id-c1"}, steps=(check(), delete())
    ),
    row(
        "old-file-and-new",
        SUBNET4,
        files={f"{FOLDER}/10.1.2.77": "id-c1", f"{FOLDER}/10.1.2.78": "id-c1\r\neth0"},
        steps=(check(), delete()),
    ),
    row(
        "file-with-line-end",
        SUBNET4,
        files={f"{FOLDER}/10.1.2.77": "id-c1\r\neth0\n"},
        steps=(check(), delete()),
    ),
    row(
        "others-files-stay",
        SUBNET4,
        files={f"{FOLDER}/10.1.2.77": "id-c1\r\nnet1", f"{FOLDER}/note": "id-c9"},
        steps=(check(), delete()),
        fails=(1,),
    ),
    row("any-file-of-ours", SUBNET4, files={f"{FOLDER}/note": "id-c1\r\neth0"}, steps=(check(), delete())),
    row("delete-nothing", SUBNET4, steps=(delete(), check(), delete(netns="")), fails=(2,)),
    row("delete-with-other-ranges", SUBNET4, steps=(add(), delete(conf=ipam(SECOND4)))),
    # Where the two differ, for reasons.
    row(
        "refused-later-set",
        SUBNET4,
        TINY_NEXT,
        files={f"{FOLDER}/10.1.3.3": "other\r\neth0", f"{FOLDER}/10.1.3.4": "other\r\neth0"},
        steps=(add(args="IP=10.1.2.9"), check(), delete()),
        fails=(1, 2),
    ),
    row("start-is-broadcast", {"subnet": "10.1.2.0/29", "rangeStart": "10.1.2.7"}, steps=(add(),)),
    row("route-without-destination", SUBNET4, ipam_routes=[{"gw": "10.1.2.7"}], steps=(add(),)),
    row(
        "old-file-and-new-in-two-sets",
        SUBNET4,
        SECOND4,
        files={f"{FOLDER}/10.1.2.77": "id-c1", f"{FOLDER}/10.1.2.78": "id-c1\r\neth0"},
        steps=(check(), delete()),
    ),
    row(
        "file-in-folder",
        SUBNET4,
        files={f"{FOLDER}/old/10.1.2.77": "id-c1\r\neth0"},
        steps=(check(), delete()),
    ),
    row(
        "empty-file",
        {"subnet": "10.1.2.0/30", "gateway": "10.1.2.1"},
        files={f"{FOLDER}/10.1.2.2": ""},
        steps=(add(), delete()),
        fails=(1,),
    ),
    row(
        "capital-keys",
        SUBNET4,
        ipam_Routes=[{"Dst": "0.0.0.0/0", "GW": "10.1.2.9"}],
        runtimeConfig={"IPs": ["10.1.2.50"]},
    ),
)
