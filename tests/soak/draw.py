"""The sequence that a seed and a number stand for: the same on every machine, since nothing else goes into it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.soak.deeds import (
    PLACES,
    Both,
    Call,
    Collect,
    Cut,
    Deed,
    Define,
    Disk,
    Fill,
    Jump,
    Lose,
    Restart,
    Sequence,
    Server,
    Squat,
    SquatHost,
    Status,
    Trouble,
)
from tests.soak.gateway import Mood
from tests.soak.networks import FURTHER

LENGTH = 24
"""Deeds of a sequence: long enough for what stays behind to meet what comes, short enough to be read."""
MOST_NETWORKS = 3
MOST_AT_ONCE = 4
HOUR = 3600

VERBS = ("ADD", "DEL", "CHECK")
VERB_WEIGHTS = (5, 4, 2)
TROUBLE_IN = 0.35
"""This part of the calls meets with trouble."""


def sequence(seed: int, number: int) -> Sequence:
    random = Random(f"{seed}/{number}")
    pods = tuple(_networks(random) for _ in range(PLACES))
    return Sequence(seed=seed, number=number, pods=pods, deeds=tuple(_deed(random) for _ in range(LENGTH)))


def _networks(random: Random) -> tuple[str, ...]:
    """Of different kinds; now and then one of them twice, as a pod may have it. Those with few addresses, or whose
    program can be killed, come more often. What the reference's ptp makes stands alone in its subnet: it refuses a
    route that is there.
    """
    names = random.choices(
        sorted(FURTHER),
        [3 if network.room or network.program else 1 for _, network in sorted(FURTHER.items())],
        k=random.randint(0, MOST_NETWORKS),
    )
    point = next((name for name in names if FURTHER[name].program), None)
    return tuple(
        name
        for number, name in enumerate(names)
        if point is None or FURTHER[name].subnets != FURTHER[point].subnets or number == names.index(point)
    )


def _deed(random: Random) -> Deed:
    (draw,) = random.choices(list(_DRAWS), weights=list(_DRAWS.values()))
    return draw(random)


def _call(random: Random) -> Deed:
    count = random.choices((1, 2, MOST_AT_ONCE), weights=(6, 2, 2))[0]
    verbs = random.choices(VERBS, VERB_WEIGHTS, k=count)
    calls = tuple(zip(verbs, random.sample(range(PLACES), count), strict=True))
    if random.random() > TROUBLE_IN:
        return Call(calls)
    return Call(calls, random.choice(list(Trouble)), round(random.random(), 3))


def _both(random: Random) -> Deed:
    first, second = random.choices(VERBS, VERB_WEIGHTS, k=2)
    return Both((first, second), random.randrange(PLACES))


def _collect(random: Random) -> Deed:
    forgotten, *beside = random.sample(range(PLACES), random.choice((1, 1, 3)))
    return Collect(forgotten if random.random() < 0.6 else None, tuple(beside))


def _status(random: Random) -> Deed:
    return Status()


def _server(random: Random) -> Deed:
    return Server(random.choice([mood for mood in Mood if mood is not Mood.FAIR]))


def _fair(random: Random) -> Deed:
    return Server(Mood.FAIR)


def _cut(random: Random) -> Deed:
    return Cut()


def _fill(random: Random) -> Deed:
    return Fill(random.choice(("state", "ipam")), random.choice(list(Disk)))


def _free(random: Random) -> Deed:
    return Fill(random.choice(("state", "ipam")), None)


def _define(random: Random) -> Deed:
    return Define(random.choice(sorted(FURTHER)), random.random() < 0.75)


def _lose(random: Random) -> Deed:
    return Lose(random.randrange(PLACES))


def _squat(random: Random) -> Deed:
    return Squat(random.randrange(PLACES), random.choice(("net1", "net2", "other0")))


def _squat_host(random: Random) -> Deed:
    return SquatHost(random.random() < 0.5)


def _jump(random: Random) -> Deed:
    return Jump(random.choice((-HOUR, HOUR, 24 * HOUR, 400 * 24 * HOUR)))


def _restart(random: Random) -> Deed:
    return Restart(random.random() < 0.5, random.randrange(3))


_DRAWS: dict[Callable[[Random], Deed], float] = {
    _call: 60,
    _both: 5,
    _collect: 8,
    _status: 3,
    _server: 4,
    _fair: 6,
    _cut: 2,
    _fill: 2.5,
    _free: 4,
    _define: 5,
    _lose: 3,
    _squat: 3,
    _squat_host: 2,
    _jump: 3,
    _restart: 2,
}
"""How often each is drawn, beside the others."""
