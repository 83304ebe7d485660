"""Which shared libraries a program or a library needs (ELF's dynamic section), whatever machine it is for."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

LOAD, DYNAMIC, INTERPRETER = 1, 2, 3
"""Types of program headers."""
END, NEEDED, STRINGS = 0, 1, 5
"""Tags in the dynamic section."""


def needs(file: Path) -> list[str]:
    """Names of libraries, and the loader's path; nothing for a file that is no 64-bit little-endian ELF."""
    data = file.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        return []
    headers = list(_headers(data))
    found = [
        data[offset : offset + size].rstrip(b"\0").decode()
        for kind, offset, _, size in headers
        if kind == INTERPRETER
    ]
    for kind, offset, _, size in headers:
        if kind == DYNAMIC:
            entries = [struct.unpack_from("<QQ", data, at) for at in range(offset, offset + size, 16)]
            strings = next(value for tag, value in entries if tag == STRINGS)
            start = next(
                at + strings - to
                for kind, at, to, long in headers
                if kind == LOAD and to <= strings < to + long
            )
            for tag, value in entries:
                if tag == END:
                    break
                if tag == NEEDED:
                    found.append(data[start + value : data.index(b"\0", start + value)].decode())
    return found


def _headers(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Type, offset in the file, address in memory and size in the file of each segment."""
    start, size, number = (
        struct.unpack_from("<Q", data, 32)[0],
        *struct.unpack_from("<HH", data, 54),
    )
    for index in range(number):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, start + index * size)
        yield kind, offset, address, length
