from __future__ import annotations

from tests.delegate.conformance import Subject
from tests.delegate.subjects import HOST_LOCAL

# Each option makes more steps, and more to be left behind.
SUBJECT = Subject(
    type="bridge",
    conf={
        "type": "bridge",
        "bridge": "br0",
        "isDefaultGateway": True,
        "ipMasq": True,
        "ipMasqBackend": "nftables",
        "macspoofchk": True,
        "ipam": HOST_LOCAL,
    },
)
