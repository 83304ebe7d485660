"""The complete state of a namespace, by the tools an operator would look with; nothing of ours is used.

``of_namespace`` and ``of_files`` run inside a machine and take everything as it is. What of it is made
comparable, and why, is in ``normal``.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

IP = """\
link show
addr show
route show table all
rule show
neigh show nud permanent
neigh show proxy
"""
IP_NAMES = ("link", "addr", "route", "rule", "neigh", "proxy")

SYSCTLS = ("net/ipv4", "net/ipv6")

QUEUES_OF_THE_KERNEL = ("noqueue", "noop", "mq", "pfifo_fast", "fq_codel")
"""What a link has when nobody says anything. Where no link has another nobody filters either."""


def of_namespace(sys: Path) -> dict[str, Any]:
    """The namespace of the calling thread; ``sys`` is a sysfs of it."""
    state = dict(zip(IP_NAMES, _jsons(["ip", "-d", "-j", "-batch", "-"], IP), strict=True))
    state["rule6"] = _jsons(["ip", "-6", "-j", "rule", "show"])[0]
    if any(link.get("linkinfo", {}).get("info_kind") == "bridge" for link in state["link"]):
        state["port"] = _first(_jsons(["bridge", "-d", "-j", "link"]))
        state["vlan"] = _first(_jsons(["bridge", "-j", "vlan"]))
    if any(link.get("qdisc") not in QUEUES_OF_THE_KERNEL for link in state["link"]):
        state |= _queues()
    state["nft"] = _first(_jsons(["nft", "-j", "list", "ruleset"]))["nftables"]
    # Rules made through iptables are opaque to nft ("xt"), so iptables says what they are.
    families = {entry["table"]["family"] for entry in state["nft"] if "table" in entry}
    state["iptables"] = _lines(["iptables-save"]) if "ip" in families else []
    state["ip6tables"] = _lines(["ip6tables-save"]) if "ip6" in families else []
    state["sysctl"] = _sysctls()
    state["mac_assigned"] = {
        link["ifname"]: (sys / "class/net" / link["ifname"] / "addr_assign_type").read_text().strip()
        for link in state["link"]
    }
    return state


def of_files(*roots: Path, without: tuple[Path, ...]) -> dict[str, str]:
    """Every file and folder below ``roots``: its mode and what is in it."""
    found = {}
    for root in roots:
        for folder, folders, names in os.walk(root):
            here = Path(folder)
            folders[:] = [name for name in folders if here / name not in without]
            for path in [here / name for name in (*folders, *names)]:
                mode = path.lstat().st_mode
                content = path.read_bytes().decode(errors="backslashreplace") if path.is_file() else ""
                found[str(path)] = f"{mode:o} {content!r}"
    return found


def _queues() -> dict[str, Any]:
    """Queues and filters; no plugin makes classes. ``id`` is what tc calls handle: here it is told by the maker."""
    queues = [
        {**queue, "id": queue["handle"]}
        for queue in _first(_jsons(["tc", "-r", "-j", "qdisc", "show"]))
        if queue["kind"] not in QUEUES_OF_THE_KERNEL
    ]
    found: dict[str, Any] = {"queue": queues, "filter": {}}
    for device, name in sorted({(queue["dev"], queue["handle"]) for queue in queues}):
        shown = _first(_jsons(["tc", "-r", "-j", "filter", "show", "dev", device, "parent", name]))
        if shown:
            found["filter"][f"{device} {name}"] = shown
    return found


def unsettled() -> list[str]:
    """What is still on its way in the calling thread's namespace: a carrier not yet noticed, an address not yet
    tested for a duplicate."""
    links, addresses = _jsons(["ip", "-d", "-j", "-batch", "-"], "link show\naddr show\n")
    return [f"{link['ifname']}: carrier" for link in links if _carrier_unnoticed(link)] + [
        f"{link['ifname']}: {address['local']}"
        for link in addresses
        for address in link["addr_info"]
        if address.get("tentative") and not address.get("dadfailed") and "LOWER_UP" in link["flags"]
    ]


def _carrier_unnoticed(link: Mapping[str, Any]) -> bool:
    if "UP" not in link["flags"]:
        return False
    carrier = "LOWER_UP" in link["flags"]
    if carrier and link["operstate"] == "UNKNOWN":  # a bridge may stay so: see ``normal``
        return link.get("linkinfo", {}).get("info_kind") in ("veth", "macvlan")
    return carrier is ("NO-CARRIER" in link["flags"])


def _jsons(argv: list[str], text: str = "") -> list[Any]:
    """All JSON values that a program prints, one after the other."""
    rest = _output(argv, text).strip()
    decoder = json.JSONDecoder()
    values = []
    while rest:
        value, end = decoder.raw_decode(rest)
        values.append(value)
        rest = rest[end:].lstrip()
    return values


def _first(values: list[Any]) -> Any:
    return values[0] if values else []


def _lines(argv: list[str]) -> list[str]:
    return [line for line in _output(argv).splitlines() if not line.startswith("#")]  # '#': the time of day


def _output(argv: list[str], text: str = "") -> str:
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise AssertionError(f"{' '.join(argv)}: exit status {done.returncode}\n{done.stderr}")
    return done.stdout


def _sysctls() -> dict[str, str]:
    """All of IPv4's and IPv6's, per-interface ones included."""
    found = {}
    for root in SYSCTLS:
        for folder, _, names in os.walk(f"/proc/sys/{root}"):
            for name in names:
                path = f"{folder}/{name}"
                found[path.removeprefix("/proc/sys/")] = _sysctl(path)
    return found


def _sysctl(path: str) -> str:
    """There are a thousand of them, so this is done without file objects."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError as error:  # write-only ones
        return f"unreadable: {error.strerror}"
    try:
        return os.read(file, 4096).decode().strip()
    except OSError as error:  # stable_secret while it is unset
        return f"unreadable: {error.strerror}"
    finally:
        os.close(file)
