"""Feed every reader what it was not written for: ``python -m tests.fuzz``, which is `make fuzz`.

What went wrong is printed with its number; ``--seed SEED --surface NAME --only NUMBER`` does just that again.
The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time

from multinet import log
from tests.fuzz.engine import Figures, run
from tests.fuzz.surfaces import SURFACES
from tests.shim import fuzzing

SHIM = "frames and settings of the shim"
MOST_SEEDS = 2**32
MOST_SHIM_RUNS = 10_000_000
"""More than libFuzzer has time for where seconds are given."""


def main(argv: list[str]) -> int:
    asked = _options().parse_args(argv)
    log.set_up("error")
    seed = random.randrange(MOST_SEEDS) if asked.seed is None else asked.seed
    chosen = [one for one in SURFACES if asked.surface in one.name]
    print(f"seed {seed}: {len(chosen)} surfaces in Python", flush=True)
    done = []
    for one in chosen:
        figures = run(one, seed, runs=asked.runs, seconds=asked.seconds or float("inf"), only=asked.only)
        _tell(figures, seed)
        done.append(figures)
    if not asked.surface or asked.surface in SHIM:
        done.append(_shim(seed, asked.runs, asked.seconds))
        _tell(done[-1], seed)
    inputs, defects = sum(one.inputs for one in done), sum(len(one.defects) for one in done)
    rows = {
        one.surface: {"inputs": one.inputs, "refused": one.refused, "seconds": round(one.seconds, 1)}
        for one in done
    }
    print(json.dumps({"seed": seed, "inputs": inputs, "defects": defects, "surfaces": rows}))
    return 1 if defects else 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=0, help="inputs a surface; 0: as many as there is time for"
    )
    parser.add_argument(
        "--seconds", type=float, default=0.0, help="for a surface; 0: until all runs are done"
    )
    parser.add_argument("--seed", type=int, help="by default another one each time")
    parser.add_argument("--surface", default="", help="only those with that in their name")
    parser.add_argument("--only", type=int, help="only the input of that number")
    return parser


def _tell(figures: Figures, seed: int) -> None:
    """One row of the table; below it whatever went wrong."""
    print(
        f"{figures.surface:42} {figures.inputs:>10,} inputs {figures.refused:>10,} refused "
        f"{figures.seconds:7.1f} s {figures.grown_kib >> 10:5} MiB {len(figures.defects)} defects",
        flush=True,
    )
    for defect in figures.defects.values():
        print(f"  {defect.what}")
        print(
            f"  again: python -m tests.fuzz --seed {seed} --surface {figures.surface!r} --only {defect.number}"
        )
        print("".join(f"    {line}\n" for line in [*defect.trace.splitlines(), defect.input]), flush=True)


def _shim(seed: int, runs: int, seconds: float) -> Figures:
    """libFuzzer on the C that the runtime executes."""
    began = time.monotonic()
    done = fuzzing.fuzz(runs or MOST_SHIM_RUNS, seed=seed % 2**31 + 1, seconds=seconds)
    counted = re.search(r"Done (\d+) runs", done.stdout)
    figures = Figures(
        surface=SHIM, inputs=int(counted[1]) if counted else 0, seconds=time.monotonic() - began
    )
    if done.returncode:
        figures.fail("libFuzzer found something", trace=done.stdout)
    return figures


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
