"""Rows where both refuse: with the same code where the code means something, and leaving the same."""

from __future__ import annotations

from typing import Any

from tests.equality.case import Case, Step, add, check, delete
from tests.equality.cases.bridge import bridge
from tests.equality.cases.macvlan import MASTER, macvlan
from tests.equality.cases.parts import DUAL, SUBNET4, V4, conf, host_local, static
from tests.equality.cases.ptp import ptp

ONCE: tuple[Step, ...] = (add(), delete())


def refused(
    name: str,
    given: dict[str, Any],
    steps: tuple[Step, ...] = ONCE,
    *,
    fails: tuple[int, ...] = (1,),
    **more: Any,
) -> Case:
    """A row whose first call is refused; where the configuration can't be read at all, so is its DEL."""
    return Case(name=name, conf=given, steps=steps, fails=fails, **more)


def ranges(*sets: Any, **keys: Any) -> dict[str, Any]:
    return conf(
        "host-local",
        ipam={"type": "host-local", "ranges": list(sets), "dataDir": "/run/case/addresses", **keys},
    )


def one(**keys: Any) -> list[dict[str, Any]]:
    return [{"subnet": SUBNET4, **keys}]


BAD_RANGES: dict[str, list[Any]] = {
    "empty-set": [[]],
    "mixed-families": [[{"subnet": SUBNET4}, {"subnet": "fd12:5::/64"}]],
    "overlap-in-set": [[{"subnet": SUBNET4}, {"subnet": "10.1.0.0/16"}]],
    "overlap-of-sets": [one(), [{"subnet": "10.1.2.128/25"}]],
    "small-subnet": [[{"subnet": "10.1.2.0/31"}]],
    "host-bits": [[{"subnet": "10.1.2.5/24"}]],
    "start-outside": [one(rangeStart="10.1.3.5")],
    "end-outside": [one(rangeEnd="10.1.3.5")],
    "end-before-start": [one(rangeStart="10.1.2.50", rangeEnd="10.1.2.40")],
    "no-subnet": [[{"rangeStart": "10.1.2.3"}]],
    "no-cidr": [[{"subnet": "10.1.2.0"}]],
    "no-address": [one(gateway="ten")],
}

