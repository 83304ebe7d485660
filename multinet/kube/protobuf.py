"""The protobuf wire format (protobuf.dev, "Encoding"), as far as messages of texts and messages need it.

The library proper brings generated code and some megabytes for what are three small messages here.
"""

from __future__ import annotations

from collections.abc import Iterator

from multinet.errors import DecodingFailure

VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
"""Wire types. Groups (3, 4) are not in proto3."""

MOST_VARINT_BYTES = 10
"""Seven bits each: enough for 64."""


def texts(*fields: tuple[int, str]) -> bytes:
    """A message of texts, each with its field's number."""
    message = b""
    for number, text in fields:
        content = text.encode()
        message += _varint(number << 3 | BYTES) + _varint(len(content)) + content
    return message


def read(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of each text or message among the fields; numbers are passed over.

    Raises DecodingFailure.
    """
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            _, at = _read_varint(message, at)
            continue
        if kind == BYTES:
            length, at = _read_varint(message, at)
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            length = 8 if kind == EIGHT_BYTES else 4
        else:
            raise DecodingFailure(f"the message has a field of the unknown wire type {kind}")
        if length > len(message) - at:
            raise DecodingFailure(
                f"the message is cut short: field {number} has {length} bytes, {len(message) - at} are left"
            )
        if kind == BYTES:
            yield number, message[at : at + length]
        at += length


def text(content: bytes) -> str:
    """Raises DecodingFailure."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise DecodingFailure(f"the message holds a text that is not UTF-8: {content[:40]!r}") from error


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(message[at : at + MOST_VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise DecodingFailure("the message is cut short in a number, or has one of more than 64 bits")
