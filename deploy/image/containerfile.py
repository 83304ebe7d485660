"""As much of a Containerfile as ours uses, read: its stages, its arguments, and what the image is started with.

Whoever makes the image without an engine takes the configuration from there, so that there is one of it.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).parent / "Containerfile"
VARIABLE: Final = re.compile(r"\$\{?(\w+)\}?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Instruction:
    """``ARG``, ``COPY``..., and the rest of the line; lines that go on are one."""

    word: str
    rest: str

    @property
    def pairs(self) -> dict[str, str]:
        """Of ``NAME=value NAME="other value"``."""
        return dict(part.partition("=")[::2] for part in shlex.split(self.rest))


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    base: str
    """With its variables, as it is written."""
    name: str
    platform: str
    instructions: tuple[Instruction, ...]

    def all(self, word: str) -> list[Instruction]:
        return [one for one in self.instructions if one.word == word]


@dataclass(frozen=True, kw_only=True, slots=True)
class Containerfile:
    arguments: Mapping[str, str]
    """What may be said with --build-arg before the first stage, and what is meant where it is not said."""
    stages: tuple[Stage, ...]

    @classmethod
    def read(cls, text: str) -> Containerfile:
        arguments: dict[str, str] = {}
        stages: list[Stage] = []
        for one in _instructions(text):
            if one.word == "FROM":
                stages.append(_stage(one.rest))
            elif stages:
                last = stages[-1]
                stages[-1] = Stage(
                    base=last.base,
                    name=last.name,
                    platform=last.platform,
                    instructions=(*last.instructions, one),
                )
            else:
                arguments |= one.pairs
        return cls(arguments=arguments, stages=tuple(stages))

    def config(self, **said: str) -> dict[str, Any]:
        """What the image is started with, as an engine writes it; ``said`` are build arguments."""
        last = self.stages[-1]
        known = {**self.arguments}
        for one in last.all("ARG"):
            known |= {name: value or known.get(name, "") for name, value in one.pairs.items()}
        known |= said

        def value(text: str) -> str:
            return VARIABLE.sub(lambda found: known[found[1]], text)

        def merged(word: str) -> dict[str, str]:
            return {name: value(text) for one in last.all(word) for name, text in one.pairs.items()}

        return {
            "User": value(last.all("USER")[-1].rest),
            "WorkingDir": value(last.all("WORKDIR")[-1].rest),
            "Env": [f"{name}={text}" for name, text in merged("ENV").items()],
            "Entrypoint": json.loads(last.all("ENTRYPOINT")[-1].rest),
            "Cmd": json.loads(last.all("CMD")[-1].rest),
            "Labels": merged("LABEL"),
        }


def _instructions(text: str) -> list[Instruction]:
    kept = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    whole = re.sub(r"\\\n\s*", "", "\n".join(kept))
    return [Instruction(word=line.split()[0], rest=line.split(None, 1)[1]) for line in whole.splitlines()]


def _stage(rest: str) -> Stage:
    found = re.fullmatch(r"(?:--platform=(\S+) )?(\S+)(?: AS (\S+))?", rest)
    assert found is not None, rest
    return Stage(base=found[2], name=found[3] or "", platform=found[1] or "", instructions=())
