"""The differences of chained plugins; ``differences`` says what that means."""

from __future__ import annotations

from collections.abc import Mapping

from tests.equality.difference import ABSENT, ANYTHING, WHATEVER, Difference, kept

BACKUP = "files / /run/cni/tuning/id-c1_eth0.json"

DIFFERENCES: tuple[Difference, ...] = (
    # --- tuning ---
    *kept(
        "a MAC is told as the kernel tells it",
        ("result / interfaces / 1 / mac", ANYTHING, ANYTHING),
        cases=("tuning-mac-in-dashes",),
        verbs=("ADD",),
    ),
    *kept(
        "what is between the parts of a parameter's value does not matter to CHECK",
        ("exit", 1, 0),
        cases=("tuning-sysctl-spaces",),
        verbs=("CHECK",),
    ),
    *kept(
        "of two tunings of one interface the first knows how it was",
        (BACKUP, ANYTHING, ANYTHING),
        cases=("tuning-two-of-one-interface",),
        verbs=("ADD",),
    ),
    *kept(
        "... so that it is made as it was",
        ("c1 / * / eth0 / mtu", 1400, 1500),
        ("c1 / sysctl / net/ipv6/conf/eth0/mtu", "1400", "1500"),
        cases=("tuning-two-of-one-interface", "tuning-delete-args"),
        verbs=("DEL",),
    ),
    *kept(
        "D-25: DEL does not mind an argument that it does not know",
        ("exit", 1, 0),
        (BACKUP, ANYTHING, ABSENT),
        cases=("tuning-delete-args",),
        verbs=("DEL",),
    ),
    *kept(
        "D-15: the reference crashes on the users' parameters where none are configured",
        ("*", WHATEVER, WHATEVER),
        cases=("tuning-users-sysctl-alone",),
    ),
    *kept(
        "how an interface was is not remembered longer than the interface is",
        (BACKUP, ANYTHING, ABSENT),
        cases=("tuning-delete-netns-gone",),
        verbs=("DEL",),
    ),
    *kept(
        "its folder can be entered by a root that has not all capabilities",
        ("files / /run/c*", "40600 ''", "40700 ''"),
        cases=("tuning-*",),
        seen="tuning-everything",
    ),
    *kept(
        "a MAC that is none is found before a file is made",
        ("files / /run/cni*", ANYTHING, ABSENT),
        ("files", ABSENT, "{}"),
        cases=("tuning-refuses-mac", "tuning-refuses-multicast-mac"),
        verbs=("DEL",),
    ),
    # --- sbr ---
    *kept(
        "D-13: DEL is content when the namespace is gone",
        ("exit", 1, 0),
        cases=("sbr-delete-netns-gone",),
        verbs=("DEL",),
    ),
    *kept(
        "DEL empties the tables of the rules that it removes",
        ("c1 / route / 10? unicast *", ANYTHING, ABSENT),
        cases=("sbr-*",),
        seen="sbr-plain",
        verbs=("DEL",),
    ),
    *kept(
        "... and puts the routes back, but for default routes",
        ("c1 / route / main unicast *", ABSENT, ANYTHING),
        cases=("sbr-*",),
        seen="sbr-plain",
        verbs=("DEL",),
    ),
    # --- vrf ---
    *kept(
        "D-13: DEL is content when the interface is gone",
        ("exit", 1, 0),
        cases=("vrf-delete-interface-gone",),
        verbs=("DEL",),
    ),
    *kept(
        "what never had a name needs no deleting",
        ("exit", 1, 0),
        cases=("vrf-refuses-no-name",),
        verbs=("DEL",),
    ),
)

CLEARED_UP: Mapping[str, str] = {
    "tuning-refuses-mac": "a MAC that is none is found before a file is made",
    "tuning-refuses-multicast-mac": "a MAC that no interface can have is found before a file is made",
    "tuning-refuses-small-mtu": "a refused ADD takes back what it changed",
    "vrf-refuses-enslaved": "whether the interface is free is asked before a VRF is made",
    "vrf-refuses-missing-interface": "whether there is an interface is asked before a VRF is made",
    "sbr-refuses-gateway-elsewhere": "a refused ADD takes back what it changed",
}