CASES: tuple[Case, ...] = (
    # The protocol: these have codes.
    refused("static-refuses-no-name", {"cniVersion": "1.1.0", "type": "static"}, fails=(1, 2)),
    refused(
        "static-refuses-bad-name", {**conf("static", ipam=static("10.7.7.7/24")), "name": "a/b"}, fails=(1, 2)
    ),
    refused("static-refuses-version", conf("static", "9.9.9", ipam=static("10.7.7.7/24")), fails=(1, 2)),
    refused("static-refuses-version-text", conf("static", "one", ipam=static("10.7.7.7/24")), fails=(1, 2)),
    refused(
        "static-refuses-long-ifname", conf("static", ipam=static("10.7.7.7/24")), (add(ifname="x" * 16),)
    ),
    refused("static-refuses-ifname", conf("static", ipam=static("10.7.7.7/24")), (add(ifname="a:b"),)),
    refused(
        "static-refuses-container-id",
        conf("static", ipam=static("10.7.7.7/24")),
        (add(env={"CNI_CONTAINERID": "a/b"}),),
    ),
    refused(
        "static-refuses-missing-variables",
        conf("static", ipam=static("10.7.7.7/24")),
        (
            add(env={"CNI_CONTAINERID": ""}),
            add(env={"CNI_IFNAME": "", "CNI_NETNS": ""}),
            delete(env={"CNI_IFNAME": ""}),
        ),
        fails=(1, 2, 3),
    ),
    refused(
        "static-refuses-verb",
        conf("static", ipam=static("10.7.7.7/24")),
        (add(env={"CNI_COMMAND": "UPDATE"}),),
    ),
    # bridge
    refused("bridge-refuses-hairpin-and-promisc", bridge(hairpinMode=True, promiscMode=True, ipam=V4)),
    refused("bridge-refuses-ipam-and-disabled", bridge(disableContainerInterface=True, ipam=V4)),
    refused("bridge-refuses-vlan", bridge(vlan=4095, ipam=V4), fails=(1, 2)),
    refused("bridge-refuses-negative-vlan", bridge(vlan=-1, ipam=V4), fails=(1, 2)),
    *(
        refused(f"bridge-refuses-trunk-{name}", bridge(vlanTrunk=[entry], ipam=V4), fails=(1, 2))
        for name, entry in {
            "id": {"id": 4095},
            "zero": {"id": 0},
            "order": {"minID": 20, "maxID": 10},
            "no-min": {"maxID": 10},
            "no-max": {"minID": 10},
        }.items()
    ),
    refused("bridge-refuses-text-for-mtu", bridge(mtu="1500", ipam=V4), fails=(1, 2)),
    refused("bridge-refuses-mac", bridge(runtimeConfig={"mac": "no-mac"})),
    refused("bridge-refuses-multicast-mac", bridge(runtimeConfig={"mac": "01:00:5e:00:00:01"})),
    refused("bridge-refuses-unknown-ipam", bridge(ipam={"type": "no-such-ipam"}), fails=(1, 2)),
    refused("bridge-refuses-ipam-without-addresses", bridge(ipam=static())),
    refused("bridge-refuses-masquerade-backend", bridge(ipMasq=True, ipMasqBackend="ebtables", ipam=V4)),
    refused(
        "bridge-refuses-other-link-of-that-name",
        bridge(ipam=V4),
        host="ip link add br0 type veth peer name br1",
    ),
    refused("bridge-refuses-ifname-taken", bridge(ipam=V4), (add(),), pod="ip link add eth0 type bridge"),
    refused(
        "bridge-refuses-netns-missing",
        bridge(ipam=V4),
        (add(netns="/run/netns/gone"), delete(netns="/run/netns/gone")),
    ),
    refused("bridge-refuses-netns-file", bridge(ipam=V4), (add(netns="/run/case/file"),), files={"file": ""}),
    refused(
        "bridge-refuses-other-address",
        bridge(isGateway=True, ipam=V4),
        host="ip link add br0 type bridge; ip addr add 10.9.9.1/24 dev br0",
    ),
    refused(
        "bridge-refuses-overlapping-address",
        bridge(isGateway=True, ipam=host_local("fd12:5::/64")),
        host="ip link add br0 type bridge; ip link set br0 up; ip addr add fd12:5::77/64 dev br0 nodad",
    ),
    refused(
        "bridge-refuses-two-v4-gateways", bridge(isGateway=True, ipam=host_local(SUBNET4, "10.1.3.0/24"))
    ),
    refused(
        "bridge-refuses-full-range",
        bridge(ipam=host_local({"subnet": "10.1.2.0/30", "rangeStart": "10.1.2.1", "rangeEnd": "10.1.2.1"})),
    ),
    refused(
        "bridge-refuses-route",
        bridge(ipam=static("10.7.7.7/24", routes=[{"dst": "10.9.0.0/16", "gw": "10.200.0.1"}])),
    ),
    refused(
        "bridge-refuses-args",
        bridge(ipam=V4),
        (add(args="A=1"), add(args="MAC"), add(args="IgnoreUnknown=x")),
        fails=(1, 2, 3),
    ),
    refused("bridge-refuses-args-of-ipam", bridge(ipam=V4), (add(args="MAC=02:11:22:33:44:55"),)),
    refused("bridge-refuses-l2-in-0.2.0", bridge(version="0.2.0")),
    refused("bridge-refuses-type-of-netns", bridge(ipam=V4), (add(netns="/run/netns/host"),)),
    Case(
        name="bridge-check-fails-address",
        conf=bridge(ipam=V4),
        steps=(add(), check(conf=bridge(ipam=V4, prevResult={"cniVersion": "1.1.0"}), prev=False), delete()),
        fails=(2,),
    ),
    Case(
        name="bridge-check-fails-promisc",
        conf=bridge(ipam=V4),
        steps=(add(), check(conf=bridge(promiscMode=True, ipam=V4)), delete()),
        fails=(2,),
    ),
    Case(
        name="bridge-check-fails-other-bridge",
        conf=bridge(ipam=V4),
        steps=(add(), check(conf={**bridge(ipam=V4), "bridge": "br1"}), delete()),
        fails=(2,),
    ),
    Case(
        name="bridge-check-fails-released",
        conf=bridge(ipam=V4),
        steps=(add(), delete(conf=conf("host-local", ipam=V4)), check(), delete()),
        fails=(3,),
    ),
    # ptp
    refused("ptp-refuses-no-ipam", ptp(), fails=(1, 2)),
    refused("ptp-refuses-no-gateway", ptp(ipam=static("10.7.7.7/24"))),
    refused("ptp-refuses-ifname-taken", ptp(ipam=V4), (add(),), pod="ip link add eth0 type bridge"),
    refused("ptp-refuses-netns-missing", ptp(ipam=V4), (add(netns="/run/netns/gone"),)),
    refused("ptp-refuses-masquerade-backend", ptp(ipMasq=True, ipMasqBackend="ebtables", ipam=V4)),
    Case(
        name="ptp-check-fails-released",
        conf=ptp(ipam=V4),
        steps=(add(), delete(conf=conf("host-local", ipam=V4)), check(), delete()),
        fails=(3,),
    ),
    # macvlan
    refused("macvlan-refuses-mode", macvlan(mode="source"), host=MASTER),
    refused("macvlan-refuses-master", macvlan(), ONCE),
    refused("macvlan-refuses-no-default-route", conf("macvlan")),
    refused("macvlan-refuses-mtu", macvlan(mtu=1501), host=MASTER),
    refused("macvlan-refuses-negative-mtu", macvlan(mtu=-1), host=MASTER),
    refused("macvlan-refuses-mac", macvlan(mac="no-mac"), host=MASTER),
    refused(
        "macvlan-refuses-ifname-taken",
        macvlan(ipam=V4),
        (add(),),
        host=MASTER,
        pod="ip link add eth0 type bridge",
    ),
    refused("macvlan-refuses-netns-missing", macvlan(), (add(netns="/run/netns/gone"),), host=MASTER),
    refused("macvlan-refuses-unknown-ipam", macvlan(ipam={"type": "no-such-ipam"}), (add(),), host=MASTER),
    refused("macvlan-refuses-ipam-without-addresses", macvlan(ipam=static()), host=MASTER),
    refused(
        "macvlan-refuses-second-passthru",
        macvlan(mode="passthru"),
        (add(), add(container="c2"), delete()),
        host=MASTER,
        containers=("c1", "c2"),
        fails=(2,),
    ),
    refused("macvlan-refuses-args", macvlan(), (add(args="A=1"),), host=MASTER),
    Case(
        name="macvlan-check-fails-mode",
        conf=macvlan(),
        host=MASTER,
        steps=(add(), check(conf=macvlan(mode="vepa")), delete()),
        fails=(2,),
    ),
    Case(
        name="macvlan-check-fails-master",
        conf=macvlan(),
        host=MASTER,
        steps=(add(), check(conf={**macvlan(), "master": "up9"}), delete()),
        fails=(2,),
    ),
    # loopback
    refused(
        "loopback-refuses-other-address", conf("loopback"), (add(),), pod="ip addr add 10.1.1.1/32 dev lo"
    ),
    refused("loopback-refuses-netns-missing", conf("loopback"), (add(netns="/run/netns/gone"),)),
    # host-local
    refused("host-local-refuses-no-ipam", conf("host-local"), fails=(1, 2)),
    refused("host-local-refuses-no-ranges", conf("host-local", ipam={"type": "host-local"}), fails=(1, 2)),
    *(
        refused(f"host-local-refuses-{name}", ranges(*sets), fails=(1, 2))
        for name, sets in BAD_RANGES.items()
    ),
    refused(
        "host-local-refuses-two-sets-in-0.2.0",
        conf("host-local", "0.2.0", ipam=host_local(SUBNET4, "10.1.3.0/24")),
        fails=(1, 2),
    ),
    refused(
        "host-local-refuses-args",
        conf("host-local", ipam=V4),
        (add(args="A=1"), add(args="IP=ten")),
        fails=(1, 2),
    ),
    refused(
        "host-local-refuses-asked", conf("host-local", args={"cni": {"ips": ["ten"]}}, ipam=V4), fails=(1, 2)
    ),
    refused(
        "host-local-refuses-resolv-conf", conf("host-local", ipam={**V4, "resolvConf": "/run/case/none"})
    ),
    refused(
        "host-local-refuses-route", conf("host-local", ipam={**V4, "routes": [{"dst": "ten"}]}), fails=(1, 2)
    ),
    # static
    refused("static-refuses-no-ipam", conf("static"), (add(),)),
    refused("static-refuses-address", conf("static", ipam=static("10.7.7.7")), (add(),)),
    refused(
        "static-refuses-gateway",
        conf("static", ipam=static({"address": "10.7.7.7/24", "gateway": "x"})),
        (add(),),
    ),
    refused(
        "static-refuses-args",
        conf("static", ipam=static()),
        (add(args="IP=10.7.7.7"), add(args="IP=10.7.7.7/24;GATEWAY=x"), add(args="A=1")),
        fails=(1, 2, 3),
    ),
    refused(
        "static-refuses-args-cni",
        conf("static", args={"cni": {"ips": ["10.7.7.7"]}}, ipam=static()),
        (add(),),
    ),
    refused(
        "static-refuses-runtime", conf("static", runtimeConfig={"ips": ["10.7.7.7"]}, ipam=static()), (add(),)
    ),
    refused(
        "static-refuses-two-in-0.2.0",
        conf("static", "0.2.0", ipam=static("10.7.7.7/24", "10.7.8.7/24")),
        (add(),),
    ),
    refused("ptp-refuses-version", ptp(version="0.5.0", ipam=DUAL), fails=(1, 2)),
)
