"""A plugin's configuration, read and ready: the delegate behind its type, and the one behind ``ipam.type``.

``prepare`` does all that can fail without touching anything, so that every configuration of a pod is known to
be good before the first link is made.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.request import Verb
from multinet.cni.types import Result
from multinet.cni.versions import reconcile
from multinet.delegate.contract import AnyDelegate, Call
from multinet.delegate.doors import HostLinks
from multinet.delegate.undo import Undo
from multinet.errors import AddressError, IncompatibleVersion, MultinetError, inside
from multinet.kernel.namespace import Namespace
from multinet.timing import timed

Find = Callable[[str], AnyDelegate]
"""CNI type -> delegate."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """Where a request plays: what is the same for all its plugins."""

    container_id: str
    ifname: str
    netns: str
    host: Namespace
    sandbox: Namespace | None
    group: int = 0
    host_links: HostLinks | None = None
    valid: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Plugin:
    """One plugin of a chain, its configuration read."""

    delegate: AnyDelegate
    conf: NetConf
    parsed: Any
    find: Find
    args: Args
    network: str
    """Whose it is, for people: the definition's name where there is one."""
    ipam: Plugin | None = None

    @property
    def type(self) -> str:
        return self.conf.type

    def call(self, scene: Scene, prev_result: Result | None) -> Call[Any]:
        return Call(
            conf=self.parsed,
            network=self.conf.name,
            version=self.conf.version,
            container_id=scene.container_id,
            ifname=scene.ifname,
            netns=scene.netns,
            host=scene.host,
            sandbox=scene.sandbox,
            prev_result=prev_result,
            dns=self.conf.dns,
            ipam=DelegatedIpam(self.ipam, scene, prev_result) if self.ipam else None,
            others=partial(self._other, scene, prev_result),
            group=scene.group,
            host_links=scene.host_links,
            valid=scene.valid,
        )

    def _other(self, scene: Scene, prev_result: Result | None, conf: NetConf) -> Delegated:
        with inside(f"[{conf.type}]"):
            other = prepare(self.find, conf, self.args, network=self.network)
            return Delegated(other, scene, prev_result)

    def add(self, scene: Scene, prev_result: Result | None, undo: Undo) -> Result:
        with inside(f"[{self.type}]"), timed(self.type, Verb.ADD, self.network, scene.ifname):
            return self.delegate.add(self.call(scene, prev_result), undo)

    def check(self, scene: Scene, prev_result: Result | None) -> None:
        with inside(f"[{self.type}]"), timed(self.type, Verb.CHECK, self.network, scene.ifname):
            self.delegate.check(self.call(scene, prev_result))

    def farewell(self, scene: Scene, prev_result: Result | None) -> None:
        """While the container's interface is still there: an IPAM that speaks over it gives back what it gave. What
        fails is tried again by ``delete``, which tells of it.
        """
        if self.ipam is not None and self.ipam.delegate.over_link:
            with suppress(MultinetError):
                Delegated(self.ipam, scene, prev_result).delete()

    def delete(self, scene: Scene, prev_result: Result | None) -> None:
        self.farewell(scene, prev_result)
        with inside(f"[{self.type}]"), timed(self.type, Verb.DEL, self.network, scene.ifname):
            self.delegate.delete(self.call(scene, prev_result))

    def gc(self, scene: Scene) -> None:
        with inside(f"[{self.type}]"), timed(self.type, Verb.GC, self.network, scene.ifname):
            self.delegate.gc(self.call(scene, None))

    def status(self, scene: Scene) -> None:
        with inside(f"[{self.type}]"), timed(self.type, Verb.STATUS, self.network, scene.ifname):
            self.delegate.status(self.call(scene, None))


def prepare(find: Find, conf: NetConf, args: Args, *, network: str = "") -> Plugin:
    """Find the delegate, see that it serves the version, read its configuration and that of its IPAM.

    Errors tell the path within the configuration; which plugin of which network it is, the caller knows.
    """
    network = network or conf.name
    delegate = find(conf.type)
    _see_version(conf, delegate)
    conf.check()
    parsed = delegate.parse(conf, args)
    ipam = None
    if conf.ipam_type and delegate.delegates_ipam:
        with inside(f"[{conf.ipam_type}]"):
            addresser = find(conf.ipam_type)
            _see_version(conf, addresser)
            given = addresser.parse(conf, args)
            ipam = Plugin(delegate=addresser, conf=conf, parsed=given, find=find, args=args, network=network)
    if (other := delegate.hands_on(parsed)) is not None:
        with inside(f"[{other.type}]"):
            prepare(find, other, args)
    return Plugin(
        delegate=delegate, conf=conf, parsed=parsed, find=find, args=args, network=network, ipam=ipam
    )


class Delegated:
    """The door to another plugin that a call carries in (``doors.Other``)."""

    def __init__(self, plugin: Plugin, scene: Scene, prev_result: Result | None) -> None:
        self._plugin = plugin
        self._scene = scene
        self._call = plugin.call(scene, prev_result)

    @property
    def type(self) -> str:
        return self._plugin.type

    def _place(self) -> AbstractContextManager[None]:
        return inside(f"[{self.type}]")

    def _timed(self, verb: Verb) -> AbstractContextManager[None]:
        return timed(self.type, verb, self._plugin.network, self._scene.ifname)

    def add(self, undo: Undo) -> Result:
        with self._place(), self._timed(Verb.ADD):
            return self._plugin.delegate.add(self._call, undo)

    def check(self, prev_result: Result | None) -> None:
        with self._place(), self._timed(Verb.CHECK):
            self._plugin.delegate.check(self._plugin.call(self._scene, prev_result))

    def delete(self) -> None:
        with self._place(), self._timed(Verb.DEL):
            self._plugin.delegate.delete(self._call)

    def gc(self) -> None:
        with self._place(), self._timed(Verb.GC):
            self._plugin.delegate.gc(self._call)

    def status(self) -> None:
        with self._place(), self._timed(Verb.STATUS):
            self._plugin.delegate.status(self._call)


class DelegatedIpam(Delegated):
    """``doors.Ipam``."""

    @property
    def type(self) -> str:
        return self._plugin.conf.ipam_type

    def add(self, undo: Undo) -> Result:
        result = super().add(undo)
        if not result.ips:
            with self._place():
                raise AddressError(
                    "IPAM plugin returned missing IP config", hint="give it addresses to hand out"
                )
        return result


def _see_version(conf: NetConf, delegate: AnyDelegate) -> None:
    """The reference's words for it name the versions, and not what to do."""
    try:
        reconcile(conf.version, delegate.versions)
    except IncompatibleVersion as error:
        if delegate.versions:
            error.hint = f"write a cniVersion that the plugin serves: {', '.join(delegate.versions)}"
        raise
