"""Rules that say which routing table is asked (linux/fib_rules.h), as far as a source address decides."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_interface
from struct import Struct
from typing import Self

from multinet.cni.types import CIDR, IP
from multinet.kernel import attributes
from multinet.kernel.attributes import raw, u32
from multinet.kernel.errors import reads
from multinet.kernel.rtnl import F_CREATE, F_EXCL, Message, Rtnl

RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
FRA_SRC, FRA_PRIORITY, FRA_TABLE = 2, 6, 15
FR_ACT_TO_TBL = 1
FAMILIES = {4: 2, 6: 10}  # AF_INET, AF_INET6

_HEADER = Struct("=BBBBBBBBI")
_U32 = Struct("=I")
_ZERO = b"\0\0\0\0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """``src`` None: any source. ``table`` 0: it leads to no table (it forbids, or goes to another rule)."""

    version: int
    src: CIDR | None
    table: int
    priority: int

    @classmethod
    @reads("a rule")
    def of(cls, body: bytes) -> Self | None:
        """Decode the body of an RTM_NEWRULE; None for a family other than IPv4 and IPv6."""
        family, _, src_len, _, table, _, _, action, _ = _HEADER.unpack_from(body)
        version = next((version for version, number in FAMILIES.items() if number == family), 0)
        if not version:
            return None
        get = attributes.parse(body, 12).get
        src = get(FRA_SRC)
        table = _U32.unpack_from(get(FRA_TABLE) or _ZERO)[0] or table
        return cls(
            version=version,
            src=None if src is None else ip_interface((src, src_len)),
            table=table if action == FR_ACT_TO_TBL else 0,
            priority=_U32.unpack_from(get(FRA_PRIORITY) or _ZERO)[0],
        )


def add(source: IP, table: int) -> Message:
    """What comes from that one address looks into ``table``. The kernel puts it before all rules but the first, and
    takes a second one that says the same."""
    doing = f"add the rule that {source} looks into table {table}"
    return Message(
        doing=doing, type=RTM_NEWRULE, flags=F_CREATE | F_EXCL, body=_body(ip_interface(source), table)
    )


def delete(rule: Rule) -> Message:
    """Delete the rule that ``dump`` told of."""
    doing = f"delete the rule of {rule.src or 'all'} for table {rule.table}"
    body = _body(rule.src, rule.table, rule.version) + u32(FRA_PRIORITY, rule.priority)
    return Message(doing=doing, type=RTM_DELRULE, body=body)


def dump(net: Rtnl) -> list[Rule]:
    """The rules of both families."""
    message = Message(doing="list rules", type=RTM_GETRULE, body=_HEADER.pack(0, 0, 0, 0, 0, 0, 0, 0, 0))
    return [rule for body in net.dump(message) if (rule := Rule.of(body)) is not None]


def _body(source: CIDR | None, table: int, version: int = 0) -> bytes:
    length = source.network.prefixlen if source else 0
    family = FAMILIES[source.version if source else version]
    small = table if table < 256 else 0
    body = _HEADER.pack(family, 0, length, 0, small, 0, 0, FR_ACT_TO_TBL, 0)
    if source is not None:
        body += raw(FRA_SRC, source.ip.packed)
    return body if table < 256 else body + u32(FRA_TABLE, table)
