"""Calling an IPAM plugin directly: ours in this process, the reference's as an executable, by the same words.

Both answer with a ``Result`` and refuse with an error of ours, so that a test can be run on either.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Result
from multinet.cni.wire import result_from_json, result_to_dict
from multinet.delegate.contract import AnyDelegate, Call
from multinet.delegate.undo import Undo
from multinet.errors import PluginFailed
from multinet.kernel.namespace import Namespace

NO_NAMESPACE = cast(Namespace, None)
"""An IPAM plugin that looks into a namespace has no business to."""

Conf = Mapping[str, Any]


def reserved(state: Path) -> list[str]:
    """The addresses that host-local holds in that ``dataDir``, of all networks."""
    return sorted(file.name for file in state.glob("*/*") if not file.name.startswith("l"))


class Plugin(Protocol):
    def add(self, conf: Conf, container: str = ..., ifname: str = ..., args: str = ...) -> Result: ...

    def check(
        self, conf: Conf, container: str = ..., ifname: str = ..., prev: Result | None = ...
    ) -> None: ...

    def delete(self, conf: Conf, container: str = ..., ifname: str = ..., args: str = ...) -> None: ...


def conf(type_: str, *, version: str = "1.1.0", name: str = "net", **keys: Any) -> dict[str, Any]:
    """A configuration; ``ipam`` is among ``keys``, its type is put in."""
    if "ipam" in keys:
        keys["ipam"] = {"type": type_, **keys["ipam"]}
    return {"cniVersion": version, "name": name, "type": "bridge", **keys}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ours:
    delegate: AnyDelegate

    def add(self, conf: Conf, container: str = "c1", ifname: str = "eth0", args: str = "") -> Result:
        with Undo() as undo:
            result = self.delegate.add(self.call(conf, container, ifname, args), undo)
            undo.keep()
        return result

    def check(
        self, conf: Conf, container: str = "c1", ifname: str = "eth0", prev: Result | None = None
    ) -> None:
        self.delegate.check(self.call(conf, container, ifname, prev=prev))

    def delete(self, conf: Conf, container: str = "c1", ifname: str = "eth0", args: str = "") -> None:
        self.delegate.delete(self.call(conf, container, ifname, args, lenient=True))

    def gc(self, conf: Conf, *valid: tuple[str, str]) -> None:
        self.delegate.gc(self.call(conf, "", "", lenient=True, valid=valid))

    def status(self, conf: Conf) -> None:
        self.delegate.status(self.call(conf, "", "", lenient=True))

    def call(
        self,
        conf: Conf,
        container: str = "c1",
        ifname: str = "eth0",
        args: str = "",
        *,
        lenient: bool = False,
        prev: Result | None = None,
        valid: Collection[tuple[str, str]] = (),
    ) -> Call[Any]:
        net = NetConf.of(conf)
        return Call(
            conf=self.delegate.parse(net, Args.parse(args, lenient=lenient)),
            network=net.name,
            version=net.version,
            container_id=container,
            ifname=ifname,
            netns="",
            host=NO_NAMESPACE,
            sandbox=None,
            prev_result=prev,
            valid=frozenset(valid),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    program: Path

    def add(self, conf: Conf, container: str = "c1", ifname: str = "eth0", args: str = "") -> Result:
        return result_from_json(self._run("ADD", conf, container, ifname, args), str(conf["cniVersion"]))

    def check(
        self, conf: Conf, container: str = "c1", ifname: str = "eth0", prev: Result | None = None
    ) -> None:
        if prev is not None:
            conf = {**conf, "prevResult": result_to_dict(prev, str(conf["cniVersion"]))}
        self._run("CHECK", conf, container, ifname, "")

    def delete(self, conf: Conf, container: str = "c1", ifname: str = "eth0", args: str = "") -> None:
        self._run("DEL", conf, container, ifname, args)

    def _run(self, verb: str, conf: Conf, container: str, ifname: str, args: str) -> bytes:
        done = subprocess.run(
            [self.program],
            input=json.dumps(conf).encode(),
            capture_output=True,
            timeout=60,
            env={
                "CNI_COMMAND": verb,
                "CNI_CONTAINERID": container,
                "CNI_IFNAME": ifname,
                "CNI_NETNS": "/nowhere",
                "CNI_ARGS": args,
                "CNI_PATH": "/nowhere",
            },
        )
        if done.returncode:
            said = json.loads(done.stdout)
            raise PluginFailed(said["msg"], plugin_code=said["code"])
        return done.stdout
