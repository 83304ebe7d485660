"""Measure side by side in one run; README.md says what and how.

The last line is JSON, an object of named figures. Exits non-zero when a figure can't be had, and not because
of what it is: this is a measurement and not a test. BENCH_ONLY=process,shim,agent,cli chooses parts.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import agent
import cli
import process
import shim
from contenders import Failed
from figures import Figures, show_all
from world import World

PARTS = {"process": process, "shim": shim, "agent": agent, "cli": cli}


def main() -> int:
    if os.geteuid() != 0:
        print("bench: it makes network namespaces: run it as root", file=sys.stderr)
        return 1
    asked = list(filter(None, os.environ.get("BENCH_ONLY", "").split(","))) or list(PARTS)
    if unknown := set(asked) - set(PARTS):
        print(f"bench: there is no part {', '.join(sorted(unknown))}: {', '.join(PARTS)}", file=sys.stderr)
        return 1
    for program in (program for name in asked for program in PARTS[name].PROGRAMS):
        if not program.exists():
            print(f"bench: {program} is missing: `make setup` builds it", file=sys.stderr)
            return 1
    figures: Figures = {}
    try:
        world = World.enter()
        for name in asked:
            figures |= PARTS[name].measure(world)
    except (Failed, OSError, AssertionError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    show_all(figures)
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
