"""Damage that keeps most of what it is done to, so that readers get past their first line.

``anything`` changes the members of a JSON value: other types, huge numbers, missing and repeated keys, nesting.
``as_text`` writes one down, with what JSON can say and Python's writer never does. ``text`` and ``data`` know nothing
of what they change. ``attributes`` changes what netlink's messages are made of.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from random import Random
from typing import Any, Final

DEEP: Final = 100_000
"""Lists inside each other: more than any reader's stack."""
LONG: Final = 200_000
"""Characters: more than an annotation or a definition may have."""

NUMBERS: Final = (
    0, 1, -1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**40,
    0.5, 1400.0, -0.0, 1e300, 1e-300,
)  # fmt: skip
WORDS: Final = (
    "", " ", "\0", "a\0b", "\n", "\t", "\x7f", "\u202e", "\ufeff", "\ufffd", "é", "\U0001f600", "\ud800", "\udcff",
    "..", "../x", "/", "a/b", "//", "-", "@", "%", "%s", "{}", "'", '"', "`id`", "\\", "null", "true", "None", "NaN",
    "0", "-1", "1e9", "0x10", "٣", "²", "9" * 5000, "a" * 300, "0.0.0.0", "::", "::ffff:10.0.0.1", "fe80::1%eth0",
    "10.0.0.1/33", "10.0.0.0/8", "fd00::/129", "255.255.255.255", "aa:bb:cc:dd:ee:ff", "0000:00:00.0", "eth0", "lo",
    "all", "default",
)  # fmt: skip
TOKENS: Final = (
    "NaN", "-Infinity", "1e999", "-1e999", "1E400", "0e0", "-0", "1400.0", "9" * 5000, "1" + "0" * 400, '"\\ud800"',
    '"\\udc00\\ud800"', '"\\u0000"', '"\\uD83D\\uDE00"', "nul", "True", "01", "+1", ".5", "1.", "'a'", "{", "[", "]",
    "}", ",", ":", "/* */", "//", "\ufeff",
)  # fmt: skip
"""What stands in JSON's place of a value: allowed and strange, or wrong."""


def leaf(dice: Random) -> Any:
    kind = dice.randrange(6)
    if kind < 2:
        return dice.choice(NUMBERS)
    if kind < 4:
        return dice.choice(WORDS)
    return dice.choice((None, True, False, [], {}, [None], {"": None}, [[]], {"a": {"b": []}}))


