"""What rows of chained plugins have in common: an interface, made by hand, and the result that tells of it.

Its MAC is given, so that neither side's result holds one that is only the kernel's dice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAC = "02:11:22:33:44:55"
ADDRESS4, ADDRESS6 = "10.1.2.3/24", "fd12:5::3/64"

INTERFACE = f"ip link add eth0 address {MAC} type veth peer name far0 address 02:11:22:33:44:66"
UP = f"""{INTERFACE}
ip link set far0 up
ip addr add {ADDRESS4} dev eth0
ip addr add {ADDRESS6} dev eth0 nodad
ip link set eth0 up
"""

PREVIOUS: Mapping[str, Any] = {
    "cniVersion": "1.1.0",
    "interfaces": [
        {"name": "far0", "mac": "02:11:22:33:44:66"},
        {"name": "eth0", "mac": MAC, "sandbox": "/run/netns/c1"},
    ],
    "ips": [
        {"address": ADDRESS4, "gateway": "10.1.2.1", "interface": 1},
        {"address": ADDRESS6, "gateway": "fd12:5::1", "interface": 1},
    ],
    "routes": [{"dst": "0.0.0.0/0"}],
    "dns": {"nameservers": ["10.1.2.1"]},
}
PREVIOUS_04: Mapping[str, Any] = {
    **PREVIOUS,
    "cniVersion": "0.4.0",
    "ips": [{"version": "4", **PREVIOUS["ips"][0]}, {"version": "6", **PREVIOUS["ips"][1]}],
}
PREVIOUS_02: Mapping[str, Any] = {
    "cniVersion": "0.2.0",
    "ip4": {"ip": ADDRESS4, "gateway": "10.1.2.1", "routes": [{"dst": "0.0.0.0/0"}]},
    "ip6": {"ip": ADDRESS6},
}
