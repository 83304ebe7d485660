"""What goes over a wire, as tcpdump sees it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from tests.support.netns import Netns

ARP = "arp or (vlan and arp)"
"""Whoever listens may say things of its own, in VLANs of its own."""


def first_arp(where: Netns, device: str, act: Callable[[], object], *, seconds: float = 20) -> str:
    """What tcpdump says of the first ARP request on ``device`` while ``act`` is done over and over; "" for none."""
    capture_one = ["timeout", f"{seconds:g}", "tcpdump", "-nne", "-i", device, "-c1", "--immediate-mode", ARP]
    with subprocess.Popen(
        ["ip", "netns", "exec", where.name, *capture_one],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as capture:
        assert capture.stderr is not None
        for line in capture.stderr:
            if "listening on" in line:
                break
        while capture.poll() is None:  # it has seen one, or its time is over
            act()
        said, _ = capture.communicate()
    return said