def anything(dice: Random, value: Any) -> Any:
    """A copy with one to four changes."""
    changed = _copy(value)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 4))):
        changed = _change(dice, changed)
    return changed


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(member) for key, member in value.items()}
    return [_copy(member) for member in value] if isinstance(value, list | tuple) else value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each container and key (or index) in it."""
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        yield value, key
        yield from _places(member)


def _change(dice: Random, value: Any) -> Any:
    places = list(_places(value))
    if not places or dice.random() < 0.02:
        return leaf(dice)
    holder, key = dice.choice(places)
    match dice.randrange(8):
        case 0 | 1:
            holder[key] = leaf(dice)
        case 2:
            del holder[key]
        case 3:
            holder[key] = [holder[key]] if dice.random() < 0.5 else {"a": holder[key]}
        case 4:
            other, there = dice.choice(places)
            holder[key] = _copy(other.get(there) if isinstance(other, dict) else other[there])
        case 5 if isinstance(holder, dict):
            holder[_other_key(dice, key)] = holder.pop(key) if dice.random() < 0.5 else leaf(dice)
        case 6 if isinstance(holder, list):
            holder.extend(_copy(holder) * dice.choice((1, 3, 50)))
        case _:
            member = holder[key]
            if isinstance(member, str):
                holder[key] = text(dice, member)
            elif isinstance(member, int | float):
                holder[key] = dice.choice(
                    (str(member), -member, float(member) if abs(member) < 1e9 else 0, [member])
                )
            else:
                holder[key] = leaf(dice)
    return value


def _other_key(dice: Random, key: Any) -> str:
    name = str(key)
    return dice.choice(
        (name.upper(), name.capitalize(), name[:-1], f"{name}s", f" {name}", dice.choice(WORDS))
    )


def as_text(dice: Random, value: Any) -> str:
    """JSON, or nearly."""
    written = json.dumps(value, ensure_ascii=dice.random() < 0.5, indent=dice.choice((None, None, 1)))
    match dice.randrange(12):
        case 0:
            return text(dice, written)
        case 1:
            return _with_token(dice, written)
        case 2:
            return _with_repeated_key(dice, written)
        case 3 if dice.random() < 0.1:
            sign = dice.choice(("[", '{"a":'))
            return written.replace("null", sign * DEEP, 1) if "null" in written else sign * DEEP
    return written


def json_bytes(dice: Random, value: Any) -> bytes:
    """The same with damage, as bytes, which need not be UTF-8."""
    written = as_text(dice, anything(dice, value)).encode(errors="surrogatepass")
    return data(dice, written) if dice.random() < 0.15 else written


def json_text(dice: Random, value: Any) -> str:
    return as_text(dice, anything(dice, value))


def _with_token(dice: Random, written: str) -> str:
    """Something else in the place of a value."""
    places = [at for at, sign in enumerate(written) if sign in ":[,"]
    at = dice.choice(places) + 1 if places else 0
    end = min((found for sign in ",]}" if (found := written.find(sign, at)) >= 0), default=len(written))
    return written[:at] + dice.choice(TOKENS) + written[end:]


def _with_repeated_key(dice: Random, written: str) -> str:
    opened = [at for at, sign in enumerate(written) if sign == "{"]
    if not opened:
        return written
    at = dice.choice(opened) + 1
    end = written.find(",", at)
    return written[:at] + (written[at:end] + "," if end > 0 else '"a":1,') + written[at:]


def text(dice: Random, said: str) -> str:
    for _ in range(dice.choice((1, 1, 2, 4))):
        at = dice.randrange(len(said) + 1)
        end = min(len(said), at + dice.choice((1, 1, 2, 8, 40)))
        match dice.randrange(7):
            case 0:
                said = said[:at]
            case 1:
                said = said[:at] + said[end:]
            case 2:
                said = said[:at] + said[at:end] * dice.choice((2, 3, 30)) + said[end:]
            case 3 | 4:
                said = said[:at] + dice.choice(WORDS) + said[at:]
            case 5:
                said = (
                    said[:at]
                    + chr(dice.choice((dice.randrange(128), dice.randrange(0x3000))))
                    + said[at + 1 :]
                )
            case 6 if dice.random() < 0.05:
                said = said[:at] + (said[at:end] or "x") * (LONG // max(1, end - at)) + said[end:]
    return said


def data(dice: Random, said: bytes) -> bytes:
    changed = bytearray(said)
    for _ in range(dice.choice((1, 1, 2, 4, 8))):
        at = dice.randrange(len(changed) + 1)
        match dice.randrange(7):
            case 0 | 1 if at < len(changed):
                changed[at] ^= 1 << dice.randrange(8)
            case 2 if at < len(changed):
                changed[at] = dice.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 3:
                del changed[at:]
            case 4:
                del changed[at : at + dice.choice((1, 2, 4, 16))]
            case 5:
                changed[at:at] = changed[at : at + dice.choice((1, 2, 4, 16, 64))]
            case _:
                changed[at:at] = dice.randbytes(dice.choice((1, 2, 4, 16)))
    return bytes(changed)


def whole_file(dice: Random, said: bytes) -> bytes:
    """What a power cut or a full disk makes of a file."""
    match dice.randrange(5):
        case 0:
            return said[: dice.randrange(len(said) + 1)]
        case 1:
            at = dice.randrange(len(said) + 1)
            return said[:at] + bytes(len(said) - at)
        case 2:
            return dice.choice((b"", b"\0" * 4096, b"null", b"{}", b"[]", b'""', b"0", b"\xff\xfe", b"\n"))
        case 3:
            return dice.randbytes(dice.choice((1, 16, 300)))
    return data(dice, said)


def bit(dice: Random, said: bytes) -> bytes:
    """One flipped bit."""
    changed = bytearray(said)
    changed[dice.randrange(len(said))] ^= 1 << dice.randrange(8)
    return bytes(changed)


_HEADER: Final = struct.Struct("=HH")


def attributes(dice: Random, body: bytes, front: int = 0) -> bytes:
    """A message whose attributes begin at ``front``: dropped, doubled, emptied, nested, cut, with wrong lengths."""
    parts = list(_split(body, front))
    head = body[:front]
    for _ in range(dice.choice((1, 1, 2, 3))):
        if not parts:
            break
        at = dice.randrange(len(parts))
        kind, value = parts[at]
        match dice.randrange(9):
            case 0:
                del parts[at]
            case 1:
                parts.insert(dice.randrange(len(parts) + 1), (kind, value))
            case 2:
                parts[at] = kind, value[: dice.randrange(len(value) + 1)]
            case 3:
                parts[at] = kind, value + dice.randbytes(dice.choice((1, 2, 4, 64)))
            case 4:
                parts[at] = kind, data(dice, value)
            case 5:
                parts[at] = kind ^ 1 << dice.randrange(16), value
            case 6:
                parts[at] = kind, _HEADER.pack(4 + len(value) & 0xFFFF, kind) + value
            case _:
                parts[at] = kind, attributes(dice, value)
    joined = head + b"".join(_joined(kind, value) for kind, value in parts)
    match dice.randrange(8):
        case 0:
            return joined[: dice.randrange(len(joined) + 1)]
        case 1 if len(joined) >= front + 2:
            return (
                joined[:front] + struct.pack("=H", dice.choice((0, 1, 3, 4, 5, 0xFFFF))) + joined[front + 2 :]
            )
        case 2:
            return data(dice, joined)
    return joined


def _split(body: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    while start + 4 <= len(body):
        length, kind = _HEADER.unpack_from(body, start)
        if length < 4:
            return
        yield kind, body[start + 4 : start + length]
        start += (length + 3) & ~3


def _joined(kind: int, value: bytes) -> bytes:
    return _HEADER.pack(4 + len(value) & 0xFFFF, kind & 0xFFFF) + value + bytes(-len(value) % 4)
