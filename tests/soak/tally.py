"""What was tried, counted."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Tally:
    seed: int
    began: float = field(default_factory=time.monotonic)
    sequences: int = 0
    steps: int = 0
    checks: int = 0
    """Looks at one pod, at the host, at the disk or at the API server, and statements about one of them."""
    verbs: Counter[str] = field(default_factory=Counter)
    """``ADD``: calls; ``ADD refused``: those that were answered with an error; ``ADD unheard``: not at all."""
    faults: Counter[str] = field(default_factory=Counter)
    """Those that took effect, by kind."""
    codes: Counter[str] = field(default_factory=Counter)
    moments: set[str] = field(default_factory=set)
    """Kinds of steps before which the agent was killed or held."""
    slowest: float = 0.0
    found: list[str] = field(default_factory=list)

    def call(self, verb: str, code: str | None) -> None:
        """``code`` "": it went well; None: nobody heard how it ended."""
        self.verbs[verb] += 1
        if code is None:
            self.verbs[f"{verb} unheard"] += 1
        elif code:
            self.verbs[f"{verb} refused"] += 1
            self.codes[code] += 1

    def figures(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "sequences": self.sequences,
            "steps": self.steps,
            "seconds": round(time.monotonic() - self.began),
            "calls": sum(count for verb, count in self.verbs.items() if " " not in verb),
            "verbs": dict(sorted(self.verbs.items())),
            "codes": dict(sorted(self.codes.items())),
            "faults": sum(self.faults.values()),
            "faults_by_kind": dict(sorted(self.faults.items())),
            "moments": len(self.moments),
            "checks": self.checks,
            "slowest_call_seconds": round(self.slowest, 2),
            "found": len(self.found),
        }

    def table(self) -> str:
        figures = self.figures()
        rows = [
            ("sequences", figures["sequences"]),
            ("steps", figures["steps"]),
            ("seconds", figures["seconds"]),
            *((verb, count) for verb, count in figures["verbs"].items()),
            *((f"error code {code}", count) for code, count in figures["codes"].items()),
            *((f"fault: {kind}", count) for kind, count in figures["faults_by_kind"].items()),
            ("faults together", figures["faults"]),
            ("places in the agent's work where it was disturbed", figures["moments"]),
            ("checks", figures["checks"]),
            ("slowest call, seconds", figures["slowest_call_seconds"]),
            ("found", figures["found"]),
        ]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:{width}} {value:>10}" for name, value in rows)

    def line(self) -> str:
        return json.dumps(self.figures())
