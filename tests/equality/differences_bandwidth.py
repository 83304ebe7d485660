"""The differences of bandwidth; ``differences`` says what that means."""

from __future__ import annotations

from collections.abc import Mapping

from tests.equality.difference import ABSENT, ANYTHING, WHATEVER, Difference, kept

DIFFERENCES: tuple[Difference, ...] = (
    *kept(
        "the ifb tells whose it is",
        ("host / link / bwp* / ifalias", ABSENT, ANYTHING),
        ("host / addr / bwp* / ifalias", ABSENT, ANYTHING),
        cases=("bandwidth-*",),
        seen="bandwidth-egress",
    ),
    *kept(
        "a packet that has been redirected needs no second redirection",
        ("host / filter / far0 ffff: / 2 / options / actions / 1 / *", ANYTHING, ABSENT),
        cases=("bandwidth-*",),
        seen="bandwidth-egress",
    ),
    *kept(
        "DEL finds by names what there is to clear, whatever the configuration says",
        ("exit", 1, 0),
        cases=("bandwidth-refuses-no-burst", "bandwidth-refuses-no-rate", "bandwidth-refuses-text"),
        verbs=("DEL",),
    ),
    *kept(
        "DEL takes the limits off a host's end that stays",
        ("host / * / far0 / qdisc", "tbf", "noqueue"),
        ("host / queue / *", ANYTHING, ABSENT),
        ("host / filter / *", ANYTHING, ABSENT),
        cases=("bandwidth-deleted",),
        verbs=("DEL",),
    ),
    *kept(
        "without limits there is nothing to check",
        ("exit", 1, 0),
        cases=("bandwidth-check-without-limits",),
        verbs=("CHECK",),
    ),
    *kept(
        "D-15: the reference crashes without limits and without prevResult",
        ("*", WHATEVER, WHATEVER),
        cases=("bandwidth-without-anything",),
    ),
)

CLEARED_UP: Mapping[str, str] = {
    "bandwidth-refuses-clsact": "a refused ADD takes back what it made",
}
