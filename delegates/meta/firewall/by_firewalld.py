"""Letting through by firewalld: an address becomes a source of a zone, until firewalld is started again.

The program is spoken to over D-Bus (firewalld.dbus(5), interface ``org.fedoraproject.FirewallD1.zone``).
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from delegates.meta.firewall import bus
from delegates.meta.firewall.bus import Bus, Refused
from multinet import steps
from multinet.cni.types import IP
from multinet.delegate.undo import Undo
from multinet.errors import CheckFailed, IOFailure, MultinetError

NAME, PATH = "org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1"
ZONES = f"{NAME}.zone"

ALREADY_SET = "ZONE_ALREADY_SET"
NOT_THERE = ("UNKNOWN_SOURCE", "INVALID_ZONE")
"""What it says to taking away what is not there: the source, or the whole zone."""
NOBODY = ("org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner")


def running() -> bool:
    """Does somebody on the bus have its name? No bus is no."""
    if not bus.present():
        return False
    try:
        with Bus.open() as opened:
            opened.call(bus.NAME, bus.PATH, bus.NAME, "GetNameOwner", NAME)
    except (IOFailure, Refused):
        return False
    return True


def add(zone: str, ips: Collection[IP], undo: Undo) -> None:
    with Bus.open() as opened:
        for ip in ips:
            steps.step(f"put {ip} into zone {zone} of firewalld")
            try:
                opened.call(NAME, PATH, ZONES, "addSource", zone, source(ip))
                undo.push(f"take {ip} out of zone {zone}", partial(remove, zone, [ip]))
            except Refused as error:
                if ALREADY_SET not in error.message:
                    raise MultinetError(
                        f"failed to add the address {source(ip)} to {zone} zone: {error.message}"
                    ) from error


def remove(zone: str, ips: Collection[IP]) -> None:
    """Absent is success. So is that firewalld is not there: it forgets its sources when it ends."""
    if not ips or not running():
        return
    with Bus.open() as opened:
        for ip in ips:
            steps.step(f"take {ip} out of zone {zone} of firewalld")
            try:
                opened.call(NAME, PATH, ZONES, "removeSource", zone, source(ip))
            except Refused as error:
                if error.name not in NOBODY and not any(word in error.message for word in NOT_THERE):
                    raise MultinetError(
                        f"failed to remove the address {source(ip)} from {zone} zone: {error.message}"
                    ) from error


def check(zone: str, ips: Collection[IP]) -> None:
    with Bus.open() as opened:
        for ip in ips:
            try:
                (there,) = opened.call(NAME, PATH, ZONES, "querySource", zone, source(ip))
            except Refused as error:
                raise CheckFailed(
                    f"failed to find the address {source(ip)} in {zone} zone", hint=error.message
                ) from error
            if not there:
                raise CheckFailed(
                    f"failed to find the address {source(ip)} in {zone} zone",
                    hint="something took it out, or started firewalld again, after ADD",
                )


def source(ip: IP) -> str:
    return f"{ip}/{ip.max_prefixlen}"
