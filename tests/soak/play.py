"""Play a sequence: do each deed to the node, and hold every answer to the model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatchmethod

from tests.soak import look
from tests.soak.calls import Begun, Calls
from tests.soak.deeds import (
    Both,
    Call,
    Collect,
    Deed,
    Define,
    Fill,
    Server,
    SquatHost,
    Status,
)
from tests.soak.deeds import Sequence as Played
from tests.soak.gateway import Mood
from tests.soak.judge import Judge
from tests.soak.misfortunes import Misfortunes
from tests.soak.model import Found, Model, Phase, Place
from tests.soak.networks import FURTHER
from tests.soak.rig import SETTLE_SECONDS, Rig
from tests.soak.tally import Tally
from tests.support.footprint import settled
from tests.support.netns import processes_in
from tests.support.wait import until


def play(played: Played, rig: Rig, tally: Tally) -> None:
    """Raises Found (or AssertionError) for the first thing that is wrong."""
    player = Player(played, rig, tally)
    player.begin()
    for number, deed in enumerate(played.deeds, 1):
        try:
            player.do(deed)
        except (Found, AssertionError) as error:
            error.add_note(f"at step {number}: {deed}")
            raise
        tally.steps += 1
    player.finish()
    tally.sequences += 1


class Player:
    def __init__(self, played: Played, rig: Rig, tally: Tally) -> None:
        self._played = played
        self._rig = rig
        self._tally = tally
        self._log_from = 0

    # --- begin and end ---

    def begin(self) -> None:
        rig = self._rig
        places = [self._place(number, names) for number, names in enumerate(self._played.pods)]
        self.model = Model(places, rig.definitions)
        self._judge = Judge(rig, self.model, self._tally)
        self._calls = Calls(rig, self.model, self._tally)
        self._misfortunes = Misfortunes(rig, self.model, self._tally, self._calls)
        self._log_from = len(rig.node.log)
        for name in FURTHER:
            if not rig.definitions.is_there(name):
                self.do(Define(name))
        rig.use_clock(0)

    def _place(self, number: int, names: Sequence[str]) -> Place:
        netns = self._rig.new_netns()
        name = f"pod-{self._played.number}-{number}-{self._rig.serial()}"
        return Place(
            number=number,
            names=tuple(names),
            pod=self._rig.pod(name, names),
            id=self._new_id(),
            netns=netns,
            empty=look.inside(netns).facts,
        )

    def _new_id(self) -> str:
        return f"soak-{self._rig.serial()}"

    def finish(self) -> None:
        """Good weather again; then everything is held to the model, and after the last DEL to what was before."""
        rig, model = self._rig, self.model
        self.do(Server(Mood.FAIR))
        for folder in ("state", "ipam"):
            self.do(Fill(folder, None))
        until(rig.at_rest, seconds=SETTLE_SECONDS, what="the agent to have done what was asked")
        rig.node.wait_ready()
        for place in model.places:
            if place.lost:
                self._one("DEL", place)
            elif place.phase is Phase.UNSURE:
                self._settle(place)
        self._judge.everything()
        self._calls.make([("CHECK", place) for place in model.places])
        self._calls.make([("DEL", place) for place in model.places])
        self._judge_all(self._calls.ended)
        if model.weather.squatted:
            self.do(SquatHost(fits=True))
        self._judge.everything()
        self._nothing_internal()
        self._nothing_held()
        for place in model.places:
            rig.remove_netns(place.netns)
            rig.remove_pod(place.pod)

    def _settle(self, place: Place) -> None:
        """As a runtime does that has found a sandbox again: look whether it is whole, and take it away if not."""
        self._one("CHECK", place)
        if place.phase is Phase.UNSURE:
            self._one("DEL", place)

    def _nothing_internal(self) -> None:
        """The agent's log knows of no defect."""
        self._tally.checks += 1
        for line in self._rig.node.log[self._log_from :].splitlines():
            if (
                "Traceback" in line
                or '"trace"' in line
                or "internal error" in line
                or not line.startswith("{")
            ):
                raise Found(f"the agent's log: {line[:2000]}")

    def _nothing_held(self) -> None:
        """Neither the agent keeps anything of the pods open, nor is one of their programs left."""
        assert self._rig.node.process is not None
        self._tally.checks += 1
        agent = self._rig.node.process.pid
        settled(agent, self._rig.host.path)
        until(lambda: processes_in(self._rig.host.path) == [agent], what="the programs on the host to end")

    # --- the calls ---

    def _one(self, verb: str, place: Place) -> None:
        self._calls.make([(verb, place)])
        self._judge_all(self._calls.ended)

    def _judge_all(self, ended: Sequence[Begun]) -> None:
        """Those that ran at the same time. What a DEL gave back, another of them may have by now."""
        for one in sorted(ended, key=lambda one: one.verb != "DEL"):
            self._judge_one(one)

    def _judge_one(self, one: Begun) -> None:
        place, verb = one.place, one.verb
        if verb == "DEL" and one.ended is not None:
            self._deleted(one)
        elif place.lost or (one.ended is None and verb != "CHECK"):
            place.phase = Phase.UNSURE
        elif verb == "ADD":
            self._added(one)
        elif one.went_well and place.phase is Phase.UNSURE:
            place.held = self._judge.whole(place)
            place.phase = Phase.STANDING

    def _added(self, one: Begun) -> None:
        place = one.place
        if one.went_well:
            place.held = self._judge.whole(place)
            place.phase = Phase.STANDING
        elif place.phase is Phase.STANDING and self._judge.as_before(place):
            return
        elif self._judge.is_absent(place):
            place.phase, place.held = Phase.ABSENT, None
        elif (one.excused or place.phase is Phase.UNSURE) and self._judge.on_record(place):
            place.phase = Phase.UNSURE
        else:
            self._judge.absent(place, f"after a failed ADD ({one.said})")

    def _deleted(self, one: Begun) -> None:
        place = one.place
        if one.went_well:
            self._judge.absent(place, "after DEL")
            self._gone(place)
        elif place.phase is not Phase.ABSENT:
            place.phase = Phase.UNSURE

    def _gone(self, place: Place) -> None:
        place.phase, place.held, place.ended = Phase.ABSENT, None, True
        if place.lost:
            place.netns, place.lost = self._rig.new_netns(), False
            place.squatters.clear()

    def _ready_for_add(self, place: Place) -> None:
        """A runtime takes away what it has lost, and never gives a name twice."""
        if place.lost:
            self._one("DEL", place)
        if place.ended and place.phase is Phase.ABSENT:
            place.id, place.ended = self._new_id(), False

    # --- the deeds ---

    @singledispatchmethod
    def do(self, deed: Deed) -> None:
        """What is no call of the runtime's is a misfortune."""
        self._misfortunes.do(deed)

    @do.register
    def _(self, deed: Call) -> None:
        places = self.model.places
        calls = [(verb, places[number]) for verb, number in deed.calls]
        for verb, place in calls:
            if verb == "ADD":
                self._ready_for_add(place)
        self._calls.make(calls, deed.trouble, deed.moment)
        self._judge_all(self._calls.ended)

    @do.register
    def _(self, deed: Both) -> None:
        place = self.model.places[deed.place]
        self._ready_for_add(place)
        self._calls.make([(verb, place) for verb in deed.verbs])
        if set(deed.verbs) != {"ADD", "DEL"}:
            self._judge_all(self._calls.ended)
        elif self._judge.is_absent(place):  # the DEL came last, or the ADD failed
            self._gone(place)
        elif all(one.went_well for one in self._calls.ended):
            place.held, place.phase = self._judge.whole(place), Phase.STANDING
        else:
            place.phase = Phase.UNSURE

    @do.register
    def _(self, deed: Collect) -> None:
        places = self.model.places
        forgotten = None if deed.forgotten is None else places[deed.forgotten]
        beside = [places[number] for number in deed.beside]
        for place in beside:
            self._ready_for_add(place)
        excused = self._calls.collect(forgotten, beside)
        for one in self._calls.ended:
            if one.went_well and one.place.phase is Phase.ABSENT and self._judge.is_absent(one.place):
                self._gone(one.place)  # the GC came after it: whole or nothing
            else:
                self._judge_one(one)
        if forgotten is None or forgotten.lost or forgotten.phase is Phase.ABSENT:
            return
        if self._judge.is_absent(forgotten):
            self._gone(forgotten)
        elif not excused:
            self._judge.absent(forgotten, "after GC")
        elif not self._judge.as_before(forgotten):
            forgotten.phase = Phase.UNSURE

    @do.register
    def _(self, deed: Status) -> None:
        self._calls.status()
