"""The differences of plugins whose link is not made by a message; ``differences`` says what that means."""

from __future__ import annotations

from collections.abc import Mapping

from tests.equality.difference import ABSENT, ANYTHING, Difference, kept

DIFFERENCES: tuple[Difference, ...] = (
    # --- host-device ---
    *kept(
        "D-8: IPAM's dns is handed on where the configuration has none, as bridge and ptp do",
        ("result / dns / *", ABSENT, ANYTHING),
        cases=("host-device-dns-of-ipam", "tap-dns-of-ipam"),
    ),
    *kept(
        "D-13: a device that is not in the container is no reason for DEL to fail, and neither is one that is "
        "nowhere, or a namespace that is gone",
        ("exit", 1, 0),
        cases=("host-device-deleted-twice", "host-device-delete-netns-gone", "host-device-refuses-*"),
        verbs=("DEL",),
    ),
    *kept(
        "D-13: the addresses are given back without a namespace, too",
        ("files / /run/case/addresses/net/10.1.2.2", ANYTHING, ABSENT),
        cases=("host-device-delete-without-netns", "host-device-delete-netns-gone"),
        verbs=("DEL",),
    ),
    # --- tap ---
    *kept(
        "D-14: a tap for an owner and a group has the MAC and the MTU that were asked for, too",
        ("c1 / * / eth0 / address", "<mac of c1/eth0>", "02:11:22:33:44:55"),
        ("c1 / mac_assigned / eth0", "1", "3"),
        ("c1 / * / eth0 / mtu", 1500, 1400),
        ("c1 / sysctl / net/ipv6/conf/eth0/mtu", "1500", "1400"),
        ("result / interfaces / 0 / mac", "<mac of c1/eth0>", "02:11:22:33:44:55"),
        cases=("tap-mac-and-mtu-for-owner-and-group",),
    ),
    *kept(
        "D-25: DEL does not mind an argument that it does not know",
        ("exit", 1, 0),
        ("c1 / *", ANYTHING, ABSENT),
        cases=("tap-delete-unknown-args",),
        verbs=("DEL",),
    ),
    *kept(
        "a tap that could not be finished stays under its random name, where no DEL finds it",
        ("c1 / *", ANYTHING, ABSENT),
        cases=("tap-refuses-mtu", "tap-refuses-mac"),
        verbs=("DEL",),
    ),
)

CLEARED_UP: Mapping[str, str] = {
    "host-device-refuses-ipam-without-addresses": "D-9: the device comes back when IPAM fails",
    "tap-refuses-ipam-without-addresses": "D-9: the link goes when IPAM fails",
    "tap-refuses-mtu": "a refused ADD takes back what it made",
    "tap-refuses-mac": "what is wrong in a configuration is found before anything is made",
    "tap-refuses-bridge": "a bridge that is not there is missed before anything is made",
}
