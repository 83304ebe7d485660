"""What there is of port mappings, told by nft and iptables."""

from __future__ import annotations

from tests.support.netns import Netns


def left(host: Netns, *words: str) -> list[str]:
    """The rules and chains that name a container, or hold one of ``words``."""
    lines = host.run("nft", "list", "ruleset").stdout.splitlines()
    for program in ("iptables-save", "ip6tables-save"):
        lines += host.run(program, "-t", "nat").stdout.splitlines() if "table ip" in "".join(lines) else []
    named = ("CNI-DN-", "CNI-SN-", *(f'"{word}' for word in words), *(f'{word}\\"' for word in words), *words)
    return [line.strip() for line in lines if any(name in line for name in named) and line[:1] != "#"]


def flush(host: Netns) -> None:
    """All rules of all programs go. Connections that are tracked stay."""
    host.run("nft", "flush", "ruleset")
