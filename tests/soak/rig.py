"""The node that a soak is played on: the real agent and shim, the real API server behind a gateway, disks that fail.

It is started once and serves many sequences; what one of them left wrong is thrown away with it.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.soak import look
from tests.soak.clocks import CLOCKS, clock
from tests.soak.disks import Disks
from tests.soak.dying import plugins
from tests.soak.gateway import Gateway
from tests.soak.model import Definitions
from tests.soak.networks import ALL, FURTHER
from tests.support import kubeobjects
from tests.support import netns as namespaces
from tests.support.controlplane import ControlPlane
from tests.support.netns import Netns
from tests.support.node import NETWORKS, AgentNode, Sandbox
from tests.support.wait import until

SETTLE_SECONDS: Final = 20.0
"""For what comes by itself: agents start, namespaces go, late statuses are told, watches come back."""
OK: Final = 200
RECONCILE_SECONDS: Final = 2
"""What nothing comes for is cleared in rounds; often, so that they meet with everything else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """What the node holds when no pod is there, after the first one has been there."""

    host: look.Host
    files: frozenset[str]


class Rig:
    """``folder``: short, since there are sockets in it."""

    def __init__(self, folder: Path, plane: ControlPlane, peers: Path, shim: Path) -> None:
        self.plane = plane
        self.folder = folder
        self._stack = ExitStack()
        self.disks = Disks(folder)
        self._peers = peers
        self._shim = shim
        self.clocks: list[Path] = []
        self.orders = folder / "orders"
        """Where the plugin that can be killed looks for its order, by the verb."""
        self.definitions = Definitions()

    def __enter__(self) -> Self:
        try:
            self._set_up()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _set_up(self) -> None:
        self.folder.mkdir(parents=True)
        self.host = self.new_netns("host")
        self.host.ip("link", "set", "lo", "up")
        self.host.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
        for name in ("up0", "up1"):
            self.host.ip("link", "set", name, "up")
        self.gateway = self._stack.enter_context(Gateway(self.plane, self.host.path))
        self.namespace = kubeobjects.namespace(self.plane)
        self.node = AgentNode(
            folder=self.folder,
            host=self.host,
            plane=self.plane,
            bin_dir=plugins(self.folder, self._peers, self.orders),
            shim=self._shim,
            wrapper=self._home,
            program=("-m", "tests.soak.agent"),
            agent={
                "kubeconfig": str(self.gateway.kubeconfig(self.folder / "kubeconfig")),
                "reconcileSeconds": RECONCILE_SECONDS,
                "events": "failures",
            },
        )
        self._stack.enter_context(self.disks.mounted())
        self.clocks = [self._stack.enter_context(clock(self.folder, shift)) for shift in CLOCKS]
        self._stack.enter_context(self.node)
        self.node.primary()
        for name in FURTHER:
            self.define(name, 0)
        self.node.start()
        self.steps = self._measure_steps()
        self.baseline = Baseline(host=look.host(self.host), files=self.disks.files())

    def _measure_steps(self) -> dict[tuple[str, str], int]:
        """How many steps each verb takes for each network: in between lie the moments at which it can be disturbed.
        By the way it makes the bridges and tables that stay.
        """
        steps: dict[tuple[str, str], int] = {}
        for name in ALL:
            pod = self.pod(f"measure-{name}", (name,) if name in FURTHER else ())
            one = Sandbox(id=f"measure-{name}", netns=self.new_netns().path, pod=pod)
            for verb in ("ADD", "CHECK", "DEL"):
                before = self.steps_taken()
                self.node.call(verb, one).ok()
                steps[verb, name] = self.steps_taken() - before
            self.remove_netns(Netns(name=Path(one.netns).name))
            self.remove_pod(pod)
        base = {verb: steps[verb, "cluster"] for verb in ("ADD", "CHECK", "DEL")}
        return {
            (verb, name): count - base[verb] if name in FURTHER else count
            for (verb, name), count in steps.items()
        }

    # --- the agent ---

    @property
    def _home(self) -> tuple[str, ...]:
        """It is in the host's own namespace, as on a node: it clears up there, when nobody calls."""
        return ("nsenter", f"--net={self.host.path}", "--")

    def steps_taken(self) -> int:
        return (self.folder / "steps").read_bytes().count(b"\n")

    def last_step(self) -> str:
        return (self.folder / "steps").read_text().splitlines()[-1]

    def step_at(self, verb: str, networks: Sequence[str], moment: float) -> int:
        """Which of the verb's steps is at that part of it. One more than there are in a DEL of nothing."""
        count = sum(self.steps[verb, name] for name in ("cluster", *networks))
        return 1 + int(moment * count)

    def arm(self, what: str, step: int) -> None:
        new = self.folder / "arm.new"
        new.write_text(f"{what} {step}")
        new.rename(self.folder / "arm")

    def disarm(self) -> bool:
        """False when it is too late."""
        for name in ("arm", "arm.taken"):  # in the order in which they are renamed
            with suppress(FileNotFoundError):
                (self.folder / name).unlink()
                return True
        return False

    @property
    def died(self) -> bool:
        assert self.node.process is not None
        return self.node.process.poll() is not None

    @property
    def stopped(self) -> bool:
        """Is it held in the middle of a step?"""
        assert self.node.process is not None
        status = Path(f"/proc/{self.node.process.pid}/stat")
        with suppress(OSError):
            return status.read_text().rpartition(") ")[2][0] == "T"
        return False

    def say_what_it_does(self) -> None:
        """In its log."""
        assert self.node.process is not None
        before = len(self.node.log)
        self.node.process.send_signal(signal.SIGUSR1)
        with suppress(AssertionError):  # then it is stopped, or gone
            until(lambda: "most recent call first" in self.node.log[before:], seconds=SETTLE_SECONDS)

    def go_on(self) -> None:
        assert self.node.process is not None
        self.node.process.send_signal(signal.SIGCONT)

    def start(self, *, ready: bool) -> None:
        """The next agent, after one has ended."""
        self.node.start(ready=ready)

    def use_clock(self, number: int) -> None:
        self.node.wrapper = ("nsenter", f"--time={self.clocks[number]}", *self._home[1:])

    def wait_alive(self) -> None:
        """It listens, be it ready or not."""
        until(lambda: self.node.probe("startz")[0] == OK, seconds=SETTLE_SECONDS, what="the agent to listen")

    def at_rest(self) -> bool:
        """Has the agent nothing to do? False while there is none."""
        if self.node.probe("livez")[0] == 0:
            return False
        return self.node.metric("multinet_requests_running") + self.node.metric("multinet_queue_length") == 0

    # --- the cluster ---

    def define(self, name: str, version: int) -> None:
        kubeobjects.nad(self.plane, self.namespace, name, FURTHER[name].text(version, self.folder / "ipam"))

    def undefine(self, name: str) -> None:
        kubeobjects.delete_nad(self.plane, self.namespace, name)

    def pod(self, name: str, networks: Sequence[str]) -> dict[str, Any]:
        said = {NETWORKS: ",".join(networks)} if networks else {}
        return kubeobjects.pod(self.plane, self.namespace, name, said)

    def remove_pod(self, pod: dict[str, Any]) -> None:
        kubeobjects.delete_pod(self.plane, self.namespace, pod["metadata"]["name"])

    # --- namespaces ---

    def serial(self) -> int:
        """A number that nothing on this node has had."""
        return next(_numbers)

    def new_netns(self, word: str = "") -> Netns:
        """In it nobody waits for duplicate address detection, a second or two each time."""
        made = namespaces.make(f"soak-{os.getpid()}-{self.serial()}{word and f'-{word}'}")
        self._stack.callback(namespaces.remove, made)
        made.run("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad")
        return made

    def remove_netns(self, namespace: Netns) -> None:
        if os.path.exists(namespace.path):
            namespaces.remove(namespace)


_numbers = itertools.count(1)
