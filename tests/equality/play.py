"""Play a case on two machines, call by call, and say where they differ."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from tests.equality.case import RUN, Case, Step
from tests.equality.difference import Difference, between
from tests.equality.differences import CLEARED_UP, DIFFERENCES, STAYS
from tests.equality.machines import Machines, Remote
from tests.equality.normal import Flat, flat_json, given_macs, normal, normal_result
from tests.equality.runner import Driver, Reply

INTERNAL = 999
"""The reference's code for whatever has no code. Ours may know better which it is, so there it is not
compared."""


@dataclass(kw_only=True, slots=True)
class Side:
    """One of the two: a machine, what drives plugins on it, and what they answered so far."""

    machine: Remote
    driver: Driver
    given: frozenset[str]
    results: dict[tuple[str, str], Any] = field(default_factory=dict)
    replies: list[Reply] = field(default_factory=list)

    def prepare(self, case: Case) -> None:
        for path, text in case.files.items():
            self.machine.write(f"{RUN}/{path}", text)
        for room, script in (("host", case.host), ("c1", case.pod)):
            if script:
                self.machine.shell(room, script)

    def call(self, case: Case, step: Step) -> None:
        reply = self.machine.call(self.driver, case.request(step, self.results))
        self.replies.append(reply)
        if step.verb == "ADD" and reply.exit_code == 0:
            self.results[step.key] = reply.objects[0]

    def state(self) -> Flat:
        return normal(self.machine.look(), self.given)

    def seen(self) -> Flat:
        """The state and the last answer, made comparable."""
        state = self.machine.look()
        reply = self.replies[-1]
        flat = {**normal(state, self.given), "exit": reply.exit_code}
        if reply.exit_code:
            return flat | {"code": _code(reply)}
        text = normal_result(reply.stdout.decode(), state, self.given)
        flat["stdout"] = text
        for number, value in enumerate(Reply(exit_code=0, stdout=text.encode()).objects):
            flat |= flat_json("result" if number == 0 else f"result {number + 1}", value)
        return flat


def _code(reply: Reply) -> Any:
    try:
        return reply.objects[0]["code"]
    except (ValueError, IndexError, KeyError, TypeError):
        return f"no error object: {reply.stdout!r} {reply.stderr!r}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What is left over when the differences kept on purpose are taken away, and which of those were met."""

    unexplained: tuple[str, ...]
    met: frozenset[Difference]
    cleared: bool
    """A refused ADD left less than the reference's."""


def play(
    case: Case,
    machines: Machines,
    reference: Driver,
    ours: Driver,
    kept: tuple[Difference, ...] = DIFFERENCES,
) -> Verdict:
    given = given_macs(case.conf, case.steps, case.host, case.pod)
    met: set[Difference] = set()
    unexplained: list[str] = []
    cleared = False
    with (
        machines.new(case.containers, quick_dad=not case.kernel_dad) as left,
        machines.new(case.containers, quick_dad=not case.kernel_dad) as right,
        ThreadPoolExecutor(max_workers=2) as both,
    ):
        sides = [
            Side(machine=left, driver=reference, given=given),
            Side(machine=right, driver=ours, given=given),
        ]
        list(both.map(lambda side: side.prepare(case), sides))
        for number, step in enumerate(case.steps, 1):
            refused_add = step.verb == "ADD" and case.must_fail(number) and case.name in CLEARED_UP
            before = sides[1].state() if refused_add else {}
            list(both.map(lambda side, step=step: side.call(case, step), sides))
            where = f"call {number}, {step.verb} {step.container} {step.ifname}"
            if (sides[0].replies[-1].exit_code != 0) is not case.must_fail(number):
                unexplained += [f"{where}: the row says otherwise of the reference", *_said(sides)]
                break
            # What the kernel still does on its own account when all looks quiet (a route that follows an
            # address) must come out the same within a moment; what doesn't is a difference.
            deadline = time.monotonic() + 2
            while True:
                one, other = both.map(Side.seen, sides)
                found = _judge(case.name, step.verb, one, other, kept, met)
                if found and refused_add:
                    cleared = True
                    found = _left_over(before, other)
                if not found or time.monotonic() > deadline:
                    break
            if found:
                unexplained += [f"{where}: {line}" for line in found] + _said(sides)
                break  # whatever comes after would only repeat it
    return Verdict(unexplained=tuple(unexplained), met=frozenset(met), cleared=cleared)


def _left_over(before: Flat, now: Flat) -> list[str]:
    """What a refused ADD of ours has changed for good: nothing, but for what is listed as staying."""
    return [
        f"a refused ADD left {path}: before {one!r}, now {other!r}"
        for path, one, other in between(before, {k: v for k, v in now.items() if k not in ("exit", "code")})
        if not any(fnmatchcase(path, pattern) for pattern in STAYS)
    ] + ([] if now["exit"] else ["ours did not refuse it"])


def _judge(
    case: str,
    verb: str,
    reference: Flat,
    ours: Flat,
    kept: tuple[Difference, ...],
    met: set[Difference],
) -> list[str]:
    found = []
    same_result = True
    for path, one, other in between(reference, ours):
        if path == "stdout" or (path == "code" and one == INTERNAL):
            continue
        same_result = same_result and not path.startswith("result")
        covering = [entry for entry in kept if entry.covers(case, verb, path, one, other)]
        met.update(covering)
        if not covering:
            found.append(f"{path}: the reference {one!r}, ours {other!r}")
    # Where both say the same, they say it with the same bytes.
    if same_result and reference.get("stdout") != ours.get("stdout") and reference["exit"] == ours["exit"]:
        found.append(f"stdout: the reference\n{reference['stdout']}\nours\n{ours['stdout']}")
    return found


def _said(sides: list[Side]) -> list[str]:
    return [
        f"{name} said: exit {side.replies[-1].exit_code} {_short(side.replies[-1])}"
        for name, side in zip(("the reference", "ours"), sides, strict=True)
    ]


def _short(reply: Reply) -> str:
    try:
        said = json.dumps(reply.objects)
    except ValueError:
        said = repr(reply.stdout)
    return f"{said} {reply.stderr.decode(errors='replace')[-500:]}"


def stale(case: Case, verdict: Verdict) -> list[str]:
    """What is listed, with this case as its witness, and was not met in it."""
    gone = [entry.why for entry in DIFFERENCES if entry.seen == case.name and entry not in verdict.met]
    if case.name in CLEARED_UP and not verdict.cleared:
        gone.append(CLEARED_UP[case.name])
    return gone
