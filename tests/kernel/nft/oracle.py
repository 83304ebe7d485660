"""What is in netfilter, told by the programs an operator would ask, and by the kernel's own bytes."""

from __future__ import annotations

import re
from typing import Any

from multinet.kernel.attributes import each, raw
from multinet.kernel.namespace import Namespace
from multinet.kernel.nfnetlink import BATCH_BEGIN, Message, Nfnetlink
from tests.support.netns import Netns

GETTABLE, GETCHAIN, GETRULE = 1, 4, 7

# What differs between two namespaces that hold the same: handles, numbers of uses, counters, positions.
TABLE_LEFT_OUT = {3, 4}
CHAIN_LEFT_OUT = {2, 6, 8, 11}
RULE_LEFT_OUT = {3, 6}


def ruleset(where: Netns) -> list[Any]:
    """`nft -j list ruleset`, without handles."""

    def without_handles(value: Any) -> Any:
        if isinstance(value, list):
            return [without_handles(one) for one in value]
        if isinstance(value, dict):
            return {key: without_handles(one) for key, one in value.items() if key != "handle"}
        return value

    found: list[Any] = without_handles(where.json("nft", "-j", "list", "ruleset"))["nftables"]  # type: ignore[call-overload]
    return [entry for entry in found if "metainfo" not in entry]


def listing(where: Netns) -> str:
    """`nft list ruleset`, which shows the comments of tables and chains, too."""
    return where.run("nft", "list", "ruleset").stdout


def saved(where: Netns, *programs: str) -> list[str]:
    """`iptables-save` and `ip6tables-save`, without the time of day."""
    lines = []
    for program in programs or ("iptables-save", "ip6tables-save"):
        text = where.run(program, "-t", "nat").stdout
        lines += [line for line in text.splitlines() if not line.startswith("#")]
    return lines


def kernel_bytes(where: Netns) -> list[tuple[int, tuple[tuple[int, bytes], ...]]]:
    """Every table, chain and rule as the kernel encodes it, user data included."""
    found = []
    with Namespace.open(where.path) as namespace, Nfnetlink.open(namespace) as net:
        for kind, left_out in (
            (GETTABLE, TABLE_LEFT_OUT),
            (GETCHAIN, CHAIN_LEFT_OUT),
            (GETRULE, RULE_LEFT_OUT),
        ):
            for body in net.dump(Message(kind=kind, doing="list everything")):
                parts = tuple((what, value) for what, value in each(body) if what not in left_out)
                found.append((kind, parts))
    return found


def nft_messages(where: Netns, script: str) -> list[tuple[int, bytes]]:
    """Kind and body of each message nft would send for ``script``, without sending it."""
    text = where.run("nft", "--check", "--debug=mnl", "-f", "-", input=script)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text.stderr + text.stdout).splitlines()
    messages: list[tuple[int, bytes]] = []
    extra = False
    for line in lines:
        words = [word.strip() for word in line.split("|")]
        if "|  type | flags" in line:
            messages.append((int(words[1]), b""))
            extra = True
        elif "len |flags| type" in line:
            length, flags, kind = int(words[1]), words[2], int(words[3])
            messages[-1] = _longer(messages[-1], raw(kind | (0x8000 if "N" in flags else 0), b"")[2:], length)
        elif re.match(r"\|( [0-9a-f]{2}){4}  \|", line):
            if extra:  # the family, the version, and the subsystem
                extra = False
            else:
                kind, body = messages[-1]
                messages[-1] = (kind, body + bytes.fromhex(words[1].replace(" ", "")))
    begin = next(n for n, (kind, _) in enumerate(messages) if kind == BATCH_BEGIN)
    return [(kind & 0xFF, body) for kind, body in messages[begin + 1 :]]  # a check has no end


def _longer(message: tuple[int, bytes], kind: bytes, length: int) -> tuple[int, bytes]:
    return message[0], message[1] + length.to_bytes(2, "little") + kind
