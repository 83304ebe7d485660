"""A delegate that hands its work on to another plugin: that one is found and read with all others, and called by the
same doors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Result
from multinet.delegate.contract import AnyDelegate, Call, Delegate
from multinet.delegate.invoke import Plugin, Scene, prepare
from multinet.delegate.undo import Undo
from multinet.errors import InvalidConfig, MultinetError
from multinet.kernel.namespace import Namespace

PREVIOUS = Result()
MADE = Result()


class Through(Delegate[NetConf]):
    """Calls the plugin that its configuration names in ``through``."""

    def parse(self, conf: NetConf, args: Args) -> NetConf:
        return NetConf.of({"name": conf.name, "cniVersion": conf.version, **conf.raw["through"]})

    def hands_on(self, conf: NetConf) -> NetConf | None:
        return None if "unknown" in conf.raw else conf

    def add(self, call: Call[NetConf], undo: Undo) -> Result:
        return call.other(call.conf).add(undo)

    def check(self, call: Call[NetConf]) -> None:
        call.other(call.conf).check(call.prev_result)

    def delete(self, call: Call[NetConf]) -> None:
        call.other(call.conf).delete()

    def gc(self, call: Call[NetConf]) -> None:
        call.other(call.conf).gc()

    def status(self, call: Call[NetConf]) -> None:
        call.other(call.conf).status()


class Told(Delegate[NetConf]):
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Call[NetConf]]] = []

    def parse(self, conf: NetConf, args: Args) -> NetConf:
        if conf.raw.get("wrong"):
            raise InvalidConfig("it is wrong")
        return conf

    def add(self, call: Call[NetConf], undo: Undo) -> Result:
        self.calls.append(("ADD", call))
        undo.push("take it back", lambda: self.calls.append(("undo", call)))
        return MADE

    def check(self, call: Call[NetConf]) -> None:
        self.calls.append(("CHECK", call))

    def delete(self, call: Call[NetConf]) -> None:
        self.calls.append(("DEL", call))

    def gc(self, call: Call[NetConf]) -> None:
        self.calls.append(("GC", call))

    def status(self, call: Call[NetConf]) -> None:
        self.calls.append(("STATUS", call))


@pytest.fixture
def told() -> Told:
    return Told()


def through(told: Told, **conf: Any) -> Plugin:
    """``Through``, read, in front of ``told``."""
    found: Mapping[str, AnyDelegate] = {"through": Through(), "told": told}
    whole = {"cniVersion": "1.1.0", "name": "net", "type": "through", "through": {"type": "told", **conf}}
    return prepare(lambda type_: found[type_], NetConf.of(whole), Args.parse("K=V;IgnoreUnknown=1"))


SCENE = Scene(
    container_id="c1",
    ifname="eth0",
    netns="/run/netns/c1",
    host=cast(Namespace, object()),
    sandbox=None,
    group=7,
    valid=frozenset({("c2", "eth0")}),
)


def test_the_other_plugin_is_called_for_the_same_attachment(told: Told):
    plugin, undo = through(told, key="value"), Undo()
    assert plugin.add(SCENE, None, undo) is MADE
    plugin.check(SCENE, PREVIOUS)
    plugin.delete(SCENE, PREVIOUS)
    plugin.gc(SCENE)
    plugin.status(SCENE)
    undo.run()
    assert [verb for verb, _ in told.calls] == ["ADD", "CHECK", "DEL", "GC", "STATUS", "undo"]
    for _, call in told.calls:
        assert (call.conf.raw["key"], call.network, call.version) == ("value", "net", "1.1.0")
        assert (call.container_id, call.ifname, call.netns) == ("c1", "eth0", "/run/netns/c1")
        assert (call.host, call.group, call.valid) == (SCENE.host, SCENE.group, SCENE.valid)
    assert [call.prev_result for _, call in told.calls] == [None, PREVIOUS, PREVIOUS, None, None, None]


def test_it_reads_its_configuration_before_anything_is_made(told: Told):
    with pytest.raises(InvalidConfig) as refused:
        through(told, wrong=True)
    assert str(refused.value) == "[told]: it is wrong"


def test_what_is_not_known_before_is_read_when_it_is_called(told: Told):
    plugin = through(told, wrong=True, unknown=True)
    with pytest.raises(InvalidConfig) as refused:
        plugin.add(SCENE, None, Undo())
    assert str(refused.value) == "[through][told]: it is wrong"


def test_without_the_door_nobody_is_called(told: Told):
    call = Call(
        conf=NetConf.of({"name": "net", "type": "through"}), network="net", version="1.1.0", container_id="c1",
        ifname="eth0", netns="", host=SCENE.host, sandbox=None,
    )  # fmt: skip
    with pytest.raises(MultinetError, match=r"^the plugin 'told' can't be called from here$"):
        call.other(NetConf.of({"name": "net", "type": "told"}))
