"""Rows of tuning."""

from __future__ import annotations

from typing import Any

from tests.equality.case import DELETED_TWICE, RUN, Case, add, check, delete, life
from tests.equality.cases.chained import PREVIOUS, PREVIOUS_02, PREVIOUS_04, UP
from tests.equality.cases.parts import conf

# The folder for operators' files is no machine's of the two: a copy of /etc is put in its place.
ALLOWING = """mount -t tmpfs none /mnt
cp -a /etc/. /mnt
mount --move /mnt /etc
mkdir -p /etc/cni/tuning
cat >/etc/cni/tuning/allowlist.conf <<END
^net.ipv4.conf.IFNAME.[a-z_]*$

  net.ipv4.ip_unprivileged_port_start
END
"""
ALL: dict[str, Any] = {
    "mac": "02:aa:bb:cc:dd:ee", "mtu": 1400, "promisc": True, "allmulti": True, "txQLen": 500,
    "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"},
}  # fmt: skip


def tuning(version: str = "1.1.0", **keys: Any) -> dict[str, Any]:
    return conf("tuning", version, **{"prevResult": PREVIOUS, **keys})


def users(**keys: Any) -> dict[str, Any]:
    return {"args": {"cni": keys}}


def row(name: str, given: dict[str, Any], **more: Any) -> Case:
    return Case(name=f"tuning-{name}", conf=given, **{"pod": UP, **more})


