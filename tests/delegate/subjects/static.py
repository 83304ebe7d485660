from __future__ import annotations

from tests.delegate.conformance import Subject

SUBJECT = Subject(
    type="static",
    conf={
        "type": "some",
        "ipam": {"type": "static", "addresses": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}]},
    },
    makes_interface=False,
    sees_absence=False,  # it keeps nothing, and CHECK is about the result it is given
)
