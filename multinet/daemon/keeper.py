"""What the agent does unasked: it looks at its settings' file, and clears up after sandboxes that are no more."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Final

from multinet import log
from multinet.config import Settings
from multinet.errors import MultinetError
from multinet.files import signature
from multinet.verbs.node import Node
from multinet.verbs.reconcile import Report, reconcile

LOOK_SECONDS: Final = 1.0
"""How often the settings' file is looked at. A ConfigMap's change takes a minute to come anyway."""

RETRY_SECONDS: Final = 60.0
"""After a round that could not even begin."""


class Keeper:
    """One thread, from ``start`` to ``stop``."""

    def __init__(
        self,
        alone: Callable[[], Node],
        *,
        file: Path | None,
        reload: Callable[[Settings], None],
        reported: Callable[[Report], None],
    ) -> None:
        """``alone``: the doors for a round of clearing up. ``file``: the settings', None when there is none."""
        self._alone = alone
        self._file = file
        self._reload = reload
        self._reported = reported
        self._stopping = Event()
        self._seen = signature(file) if file else None
        self._thread = Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """A round that has begun goes on to its end, unless it takes too long: records tell how far it came."""
        self._stopping.set()
        self._thread.join(5.0)

    def look(self) -> None:
        """Read the settings anew if their file has changed. What is wrong with them is said, and changes
        nothing.
        """
        if self._file is None or (now := signature(self._file)) == self._seen:
            return
        self._seen = now
        try:
            self._reload(Settings.load(self._file))
        except MultinetError as error:
            log.warn("settings not taken over: the old ones stay", error=str(error))
        except Exception as error:  # a defect: without this thread nobody would look again, nor clear up
            log.warn("settings not taken over", error=repr(error))

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(LOOK_SECONDS if due else 0):
            self.look()
            if time.monotonic() < due:
                continue
            due = time.monotonic() + RETRY_SECONDS
            try:
                node = self._alone()
                due = time.monotonic() + node.settings.agent.reconcile_seconds
                self._reported(reconcile(node, most=node.settings.agent.reconcile_most))
            except Exception as error:  # whatever it is, the next round may do better
                log.warn("clearing up failed", error=str(error))
