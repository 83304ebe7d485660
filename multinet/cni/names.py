"""What container ids, network names and interface names may look like (CNI 1.1, "Parameters").

Messages and codes are the reference's (``pkg/utils``), so that whoever looks for one finds it.
"""

from __future__ import annotations

import re
from typing import Final

from multinet.errors import BadEnvironment, InvalidConfig, UnknownContainer

META_PLUGINS: Final = frozenset({"multinet", "multus", "multus-shim"})
"""CNI types that lead to us: our own, and those whose configurations we take over, under whose names our program
is on the host's disk. A type that is none of these is another plugin's."""

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]*")

MAX_IFNAME_BYTES: Final = 15
"""IFNAMSIZ less the closing NUL."""

_SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)
_NOT_IN_IFNAME = frozenset("/:" + _SPACES)


def check_container_id(container_id: str) -> None:
    """Raises UnknownContainer, BadEnvironment."""
    if not container_id:
        raise UnknownContainer("missing containerID")
    if not _NAME.fullmatch(container_id):
        raise BadEnvironment(
            "invalid characters in containerID",
            details=container_id,
            hint="an id is letters, digits, '_', '.' and '-', and begins with a letter or digit",
        )


def check_network_name(name: str) -> None:
    """Raises InvalidConfig."""
    if not name:
        raise InvalidConfig("missing network name", hint="the configuration needs a 'name'")
    if not _NAME.fullmatch(name):
        raise InvalidConfig(
            "invalid characters found in network name",
            details=name,
            hint="a name is letters, digits, '_', '.' and '-', and begins with a letter or digit",
        )


def check_ifname(name: str) -> None:
    """What the kernel takes for a link's name (``dev_valid_name``). Raises BadEnvironment."""
    if not name:
        raise BadEnvironment("interface name is empty")
    if len(name.encode("utf-8", "surrogatepass")) > MAX_IFNAME_BYTES:
        raise BadEnvironment(
            "interface name is too long",
            details=f"interface name should be less than {MAX_IFNAME_BYTES + 1} characters",
        )
    if name in (".", ".."):
        raise BadEnvironment("interface name is . or ..")
    if not _NOT_IN_IFNAME.isdisjoint(name):
        raise BadEnvironment("interface name contains / or : or whitespace characters")
    if "\0" in name:
        raise BadEnvironment("interface name contains a NUL character")