CASES: tuple[Case, ...] = (
    row("nothing", tuning()),
    row("everything", tuning(**ALL), steps=DELETED_TWICE),
    row("everything-other-ifname", tuning(**ALL), pod=UP.replace("eth0", "eth9"), steps=life(ifname="eth9")),
    row("mac", tuning(mac="02:aa:bb:cc:dd:ee"), steps=DELETED_TWICE),
    row("mac-of-cni-args", tuning(), steps=life(args="IgnoreUnknown=1;A=B;MAC=02:aa:bb:cc:dd:01")),
    row(
        "mac-all-sources",
        tuning(
            mac="02:aa:bb:cc:dd:01",
            runtimeConfig={"mac": "02:aa:bb:cc:dd:03"},
            **users(mac="02:aa:bb:cc:dd:04"),
        ),
        steps=life(args="MAC=02:aa:bb:cc:dd:02"),
    ),
    row(
        "mac-of-runtime",
        tuning(mac="02:aa:bb:cc:dd:01", runtimeConfig={"mac": "02:aa:bb:cc:dd:03"}),
        steps=life(args="MAC=02:aa:bb:cc:dd:02"),
    ),
    row("mac-in-dashes", tuning(mac="02-AA-BB-CC-DD-EE"), steps=(add(), delete())),
    row("mtu", tuning(mtu=1280)),
    row("promisc", tuning(promisc=True)),
    row("promisc-there-before", tuning(promisc=True), pod=f"{UP}ip link set eth0 promisc on"),
    row("allmulti", tuning(allmulti=True)),
    row("allmulti-off", tuning(allmulti=False), pod=f"{UP}ip link set eth0 allmulticast on"),
    row("txqlen", tuning(txQLen=0)),
    row(
        "sysctl-names",
        tuning(
            sysctl={
                "net.ipv4.conf.IFNAME.arp_filter": "1",
                "net/ipv4/conf/IFNAME/log_martians": "1",
                "net//ipv4.ip_unprivileged_port_start": "80",
            }
        ),
        pod=UP,
        steps=(add(), delete()),
    ),
    row("sysctl-several-parts", tuning(sysctl={"net.ipv4.ip_local_port_range": "2000\t3000"})),
    row("sysctl-spaces", tuning(sysctl={"net.ipv4.ip_local_port_range": "2000 3000"}), fails=(2,)),
    row("users-override", tuning(**ALL, **users(**{**ALL, "mtu": 1300, "txQLen": 7, "allmulti": False}))),
    row("users-leave-alone", tuning(**ALL, **users(mac="", mtu=0, promisc=False))),
    row(
        "users-sysctl",
        tuning(
            sysctl={"net.ipv4.conf.IFNAME.arp_filter": "1"},
            **users(
                sysctl={"net.ipv4.conf.IFNAME.arp_filter": "0", "net.ipv4.conf.IFNAME.log_martians": "1"}
            ),
        ),
    ),
    row("keys-in-other-case", tuning(MTU=1400, txqlen=7, AllMulti=True, DATADIR=f"{RUN}/t")),
    row("null-leaves-alone", tuning(mtu=None, mac=None, promisc=None, allmulti=None, txQLen=None)),
    row("data-dir", tuning(**ALL, dataDir=f"{RUN}/some/where")),
    row("version-1.0.0", tuning("1.0.0", **ALL, prevResult={**PREVIOUS, "cniVersion": "1.0.0"})),
    row("version-0.4.0", tuning("0.4.0", **ALL, prevResult=PREVIOUS_04)),
    row("version-0.2.0", tuning("0.2.0", **ALL, prevResult=PREVIOUS_02), steps=(add(), delete())),
    row(
        "two-of-one-interface",
        tuning(mtu=1400),
        steps=(add(), add(conf=tuning(mtu=1300, txQLen=5)), delete(), delete()),
    ),
    row("allowed", tuning(sysctl={"net.ipv4.conf.IFNAME.arp_filter": "1"}), host=ALLOWING),
    row(
        "refuses-forbidden",
        tuning(mtu=1400, sysctl={"net.ipv4.ip_local_port_range": "1 2"}),
        host=ALLOWING,
        steps=(add(), delete()),
        fails=(1,),
    ),
    row(
        "refuses-other-sysctl",
        tuning(mtu=1400, sysctl={"vm.swappiness": "7"}),
        steps=(add(), delete()),
        fails=(1,),
    ),
    row(
        "refuses-sysctl-above",
        tuning(sysctl={"net.ipv4/../../vm.swappiness": "7"}),
        steps=(add(), delete()),
        fails=(1,),
    ),
    row(
        "refuses-missing-sysctl",
        tuning(mtu=1400, sysctl={"net.ipv4.none": "7"}),
        steps=(add(), delete()),
        fails=(1,),
    ),
    row(
        "refuses-no-prev-result",
        tuning(mtu=1400, prevResult=None),
        steps=(add(), check(), delete()),
        fails=(1, 2),
    ),
    row("refuses-missing-interface", tuning(mtu=1400), pod="", steps=(add(), delete()), fails=(1,)),
    row("refuses-mac", tuning(mac="none"), steps=(add(), delete()), fails=(1,)),
    row("refuses-multicast-mac", tuning(mac="01:00:5e:00:00:01"), steps=(add(), delete()), fails=(1,)),
    row("refuses-small-mtu", tuning(mac="02:aa:bb:cc:dd:ee", mtu=30), steps=(add(), delete()), fails=(1,)),
    row("refuses-text-for-mtu", tuning(mtu="1400"), steps=(add(), delete()), fails=(1, 2)),
    row("refuses-args", tuning(mtu=1400), steps=(add(args="A=B"), delete()), fails=(1,)),
    row("delete-args", tuning(mtu=1400), steps=(add(), delete(args="A=B")), fails=(2,)),
    row(
        "users-sysctl-alone",
        tuning(**users(sysctl={"net.ipv4.conf.IFNAME.arp_filter": "1"})),
        fails=(1, 2, 3),
    ),
    *(
        row(
            f"check-fails-{name}", tuning(), steps=(add(), check(conf=tuning(**wanted)), delete()), fails=(2,)
        )
        for name, wanted in {
            "mac": {"mac": "02:aa:bb:cc:dd:ee"},
            "mtu": {"mtu": 1400},
            "promisc": {"promisc": True},
            "allmulti": {"allmulti": True},
            "txqlen": {"txQLen": 5},
            "sysctl": {"sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}},
        }.items()
    ),
    row(
        "check-fails-promisc-unasked",
        tuning(mtu=1400),
        pod=f"{UP}ip link set eth0 promisc on",
        fails=(2,),
    ),
    row("delete-nothing", tuning(**ALL), pod="", steps=(delete(), delete(netns=""))),
    row(
        "delete-netns-gone",
        tuning(**ALL),
        steps=(add(), delete(netns="/run/netns/gone"), delete(netns="")),
    ),
)
