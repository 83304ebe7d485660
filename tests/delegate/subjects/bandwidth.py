from __future__ import annotations

from tests.delegate.conformance import (
    Subject,
    add_answers_in_the_version_it_was_asked_in,
    del_is_success_when_there_is_nothing,
    del_takes_back_what_add_made,
)

SUBJECT = Subject(
    type="bandwidth",
    conf={
        "type": "bandwidth",
        "ingressRate": 8_000_000,
        "ingressBurst": 800_000,
        "egressRate": 8_000_000,
        "egressBurst": 800_000,
        "unshapedSubnets": ["10.0.0.0/8", "fd00::/8"],
    },
    makes_interface=False,
    chained=True,
    versions=("0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"),
)

BROKEN_BY_THE_REFERENCE = {
    add_answers_in_the_version_it_was_asked_in,  # its DEL leaves the limits on the host's end, for which a second ADD
    del_takes_back_what_add_made,  # on the same pair fails
    del_is_success_when_there_is_nothing,
}
