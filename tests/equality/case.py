"""What a row of the table is made of: a configuration, what is there before, and which verbs are called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.equality.runner import Request

Conf = Mapping[str, Any]
Verb = Literal["ADD", "CHECK", "DEL", "GC", "STATUS", "VERSION"]

RUN = "/run/case"
"""A folder of the case's own, on either machine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One call. ``conf`` None is the case's. CHECK and DEL get the last result of their container and
    interface as prevResult, from cniVersion 0.4.0 on, as libcni does it."""

    verb: Verb
    conf: Conf | None = None
    container: str = "c1"
    ifname: str = "eth0"
    args: str = ""
    netns: str | None = None
    """None: the container's path."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables to put in, or with "" to leave out."""
    prev: bool = True

    @property
    def key(self) -> tuple[str, str]:
        return self.container, self.ifname


def add(**changes: Any) -> Step:
    return Step(verb="ADD", **changes)


def check(**changes: Any) -> Step:
    return Step(verb="CHECK", **changes)


def delete(**changes: Any) -> Step:
    return Step(verb="DEL", **changes)


LIFE = (add(), check(), delete())
"""The whole life of an attachment."""

DELETED_TWICE = (*LIFE, delete())
"""The second DEL finds nothing and says success."""


def life(**changes: Any) -> tuple[Step, ...]:
    """The same, of another container or interface, or with arguments."""
    return add(**changes), check(**changes), delete(**changes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """``name`` starts with the type it is about; differences name cases by it."""

    name: str
    conf: Conf
    steps: tuple[Step, ...] = LIFE
    containers: tuple[str, ...] = ("c1",)
    host: str = ""
    """A shell script to be run in the host namespace first."""
    pod: str = ""
    """... and in c1."""
    files: Mapping[str, str] = field(default_factory=dict)
    kernel_dad: bool = False
    """Leave duplicate address detection as slow as the kernel's defaults."""
    fails: tuple[int, ...] = ()
    """The calls, counted from 1, that the reference refuses. It is held to that, so that no row is empty by
    mistake."""
    uml: bool = False
    """Needs a kernel with 8021q, for VLANs."""

    def must_fail(self, number: int) -> bool:
        step = self.steps[number - 1]
        # CHECK came with 0.4.0, and whatever has a life is asked for it all the same.
        too_old = step.verb == "CHECK" and not takes_prev_result(
            self.conf if step.conf is None else step.conf
        )
        return too_old or number in self.fails

    def request(self, step: Step, results: Mapping[tuple[str, str], Any]) -> Request:
        conf = dict(self.conf if step.conf is None else step.conf)
        if step.verb in ("CHECK", "DEL") and step.prev and takes_prev_result(conf) and step.key in results:
            conf["prevResult"] = results[step.key]
        env = {
            "CNI_COMMAND": step.verb,
            "CNI_CONTAINERID": f"id-{step.container}",
            "CNI_NETNS": f"/run/netns/{step.container}" if step.netns is None else step.netns,
            "CNI_IFNAME": step.ifname,
            "CNI_ARGS": step.args,
            **step.env,
        }
        return Request(
            type=str(conf["type"]),
            env={name: value for name, value in env.items() if value},
            stdin=json.dumps(conf).encode(),
        )


def takes_prev_result(conf: Conf) -> bool:
    return conf.get("cniVersion", "0.1.0") in ("0.4.0", "1.0.0", "1.1.0")
