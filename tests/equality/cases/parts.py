"""What the rows are put together from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.equality.case import RUN

SUBNET4, SUBNET6 = "10.1.2.0/24", "fd12:5::/64"
SECOND4, SECOND6 = "10.1.3.0/24", "fd12:6::/64"

RESOLV_CONF = """\
# the machine's own
; and another comment
domain example.org
search one.example.org two.example.org
nameserver 10.1.2.53
nameserver fd12:5::53
options ndots:5 timeout:1
lonely
"""


def conf(type_: str, version: str = "1.1.0", **keys: Any) -> dict[str, Any]:
    return {"cniVersion": version, "name": "net", "type": type_, **keys}


def host_local(*subnets: str | Mapping[str, Any], **keys: Any) -> dict[str, Any]:
    """One range set for each subnet."""
    ranges = [[{"subnet": subnet} if isinstance(subnet, str) else dict(subnet)] for subnet in subnets]
    return {"type": "host-local", "ranges": ranges, "dataDir": f"{RUN}/addresses", **keys}


def static(*addresses: str | Mapping[str, Any], **keys: Any) -> dict[str, Any]:
    entries = [{"address": entry} if isinstance(entry, str) else dict(entry) for entry in addresses]
    return {"type": "static", "addresses": entries, **keys}


V4 = host_local(SUBNET4)
V6 = host_local(SUBNET6)
DUAL = host_local(SUBNET4, SUBNET6)

FAMILIES: Mapping[str, Mapping[str, Any]] = {"v4": V4, "v6": V6, "dual": DUAL}
