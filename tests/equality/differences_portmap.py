"""The differences of portmap; ``differences`` says what that means."""

from __future__ import annotations

from collections.abc import Mapping

from tests.equality.difference import ABSENT, ANYTHING, WHATEVER, Difference, kept

RULES = "host / nft / ip* cni_hostport"

DIFFERENCES: tuple[Difference, ...] = (
    *kept(
        "what ADD refuses DEL has nothing of",
        ("exit", 1, 0),
        cases=("portmap-refuses-*",),
        seen="portmap-refuses-host-port",
        verbs=("DEL",),
    ),
    *kept(
        "D-22: conditions are in the rules of their container, not in those that all containers' packets pass",
        (f"{RULES} / prerouting / rules / 0 / *", WHATEVER, WHATEVER),
        (f"{RULES} / output / rules / 0 / *", WHATEVER, WHATEVER),
        cases=("portmap-nftables-conditions",),
    ),
    *kept(
        "...",
        (f"{RULES} / hostports / rules / ? / expr / *", WHATEVER, WHATEVER),
        cases=("portmap-nftables-conditions",),
        verbs=("ADD", "CHECK"),
    ),
    *kept(
        "masqAll is served by nf_tables, too",
        (f"{RULES} / masquerading / rules / *", ABSENT, ANYTHING),
        cases=("portmap-nftables-masquerade-all",),
        verbs=("ADD", "CHECK"),
    ),
    *kept(
        "a second ADD replaces what the first has made, where the reference makes it a second time",
        (f"{RULES} / hostports / rules / ? / *", ANYTHING, ABSENT),
        (f"{RULES} / masquerading / rules / ? / *", ANYTHING, ABSENT),
        cases=("portmap-nftables-add-twice",),
        verbs=("ADD",),
    ),
)

CLEARED_UP: Mapping[str, str] = {}
