"""Tables, chains and rules of nf_tables, without the nft program.

A description (``Table``, ``Chain``) makes the messages that add, flush or delete the thing;
``Nfnetlink.commit`` carries out any number of them as one. Adding what is there changes nothing, except that
a rule is always added. Names are at most 255 bytes, comments at most 253: that is the kernel's room for them.

Comments are user data: the kernel keeps the bytes without looking, and these are laid out as nft(8) lays out
its own. Kernels before 5.10 keep none for tables and chains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from multinet.errors import NotFound
from multinet.kernel.attributes import parse, raw, text
from multinet.kernel.errors import reads
from multinet.kernel.nfnetlink import Message, Nfnetlink, insist, nest, number
from multinet.kernel.nft_expr import Field, Meaning, meanings, target_of, wanted_by

NEWTABLE = 0
NEWCHAIN, GETCHAIN, DELCHAIN = 3, 4, 5
NEWRULE, GETRULE, DELRULE = 6, 7, 8

NLM_F_CREATE, NLM_F_APPEND = 0x400, 0x800

TABLE_NAME, TABLE_FLAGS, TABLE_USERDATA = 1, 2, 6
CHAIN_TABLE, CHAIN_NAME, CHAIN_HOOK, CHAIN_POLICY, CHAIN_TYPE, CHAIN_USERDATA = 1, 3, 4, 5, 7, 12
RULE_TABLE, RULE_CHAIN, RULE_HANDLE, RULE_EXPRESSIONS, RULE_USERDATA = 1, 2, 3, 4, 7
HOOK_NUMBER, HOOK_PRIORITY = 1, 2
USERDATA_COMMENT = 0  # the same for tables, chains and rules
USERDATA_MARK = 0x6D
"""Ours, of rules: what a comment has no room for, where it must read as another program's. nft(8) passes over it."""

PREROUTING, FORWARD, OUTPUT, POSTROUTING = 0, 2, 3, 4
PRIORITY_BRIDGE_DSTNAT = -300
PRIORITY_BRIDGE_FILTER = -200
PRIORITY_FILTER = 0
PRIORITY_DSTNAT, PRIORITY_SRCNAT = -100, 100


class Family(IntEnum):
    INET = 1
    IPV4 = 2
    BRIDGE = 7
    IPV6 = 10


