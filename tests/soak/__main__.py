"""``python -m tests.soak --steps N --seed S``: what `make soak` runs. The last line is JSON.

``--sequence`` plays that one of the seed's sequences and no other. Whoever interrupts it is told how far it came. The
exit status is 1 when something was found.
"""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.soak.draw import sequence
from tests.soak.soak import find, rigs, soak
from tests.soak.tally import Tally
from tests.support import kubeobjects, world
from tests.support.controlplane import ControlPlane
from tests.support.node import ROOT, SHIM

STEPS = 2000


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 31))
    parser.add_argument("--sequence", type=int)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    world.enter()
    tally = Tally(seed=asked.seed)
    with suppress(KeyboardInterrupt):
        run(asked.seed, asked.steps, asked.sequence, tally)
    print(tally.table())
    print(tally.line())
    return 1 if tally.found else 0


def run(seed: int, steps: int, number: int | None, tally: Tally) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="mn-soak-") as folder,
        ControlPlane(Path(folder, "plane")) as plane,
    ):
        kubeobjects.install(plane)
        new_rig = rigs(plane, ROOT / ".cache" / "peers", SHIM)
        if number is None:
            soak(seed, steps, new_rig, tally, say)
            return
        with new_rig() as rig:
            if why := find(sequence(seed, number), new_rig, rig, tally):
                tally.found.append(why)
                say(why)


def say(words: str) -> None:
    print(words, flush=True)


if __name__ == "__main__":
    sys.exit(main())
