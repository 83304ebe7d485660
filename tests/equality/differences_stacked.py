"""The differences of vlan and its like, which stand on a master."""

from __future__ import annotations

from collections.abc import Mapping

from tests.equality.difference import ABSENT, ANYTHING, Difference, kept

DIFFERENCES: tuple[Difference, ...] = (
    *kept(
        "D-8: IPAM's dns is handed on where the configuration has none, as bridge and ptp do",
        ("result / dns / *", ABSENT, ANYTHING),
        cases=("vlan-dns-of-ipam", "ipvlan-master-of-default-route"),
        verbs=("ADD",),
    ),
    *kept(
        "D-11: CHECK passes when the master is not configured",
        ("exit", 1, 0),
        cases=("ipvlan-master-of-default-route",),
        verbs=("CHECK",),
    ),
    *kept(
        "D-10: DEL never looks for the master, nor at what ADD refuses",
        ("exit", 1, 0),
        cases=(
            "vlan-delete-no-master",
            "vlan-refuses-*",
            "dummy-refuses-*",
            "ipvlan-delete-no-*",
            "ipvlan-refuses-*",
        ),
        verbs=("DEL",),
    ),
)

CLEARED_UP: Mapping[str, str] = {
    "dummy-refuses-ipam-without-addresses": "D-9: the link goes when IPAM fails",
    "ipvlan-refuses-ifname-taken": "D-9: the reference leaves its link behind under the random name it had",
    "ipvlan-refuses-ipam-without-addresses": "D-9: the link goes when IPAM fails",
    "vlan-refuses-ifname-taken": "D-9: the reference leaves its link behind under the random name it had",
    "vlan-refuses-ipam-without-addresses": "D-9: the link goes when IPAM fails",
}
