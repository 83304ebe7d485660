from __future__ import annotations

from tests.delegate.conformance import Subject
from tests.delegate.subjects import HOST_LOCAL

SUBJECT = Subject(
    type="ptp", conf={"type": "ptp", "ipMasq": True, "ipMasqBackend": "nftables", "ipam": HOST_LOCAL}
)
