"""The taint that a node may be registered with, so that no pod comes before its networks can be made.

    kubelet --register-with-taints=multinet.dev/not-ready=:NoSchedule        or the node template's own setting

Once the agent can serve, it takes that taint away, and never puts it back: an agent that is away later means pods
that wait, and none that run without their networks, so that there is nothing to keep them from.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import Final

from multinet import log
from multinet.deadline import Deadline
from multinet.errors import MultinetError
from multinet.kube import taints
from multinet.kube.backoff import Backoff
from multinet.kube.client import Api

TAINT: Final = "multinet.dev/not-ready"

LOOK_SECONDS: Final = 0.5
"""Between two looks at whether the agent can serve, which asks nobody but this process."""
TRY_SECONDS: Final = 10.0
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 60.0
"""Between two tries, where rights are missing for one; they may come."""


class Startup:
    """One thread, from ``start`` until the node has no such taint, or ``stop``. A node without it costs one GET."""

    def __init__(self, api: Api, node: str, can_serve: Callable[[], bool]) -> None:
        self._api = api
        self._node = node
        self._can_serve = can_serve
        self._stopping = Event()
        self._trying = Deadline.never()
        self._thread = Thread(target=self._run, name="startup", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """The next agent goes on with it."""
        self._stopping.set()
        self._trying.end("the agent is being stopped")
        self._thread.join(TRY_SECONDS)

    def _run(self) -> None:
        if not self._again(lambda: taints.has(self._api, self._node, TAINT, self._trying)):
            return
        while not self._can_serve():
            if self._stopping.wait(LOOK_SECONDS):
                return
        if self._again(self._removed):
            log.info("the node's startup taint is removed", node=self._node, taint=TAINT)

    def _removed(self) -> bool:
        taints.remove(self._api, self._node, TAINT, self._trying)
        return True

    def _again(self, trial: Callable[[], bool]) -> bool:
        """What ``trial`` says, as soon as it does; False when the agent is stopped before."""
        backoff = Backoff(first=FIRST_PAUSE_SECONDS, most=LONGEST_PAUSE_SECONDS)
        said = ""
        while not self._stopping.is_set():
            self._trying = Deadline(TRY_SECONDS)
            if self._stopping.is_set():
                break
            try:
                return trial()
            except MultinetError as error:
                if str(error) != said and not self._stopping.is_set():
                    said = str(error)
                    log.warn("a startup taint of the node could not be removed", taint=TAINT, error=said)
            self._stopping.wait(backoff.next())
        return False