FAMILY_NAMES = {Family.INET: "inet", Family.IPV4: "ip", Family.BRIDGE: "bridge", Family.IPV6: "ip6"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    family: Family
    name: str
    comment: str = ""

    def __str__(self) -> str:
        return f"table {FAMILY_NAMES[self.family]} {self.name}"

    def add(self) -> Message:
        body = text(TABLE_NAME, self.name) + number(TABLE_FLAGS, 0) + _comment(TABLE_USERDATA, self.comment)
        return self.message(NEWTABLE, body, f"add {self}")

    def dump_rules(self, net: Nfnetlink, *, containing: str = "") -> list[bytes]:
        """The rules of all its chains, undecoded: what other programs put into them may be unknown here."""
        question = self.message(GETRULE, text(RULE_TABLE, self.name), f"list {self}")
        return net.dump(question, containing=containing.encode())

    def message(self, kind: int, body: bytes, doing: str, *, flags: int = 0) -> Message:
        return Message(kind=kind, family=self.family, flags=flags, body=body, doing=doing)


@dataclass(frozen=True, kw_only=True, slots=True)
class Hook:
    """Where a base chain takes packets from. ``accept``: say so explicitly, as nft does when asked to."""

    kind: str
    number: int
    priority: int
    accept: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    table: Table
    name: str
    comment: str = ""
    hook: Hook | None = None

    def __str__(self) -> str:
        return f"chain {self.name} of {self.table}"

    def add(self) -> Message:
        body = self._named(CHAIN_TABLE, CHAIN_NAME)
        if self.hook:
            body += text(CHAIN_TYPE, self.hook.kind)
            body += number(CHAIN_POLICY, 1) if self.hook.accept else b""
            body += nest(
                CHAIN_HOOK,
                number(HOOK_NUMBER, self.hook.number),
                number(HOOK_PRIORITY, self.hook.priority),
            )
        body += _comment(CHAIN_USERDATA, self.comment)
        return self.table.message(NEWCHAIN, body, f"add {self}", flags=NLM_F_CREATE)

    def delete(self) -> Message:
        """With its rules. Refused as busy while another chain jumps here."""
        return self.table.message(DELCHAIN, self._named(CHAIN_TABLE, CHAIN_NAME), f"delete {self}")

    def flush(self) -> Message:
        return self.table.message(DELRULE, self._named(RULE_TABLE, RULE_CHAIN), f"flush {self}")

    def append(self, *expressions: bytes, comment: str = "", mark: str = "") -> Message:
        flags = NLM_F_CREATE | NLM_F_APPEND
        return self._add_rule(expressions, comment, f"add a rule to {self}", flags, mark)

    def insert(self, *expressions: bytes, comment: str = "") -> Message:
        """Before all others."""
        return self._add_rule(expressions, comment, f"insert a rule into {self}", NLM_F_CREATE)

    def delete_rule(self, handle: int) -> Message:
        body = self._named(RULE_TABLE, RULE_CHAIN) + raw(RULE_HANDLE, handle.to_bytes(8))
        return self.table.message(DELRULE, body, f"delete rule {handle} of {self}")

    def _add_rule(
        self, expressions: tuple[bytes, ...], comment: str, doing: str, flags: int, mark: str = ""
    ) -> Message:
        body = self._named(RULE_TABLE, RULE_CHAIN)
        body += nest(RULE_EXPRESSIONS, *expressions) + _comment(RULE_USERDATA, comment, mark)
        return self.table.message(NEWRULE, body, doing, flags=flags)

    def exists(self, net: Nfnetlink) -> bool:
        question = self.table.message(GETCHAIN, self._named(CHAIN_TABLE, CHAIN_NAME), f"look up {self}")
        try:
            net.ask(question)
        except NotFound:
            return False
        return True

    def rules(self, net: Nfnetlink, *, containing: str = "") -> list[Rule]:
        """The rules in their order; none when there is no such chain. ``containing`` is cheap to look for: a
        text that occurs somewhere in the rule, its comment for one."""
        question = self.table.message(GETRULE, self._named(RULE_TABLE, RULE_CHAIN), f"list {self}")
        return [Rule.read(body) for body in net.dump(question, containing=containing.encode())]

    def _named(self, table: int, chain: int) -> bytes:
        return text(table, self.table.name) + text(chain, self.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A rule that is there."""

    table: str
    chain: str
    handle: int
    comment: str
    meaning: tuple[Meaning, ...]
    mark: str = ""

    @classmethod
    @reads("a netfilter rule")
    def read(cls, body: bytes) -> Rule:
        parts = parse(body)
        userdata = _read_userdata(parts.get(RULE_USERDATA, b""))
        return cls(
            table=parts[RULE_TABLE].rstrip(b"\0").decode(),
            chain=parts[RULE_CHAIN].rstrip(b"\0").decode(),
            handle=int.from_bytes(parts[RULE_HANDLE]),
            comment=userdata.get(USERDATA_COMMENT, ""),
            mark=userdata.get(USERDATA_MARK, ""),
            meaning=meanings(parts.get(RULE_EXPRESSIONS, b"")),
        )

    @property
    def target(self) -> str:
        """The chain it jumps or goes to, "" when it does neither."""
        return target_of(self.meaning)

    def wanted(self, field: Field) -> bytes | None:
        """What it wants in that part of a packet, if it says so without a mask."""
        return wanted_by(self.meaning, field)


def edit(net: Nfnetlink, plan: Callable[[], Sequence[Message]], *, doing: str) -> None:
    """Read the rules and change them as if nobody else could in between.

    ``plan`` reads what it needs and returns the changes. It is called again whenever somebody else's commit
    came between its reading and our writing, until it succeeds. No changes is fine.
    """

    def attempt() -> None:
        generation = net.generation()
        if changes := plan():
            net.commit(changes, doing=doing, generation=generation)

    insist(attempt, doing=doing)


def _comment(kind: int, words: str, mark: str = "") -> bytes:
    said = ((USERDATA_COMMENT, words), (USERDATA_MARK, mark))
    rows = [_userdata(which, text) for which, text in said if text]
    return raw(kind, b"".join(rows)) if rows else b""


def _userdata(kind: int, words: str) -> bytes:
    value = words.encode() + b"\0"
    return bytes([kind, len(value)]) + value


def _read_userdata(userdata: bytes) -> dict[int, str]:
    """User data is a row of kind, length (a byte each) and value."""
    found: dict[int, str] = {}
    while len(userdata) >= 2:
        kind, length = userdata[0], userdata[1]
        found[kind] = userdata[2 : 2 + length].rstrip(b"\0").decode(errors="replace")
        userdata = userdata[2 + length :]
    return found
