"""Calling interface plugins as a container runtime does, on a host and a pod made for the test.

``OURS`` answers within this process, from a thread that lives in the host's namespace; ``reference(folder)`` runs
the reference's programs there. Both are told the same, so that one can follow the other on the same attachment.
"""

from __future__ import annotations

import ctypes
import json
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from multinet.delegate.serve import Answer, serve
from multinet.errors import MultinetError, PluginFailed
from tests.support.netns import Netns

T = TypeVar("T")

PROGRAMS = "/usr/sbin:/usr/bin:/sbin:/bin"
NOTHING = "/nonexistent"
"""A CNI_PATH with nothing on it: ours need none."""

Implementation = Callable[[Netns, str, Mapping[str, str], bytes], Answer]
"""host, CNI type, environment, stdin -> answer"""


def within(namespace: Netns, do: Callable[[], T]) -> T:
    """Do something in a thread of its own that lives in the namespace, as does whatever it starts."""

    def there() -> T:
        with open(namespace.path) as file:
            assert ctypes.CDLL(None).setns(file.fileno(), 0x40000000) == 0
        return do()

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(there).result()


def OURS(host: Netns, type_: str, env: Mapping[str, str], stdin: bytes) -> Answer:
    return within(host, lambda: serve(type_, {"CNI_PATH": NOTHING, **env}, stdin))


def reference(folder: Path) -> Implementation:
    def run(host: Netns, type_: str, env: Mapping[str, str], stdin: bytes) -> Answer:
        done = host.run(folder / type_, input=stdin, env={"CNI_PATH": str(folder), **env}, check=False)
        return Answer(stdout=done.stdout.encode(), exit_code=done.returncode)

    return run


@dataclass(kw_only=True, slots=True)
class Attachment:
    """One interface of one container, and what was answered for it."""

    host: Netns
    pod: Netns
    conf: Mapping[str, Any]
    container: str = "c1"
    ifname: str = "eth0"
    args: str = ""
    by: Implementation = OURS
    result: dict[str, Any] = field(default_factory=dict)

    def add(self) -> Attachment:
        self.result = json.loads(self.call("ADD", {}))
        return self

    def check(self) -> None:
        self.call("CHECK", {"prevResult": self.result})

    def delete(self, **more: Any) -> None:
        self.call("DEL", {"prevResult": self.result, **more} if self.result else more)

    def gc(self, *valid: tuple[str, str]) -> None:
        told = [{"containerID": container, "ifname": ifname} for container, ifname in valid]
        self.call("GC", {"cni.dev/valid-attachments": told})

    def but(self, **changes: Any) -> Attachment:
        """The same attachment with something changed: ``but(by=...)`` has the other implementation go on."""
        return replace(self, **changes)

    def call(self, verb: str, more: Mapping[str, Any]) -> bytes:
        """Raises PluginFailed with the code and the message that were answered."""
        env = {"CNI_COMMAND": verb, "PATH": PROGRAMS}
        if verb in ("ADD", "CHECK", "DEL"):
            env |= {
                "CNI_CONTAINERID": self.container,
                "CNI_NETNS": self.pod.path,
                "CNI_IFNAME": self.ifname,
                "CNI_ARGS": self.args,
            }
        stdin = json.dumps({**self.conf, **more}).encode()
        done = self.by(self.host, str(self.conf["type"]), env, stdin)
        if done.exit_code:
            try:
                said = json.loads(done.stdout)
            except ValueError:
                said = {"msg": repr(done.stdout), "code": -1}
            raise PluginFailed(said["msg"], plugin_code=said["code"], details=said.get("details", ""))
        return done.stdout

    @property
    def addresses(self) -> list[str]:
        """Those of the result, as ``10.1.2.3/24``."""
        return [ip["address"] for ip in self.result.get("ips", ())]

    @property
    def address(self) -> str:
        """The first one, without its length."""
        return self.addresses[0].partition("/")[0]

    @property
    def host_end(self) -> str:
        """The host's end of the pair."""
        return next(
            one["name"]
            for one in self.result["interfaces"]
            if one["name"].startswith("veth") and not one.get("sandbox")
        )


def refusal(act: Callable[[], object]) -> str:
    """The message with which it is refused; AssertionError when it is not."""
    try:
        act()
    except MultinetError as error:
        return error.sentence
    raise AssertionError("it was not refused")


def quick_ipv6(namespace: Netns) -> Netns:
    """Addresses and link-local ones are there at once, where no test is about their being tested first."""
    socket.socket(socket.AF_INET6).close()  # where IPv6 is a module, that loads it
    script = "cd /proc/sys/net/ipv6/conf/default; echo 0 > dad_transmits; echo 0 > router_solicitation_delay"
    namespace.run("sh", "-euc", script)
    return namespace


def pings(pod: Netns, address: str, *options: str, seconds: float = 1.0) -> bool:
    """One echo request; is it answered in time?"""
    return pod.run("ping", "-n", "-c1", f"-W{seconds:g}", *options, address, check=False).returncode == 0
