from __future__ import annotations

from tests.delegate.conformance import Subject

SUBJECT = Subject(
    type="vrf",
    conf={"type": "vrf", "vrfname": "blue"},
    makes_interface=False,
    chained=True,
    needs="uml",
    versions=("0.3.1", "0.4.0", "1.0.0", "1.1.0"),
)
