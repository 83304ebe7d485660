"""Forwarding between links, by family."""

from __future__ import annotations

from collections.abc import Iterable

from multinet.kernel.namespace import Namespace

SYSCTL = {4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding"}


def enable(ns: Namespace, families: Iterable[int]) -> None:
    """Switch it on where it is off; what is on is not written again (writing resets IPv4's other settings)."""
    for family in sorted(set(families)):
        if ns.look_at_sysctl(SYSCTL[family]) != "1":
            ns.write_sysctl(SYSCTL[family], "1")
