"""Named network namespaces for tests, and what one does in them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.wait import until

FOLDER = Path("/run/netns")


@dataclass(frozen=True, kw_only=True, slots=True)
class Netns:
    """One `ip netns` namespace. The ``netns`` fixture makes it and removes it."""

    name: str

    @property
    def path(self) -> str:
        """What a runtime would give as CNI_NETNS."""
        return str(FOLDER / self.name)

    def command(self, *argv: str | Path) -> list[str]:
        """``argv``, to be run in this namespace: for `subprocess` calls that want more than ``run`` has."""
        return ["nsenter", f"--net={self.path}", "--", *map(str, argv)]

    def run(
        self,
        *argv: str | Path,
        input: str | bytes | None = None,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        seconds: float = 30.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program here. A failure is an AssertionError with all it said, unless ``check`` is False.

        ``env`` replaces the whole environment, as a container runtime's does.
        """
        done = subprocess.run(
            self.command(*argv),
            input=input.decode() if isinstance(input, bytes) else input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            env=None if env is None else dict(env),
            timeout=seconds,
        )
        if check and done.returncode:
            words = " ".join(map(str, argv))
            raise AssertionError(f"{words}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def ip(self, *argv: str) -> None:
        """`ip ...` here."""
        self.run("ip", *argv)

    def json(self, *argv: str) -> Any:
        """What a program prints, read as JSON: ``json("ip", "-j", "link")``. Nothing is an empty list."""
        text = self.run(*argv).stdout
        return json.loads(text) if text.strip() else []

    def links(self) -> list[str]:
        """The names of all links here but lo."""
        return [link["ifname"] for link in self.json("ip", "-j", "link") if link["ifname"] != "lo"]

    def sysctl(self, name: str) -> str:
        """``name`` with slashes, since interface names may hold dots: ``net/ipv4/ip_forward``."""
        return self.run("cat", f"/proc/sys/{name}").stdout.strip()

    def addresses(self, ifname: str) -> list[str]:
        """The addresses of a link as ``10.1.2.3/24``, without link-local IPv6."""
        return [
            f"{entry['local']}/{entry['prefixlen']}"
            for link in self.json("ip", "-j", "addr", "show", "dev", ifname)
            for entry in link["addr_info"]
            if not (entry["family"] == "inet6" and entry["scope"] == "link")
        ]


def make(name: str) -> Netns:
    subprocess.run(["ip", "netns", "add", name], check=True)
    return Netns(name=name)


def remove(namespace: Netns) -> None:
    """Kill what runs in it, then remove its name. A namespace that is gone already is fine."""
    if not os.path.exists(namespace.path):
        return
    for pid in processes_in(namespace.path):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    until(lambda: not processes_in(namespace.path), what=f"the processes in {namespace.name} to end")
    subprocess.run(["ip", "netns", "delete", namespace.name], check=True)


def processes_in(path: str) -> list[int]:
    """Processes whose main thread is in the namespace at ``path``, without this one and the dead."""
    wanted = os.stat(path)
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            place = os.stat(entry / "ns" / "net")
        except OSError:
            continue  # it has ended, or is a zombie and has no namespace any more
        if (place.st_dev, place.st_ino) == (wanted.st_dev, wanted.st_ino):
            found.append(int(entry.name))
    return found
