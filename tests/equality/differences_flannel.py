"""The differences of flannel; ``differences`` says what that means."""

from __future__ import annotations

from collections.abc import Mapping

from tests.equality.difference import ABSENT, ANYTHING, Difference, kept

DIFFERENCES: tuple[Difference, ...] = (
    *kept(
        "the other plugin reads its configuration before a file is made",
        ("files / /var/lib/cni*", ANYTHING, ABSENT),
        cases=("flannel-refuses-hairpin-and-promisc", "flannel-refuses-unknown-delegate"),
        verbs=("DEL",),
    ),
    *kept(
        "what no plugin can have made needs no deleting",
        ("exit", 1, 0),
        cases=("flannel-refuses-unknown-delegate",),
        verbs=("DEL",),
    ),
)

CLEARED_UP: Mapping[str, str] = {
    "flannel-refuses-hairpin-and-promisc": "the other plugin reads its configuration before a file is made",
    "flannel-refuses-unknown-delegate": "whether there is such a plugin is asked before a file is made",
}
