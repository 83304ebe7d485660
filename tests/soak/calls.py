"""The runtime's calls, alone or at once, and the trouble that comes in the middle of one."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.soak import look
from tests.soak.deeds import Disk, Trouble
from tests.soak.gateway import Mood
from tests.soak.model import Found, May, Model, Phase, Place
from tests.soak.rig import Rig
from tests.soak.tally import Tally
from tests.support.caller import Shim
from tests.support.node import Said
from tests.support.wait import until

CALL_SECONDS: Final = 60.0
"""No call takes longer, whatever is wrong: the shim itself waits half a minute for an agent."""
OURS: Final = frozenset(map(str, (2, 4, 5, 7, 8, 11, 50, 51, 999)))
"""Codes of our errors that a good call may get (``multinet.errors``). A program of the host has codes of its own."""

EXHAUSTED: Final = b"no IP addresses available"


@dataclass(kw_only=True, slots=True)
class Begun:
    """A call. ``ended`` None: nobody heard how."""

    verb: str
    place: Place
    may: May
    process: subprocess.Popen[bytes] | None = None
    ended: Said | None = None
    excused: bool = False
    """Something was done to the node that may keep a failed ADD from being undone at once."""

    @property
    def went_well(self) -> bool:
        return self.ended is not None and self.ended.code == 0

    @property
    def said(self) -> str:
        return self.ended.stdout.decode() if self.ended is not None else ""


class Calls:
    def __init__(self, rig: Rig, model: Model, tally: Tally) -> None:
        self._rig = rig
        self._model = model
        self._tally = tally
        self.ended: list[Begun] = []
        """The last ones."""

    def make(
        self, calls: Sequence[tuple[str, Place]], trouble: Trouble | None = None, moment: float = 0.0
    ) -> None:
        """From begin to end. Raises Found for an answer that may not be."""
        self._spare_the_reference([place for _, place in calls])
        leases = look.leases(self._rig.node.ipam)
        adding = [place for verb, place in calls if verb == "ADD"]
        at_once = len(calls) > len({place.number for _, place in calls})
        self.ended = [
            Begun(
                verb=verb,
                place=place,
                may=May.EITHER
                if at_once and verb == "CHECK"
                else self._may(verb, place, adding, leases, len(calls) == 1),
                excused=bool(self._model.weather.disks),
            )
            for verb, place in calls
        ]
        (verb, first), *_ = calls
        if trouble is Trouble.HANG_UP:
            self._rig.wait_alive()
        if trouble is Trouble.KILL_PLUGIN:
            self._order_death(verb, moment)
        elif trouble is not None:
            self._rig.arm(
                "KILL" if trouble in (Trouble.KILL_AGENT, Trouble.KILL_BOTH) else "STOP",
                self._rig.step_at(verb, first.names, moment),
            )
        began = time.monotonic()
        client = self._begin(hang_up=trouble is Trouble.HANG_UP)
        try:
            if trouble is not None and trouble is not Trouble.KILL_PLUGIN:
                self._wait_for(trouble, client)
        finally:
            if client is not None:
                client.hang_up()
        for one in self.ended:
            if one.process is not None:
                self._end(one)
        self._tally.slowest = max(self._tally.slowest, time.monotonic() - began)
        if trouble is Trouble.KILL_PLUGIN:
            self._take_back_orders(verb)
        for one in self.ended:
            self._hold(one)

    def _spare_the_reference(self, places: Sequence[Place]) -> None:
        """Its host-local says that it has given back what it could not remove from a read-only disk, and nobody after
        it can know better.
        """
        disks = self._model.weather.disks
        if disks.get("ipam") is Disk.READ_ONLY and any(place.runs_programs for place in places):
            self._rig.disks.fill("ipam", None)
            del disks["ipam"]

    def _may(self, verb: str, place: Place, adding: Sequence[Place], leases: Any, alone: bool) -> May:
        if verb == "ADD":
            return self._model.may_add(place, adding, leases, alone=alone)
        return self._model.may_delete(place) if verb == "DEL" else self._model.may_check(place)

    def _begin(self, *, hang_up: bool) -> Shim | None:
        """Those who will hang up are no real shims: a process can't be told to close its socket."""
        client = None
        for number, one in enumerate(self.ended):
            if number == 0 and hang_up:
                client = self._say(one)
            else:
                one.process = self._rig.node.begin(one.verb, one.place.sandbox)
        return client

    def _say(self, one: Begun) -> Shim:
        sandbox = one.place.sandbox
        env = self._rig.node.environment(one.verb, sandbox)
        for name in ("CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS"):
            env.pop(name)
        client = Shim(self._rig.node.socket, seconds=CALL_SECONDS)
        files = [
            os.open(path, os.O_RDONLY)
            for path in (self._rig.host.path, sandbox.netns)
            if os.path.exists(path)
        ]
        try:
            return client.call(
                one.verb,
                sandbox.id,
                netns=sandbox.netns,
                stdin=self._rig.node.conf(sandbox),
                fds=files,
                **env,
            )
        finally:
            for file in files:
                os.close(file)

    # --- trouble ---

    def _wait_for(self, trouble: Trouble, client: Shim | None) -> None:
        """It comes, or the calls end before it can."""
        rig = self._rig
        fatal = trouble in (Trouble.KILL_AGENT, Trouble.KILL_BOTH)
        first = self.ended[0]

        def came() -> bool:
            return rig.died if fatal else rig.stopped

        def over() -> bool:
            heard = client is None or select.select([client.socket], [], [], 0)[0]
            return bool(heard) and all(
                one.process is None or one.process.poll() is not None for one in self.ended
            )

        until(lambda: came() or over(), seconds=CALL_SECONDS, what="the trouble, or the end of the calls")
        if not came() and rig.disarm():
            return
        until(came, seconds=CALL_SECONDS, what="the agent to feel what it was told")
        self._tally.faults[str(trouble)] += 1
        self._tally.moments.add(kind_of(rig.last_step()))
        for one in self.ended:
            one.excused = True
        if trouble in (Trouble.KILL_SHIM, Trouble.KILL_BOTH):
            assert first.process is not None
            first.process.kill()
            first.process.communicate()
            first.process = None
        if client is not None:
            client.reset()
        if trouble is Trouble.LOSE_NETNS and not first.place.lost:
            self.lose(first.place)
            if first.verb != "DEL":
                first.may = May.EITHER
        if fatal:
            rig.node.process = None
            self.start_again()
            for one in self.ended:  # the next agent has to ask for definitions that the last one knew
                if one.verb == "ADD" and one.place.names and self._model.weather.unheard:
                    one.may = May.EITHER if one.may is May.SUCCEED else one.may
        else:
            rig.go_on()

    def lose(self, place: Place) -> None:
        self._rig.host.run("ip", "netns", "delete", place.netns.name)
        place.lost = True
        if place.phase is not Phase.ABSENT:
            place.phase = Phase.UNSURE

    def start_again(self) -> None:
        """The next agent. Ready it can only be when there is an API server."""
        weather = self._model.weather
        fair = weather.server is Mood.FAIR and "state" not in weather.disks
        weather.unheard |= weather.server is not Mood.FAIR
        self._rig.start(ready=fair)

    def _order_death(self, verb: str, moment: float) -> None:
        when = "before" if moment < 0.25 else "after" if moment > 0.75 else f"{(moment - 0.25) / 20:.4f}"
        (self._rig.orders / verb).write_text(f"{when}\n")
        for one in self.ended:
            if one.place.runs_programs:
                one.may = May.EITHER if one.may is May.SUCCEED else one.may
                one.excused = True

    def _take_back_orders(self, verb: str) -> None:
        if (order := self._rig.orders / verb).exists():
            order.unlink()
        else:
            self._tally.faults[str(Trouble.KILL_PLUGIN)] += 1

    # --- answers ---

    def _end(self, one: Begun) -> None:
        assert one.process is not None
        one.ended = self._heard(one.process, f"{one.verb} of {one.place}")

    def _heard(self, process: subprocess.Popen[bytes], what: str) -> Said:
        try:
            said = self._rig.node.end(process)
        except subprocess.TimeoutExpired as error:
            self._rig.say_what_it_does()
            raise Found(f"{what} was not answered within {error.timeout:g} s") from None
        if said.stderr:
            raise Found(f"{what} said on stderr: {said.stderr.decode()}")
        return said

    def _hold(self, one: Begun) -> None:
        """May it end so?"""
        if one.ended is None:
            self._tally.call(one.verb, None)
            return
        what = f"{one.verb} of {one.place}, which was {one.place.phase},"
        self._hold_to(one.verb, what, one.may, one.ended, theirs=one.place.runs_programs)

    def _hold_to(self, verb: str, what: str, may: May, said: Said, *, theirs: bool = False) -> None:
        """``theirs``: may the code be a program's?"""
        self._tally.checks += 1
        code = code_of(said)
        self._tally.call(verb, code)
        if EXHAUSTED in said.stdout:
            self._tally.faults["addresses exhausted"] += 1
        if said.code == 0 and may is May.FAIL:
            raise Found(f"{what} succeeded, and {self._why()} it {may}")
        if said.code and may is May.SUCCEED:
            raise Found(f"{what} failed, and {self._why()} it {may}: {said.stdout.decode()}")
        if said.code and ((code not in OURS and not theirs) or _is_internal(said)):
            raise Found(f"{what} was answered with no error of ours: {said.stdout.decode()}")

    def _why(self) -> str:
        weather = self._model.weather
        words = [f"with the API server {weather.server}"]
        words += [f"the disk of {folder} {how}" for folder, how in weather.disks.items()]
        return ", ".join(words)

    # --- calls for no pod ---

    def collect(self, forgotten: Place | None, beside: Sequence[Place]) -> bool:
        """GC, with ADDs at the same time, which its list only names if they stood before. Was there an excuse for not
        clearing up? What a request still works on is no excuse: that is waited for.
        """
        model = self._model
        self._spare_the_reference(model.places)
        until(self._rig.at_rest, seconds=CALL_SECONDS, what="the agent to be at rest")
        valid = [
            {"containerID": place.id, "ifname": "eth0"}
            for place in model.places
            if place is not forgotten and place.phase is not Phase.ABSENT
        ]
        leases = look.leases(self._rig.node.ipam)
        self.ended = [
            Begun(
                verb="ADD",
                place=place,
                may=model.may_add(place, beside, leases),
                excused=bool(model.weather.disks),
            )
            for place in beside
        ]
        more: dict[str, Any] = {"cni.dev/valid-attachments": valid}
        gc = self._rig.node.begin("GC", stdin=self._rig.node.conf(None, **more))
        for one in self.ended:
            one.process = self._rig.node.begin("ADD", one.place.sandbox)
        said = self._heard(gc, "GC")
        for one in self.ended:
            self._end(one)
            self._hold(one)
        self._hold_to("GC", "GC", model.may_collect(), said, theirs=True)
        return bool(said.code) or model.weather.clock_back or bool(model.weather.disks)

    def status(self) -> None:
        said = self._heard(self._rig.node.begin("STATUS"), "STATUS")
        self._hold_to("STATUS", "STATUS", self._model.may_status(), said)


def code_of(said: Said) -> str:
    """The error's code; "" for success. Raises Found for an end that no runtime could read."""
    if said.code == 0:
        return ""
    try:
        code, message = said.json["code"], said.json["msg"]
    except (ValueError, KeyError, TypeError):
        raise Found(f"exit status {said.code}, and no error can be read: {said.stdout!r}") from None
    if not isinstance(code, int) or code <= 0 or not isinstance(message, str) or not message:
        raise Found(f"exit status {said.code}, and the error is none: {said.stdout!r}")
    return str(code)


def _is_internal(said: Said) -> bool:
    return b"internal error" in said.stdout or b"Traceback" in said.stdout


def kind_of(step: str) -> str:
    """A step without its names: what was about to be done."""
    return " ".join(word for word in step.split() if word.isalpha() and word.islower())
