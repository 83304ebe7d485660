"""The differences of firewall; ``differences`` says what that means."""

from __future__ import annotations

from collections.abc import Mapping

from tests.equality.difference import ABSENT, ANYTHING, Change, Difference, kept

MADE: tuple[Change, ...] = (("host / *", ANYTHING, ABSENT), ("host / *", ABSENT, "{}"))
"""Something is on the reference's host, and nothing on ours."""

DIFFERENCES: tuple[Difference, ...] = (
    *kept(
        "who holds which address is written down, since rules of iptables don't tell",
        ("files / /run/cni", ABSENT, ANYTHING),
        ("files / /run/cni/firewall", ABSENT, ANYTHING),
        ("files / /run/cni/firewall/lock", ABSENT, ANYTHING),
        ("files", "{}", ABSENT),
        cases=("firewall-*",),
        seen="firewall-iptables",
    ),
    *kept(
        "... until DEL",
        ("files / /run/cni/firewall/id-c?_eth0.json", ABSENT, ANYTHING),
        cases=("firewall-*",),
        seen="firewall-iptables",
        verbs=("ADD", "CHECK"),
    ),
    *kept(
        "... each its own",
        ("files / /run/cni/firewall/id-c[23]_eth0.json", ABSENT, ANYTHING),
        cases=("firewall-two-bridges",),
        verbs=("DEL",),
    ),
    *kept(
        "of two attachments with one address, the first to go leaves it to the other",
        ("host / * / CNI-FORWARD / rules / *", ABSENT, ANYTHING),
        cases=("firewall-two-bridges",),
        verbs=("DEL",),
    ),
    *kept(
        "the policy is read before anything is made, and DEL needs none",
        ("exit", 1, 0),
        *MADE,
        cases=("firewall-refuses-unknown-policy",),
        verbs=("DEL",),
    ),
    *kept(
        "... and so are the bridge, and the chain's name",
        *MADE,
        cases=(
            "firewall-refuses-policy-without-interfaces",
            "firewall-refuses-empty-bridge",
            "firewall-refuses-chain-name",
        ),
        verbs=("DEL",),
    ),
    *kept(
        "CHECK changes nothing; the reference's makes the chains",
        *MADE,
        cases=("firewall-check-fails-*",),
        seen="firewall-check-fails-nothing",
    ),
    *kept(
        "without a result, DEL knows the addresses from what is written down",
        ("host / * / CNI-FORWARD / rules / *", ANYTHING, ABSENT),
        cases=("firewall-delete-without-prev-result",),
        verbs=("DEL",),
    ),
)

EARLY = "what is wrong is found before anything is made"

CLEARED_UP: Mapping[str, str] = {
    "firewall-refuses-unknown-policy": EARLY,
    "firewall-refuses-policy-without-interfaces": EARLY,
    "firewall-refuses-empty-bridge": EARLY,
    "firewall-refuses-chain-name": EARLY,
}
