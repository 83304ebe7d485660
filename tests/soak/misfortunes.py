"""What happens to the node between the calls: the model is told of it, and it is counted."""

from __future__ import annotations

from functools import singledispatchmethod

from tests.soak.calls import Calls
from tests.soak.deeds import Cut, Deed, Define, Fill, Jump, Lose, Restart, Server, Squat, SquatHost
from tests.soak.gateway import Mood
from tests.soak.model import Found, Model, Phase
from tests.soak.networks import ON_DEMAND
from tests.soak.rig import OK, SETTLE_SECONDS, Rig
from tests.soak.tally import Tally
from tests.support.wait import until


class Misfortunes:
    def __init__(self, rig: Rig, model: Model, tally: Tally, calls: Calls) -> None:
        self._rig = rig
        self._model = model
        self._tally = tally
        self._calls = calls

    @singledispatchmethod
    def do(self, deed: Deed) -> None:
        raise NotImplementedError(deed)

    @do.register
    def _(self, deed: Server) -> None:
        weather = self._model.weather
        if weather.server is Mood.FAIR and self._rig.node.probe("readyz")[0] == OK:
            weather.unheard = False
        if deed.mood not in (Mood.FAIR, weather.server):
            self._tally.faults[f"API server {deed.mood}"] += 1
        self._rig.gateway.be(deed.mood)
        weather.server = deed.mood
        self._model.definitions.cut_off(deed.mood is not Mood.FAIR)

    @do.register
    def _(self, deed: Cut) -> None:
        self._tally.faults["API connections cut"] += 1
        self._rig.gateway.cut()

    @do.register
    def _(self, deed: Fill) -> None:
        if deed.how is not None:
            until(self._rig.at_rest, seconds=SETTLE_SECONDS, what="the agent to be at rest")
            self._tally.faults[f"disk {deed.how}"] += 1
        self._rig.disks.fill(deed.folder, deed.how)
        disks = self._model.weather.disks
        disks.pop(deed.folder, None)
        if deed.how is not None:
            disks[deed.folder] = deed.how

    @do.register
    def _(self, deed: Define) -> None:
        definitions = self._model.definitions
        if not deed.there and not definitions.is_there(deed.network):
            return
        version = definitions.change(deed.network, deed.there)
        self._tally.faults[f"definition {'changed' if deed.there else 'deleted'}"] += 1
        if deed.there:
            self._rig.define(deed.network, version)
        else:
            self._rig.undefine(deed.network)

    @do.register
    def _(self, deed: Lose) -> None:
        place = self._model.places[deed.place]
        if not place.lost:
            self._tally.faults["namespace deleted"] += 1
            self._calls.lose(place)

    @do.register
    def _(self, deed: Squat) -> None:
        place = self._model.places[deed.place]
        if place.lost or (place.phase is not Phase.ABSENT and deed.name in place.ifnames):
            return
        if deed.name in place.squatters:
            place.netns.ip("link", "delete", deed.name)
            place.squatters.discard(deed.name)
        else:
            self._tally.faults["foreign link in a pod"] += 1
            place.netns.ip("link", "add", deed.name, "type", "bridge")
            place.squatters.add(deed.name)

    @do.register
    def _(self, deed: SquatHost) -> None:
        weather, host = self._model.weather, self._rig.host
        if weather.squatted:
            if all(place.phase is Phase.ABSENT for place in self._model.users(ON_DEMAND)):
                host.ip("link", "delete", ON_DEMAND)
                weather.squatted = False
        elif ON_DEMAND not in host.links():
            self._tally.faults["foreign link on the host"] += 1
            kind = ("vxlan", "id", "42", "dev", "up0", "remote", "192.0.2.2", "dstport", "4789")
            host.ip("link", "add", "name", ON_DEMAND, "type", *(kind if deed.fits else ("bridge",)))
            host.ip("link", "set", ON_DEMAND, "up")
            weather.squatted = True

    @do.register
    def _(self, deed: Jump) -> None:
        if self._model.weather.read_only():
            return
        self._tally.faults["clock jump"] += 1
        self._model.weather.clock_back |= deed.seconds < 0
        self._rig.disks.age(deed.seconds)

    @do.register
    def _(self, deed: Restart) -> None:
        self._tally.faults["agent restarted" if deed.gently else "agent killed at rest"] += 1
        self._rig.use_clock(deed.clock)
        if deed.gently:
            self._rig.wait_alive()
            if status := self._rig.node.stop():
                raise Found(f"the agent ended with {status}")
        else:
            self._rig.node.kill()
        self._calls.start_again()
