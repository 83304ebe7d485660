"""The differences of plugins whose link is not made by a message; ``differences`` says what that means."""

from __future__ import annotations

from collections.abc import Mapping

from tests.equality.difference import ABSENT, ANYTHING, Difference, kept

DIFFERENCES_DEVICES: tuple[Difference, ...] = (
    # --- host-device ---
    *kept(
        "D-8: IPAM's dns is handed on where the configuration has none, as bridge and ptp do",
        ("result / dns / *", ABSENT, ANYTHING),
        cases=("host-device-dns-of-ipam",),
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
)

CLEARED_UP_DEVICES: Mapping[str, str] = {
    "host-device-refuses-ipam-without-addresses": "D-9: the device comes back when IPAM fails",
}
