"""The shim alone, beside a program that does nothing."""

from __future__ import annotations

import json
import random
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from contenders import Failed, environment
from execute import Execution
from figures import Figures, Series, head, show
from world import World

from tests.support.node import ROOT, SHIM

NOOP = ROOT / ".cache" / "c" / "noop"
ANSWER = ROOT / ".cache" / "c" / "answer"
PROGRAMS = (SHIM, NOOP, ANSWER)

ROUNDS = 300
WARM_UP = 20
CONF = {
    "cniVersion": "1.1.0",
    "name": "multinet",
    "type": "multinet",
    "runtimeConfig": {"io.kubernetes.cri.pod-annotations": {"k8s.v1.cni.cncf.io/networks": "net-a,net-b"}},
}


def measure(world: World) -> Figures:
    """VERSION is answered by the shim itself; ADD by a program that answers whatever it is asked."""
    conf = json.dumps(CONF).encode()
    socket = world.folder / "answer.sock"
    with ExitStack() as stack:
        (netns,) = stack.enter_context(world.containers(1))
        stack.enter_context(answering(socket))
        env = {**environment("ADD", "container-1", netns, world.folder), "MULTINET_SOCKET": str(socket)}
        runs = {
            "no-op": Execution(NOOP, env, conf),
            "shim, VERSION": Execution(SHIM, {**env, "CNI_COMMAND": "VERSION"}, conf),
            "shim, a trivial answer": Execution(SHIM, env, conf),
        }
        for one in runs.values():
            stack.enter_context(one)
        costs: dict[str, Series] = defaultdict(Series)
        for number in range(WARM_UP + ROUNDS):
            for name in random.sample(list(runs), len(runs)):
                cost = runs[name].run()
                if number >= WARM_UP:
                    costs[name].costs.append(cost)
    head(f"start to exit, medians of {ROUNDS}, ms")
    for name in runs:
        show(name, costs[name])
    noop = costs["no-op"].wall
    version, answer = (costs[f"shim, {words}"].wall / noop for words in ("VERSION", "a trivial answer"))
    return {
        "shim_wall_vs_noop": max(version, answer),
        "shim_version_wall_vs_noop": version,
        "shim_answer_wall_vs_noop": answer,
    }


@contextmanager
def answering(socket: Path) -> Iterator[None]:
    with subprocess.Popen([ANSWER, socket], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            if process.stdout.readline() != b"listening\n":
                raise Failed(f"{ANSWER} does not listen")
            yield
        finally:
            process.kill()
