"""Names made from what identifies an attachment, so that whoever clears up finds them again, and random ones."""

from __future__ import annotations

import hashlib
import os

_GROUP_BASE = 0x40000000


def hashed(prefix: str, length: int, text: str) -> str:
    """``prefix`` and as much of the SHA-512 of ``text`` as fits into ``length`` characters.

    The reference makes its names of chains and links this way.
    """
    return (prefix + hashlib.sha512(text.encode()).hexdigest())[:length]


def random_veth() -> str:
    """``vethXXXXXXXX``, for host ends. (NetworkManager leaves names alone that begin so.)"""
    return f"veth{os.urandom(4).hex()}"


def link_group(container_id: str, ifname: str) -> int:
    """The link group of all virtual links that one request makes in a container.

    A number of its own each, far from the small ones that people use: one message then deletes these links
    and no others, even where two requests share a network namespace.
    """
    digest = hashlib.sha512(f"{container_id} {ifname}".encode()).digest()
    return _GROUP_BASE | (int.from_bytes(digest[:4], "big") & (_GROUP_BASE - 1))
