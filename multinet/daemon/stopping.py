"""The end of the agent's parts: beside each other, so that what hangs in one uses up nobody else's time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Thread

from multinet import log


def stop_together(parts: Mapping[str, Callable[[], object]], seconds: float) -> list[str]:
    """Stop each, by its name. Returns those that have not ended within ``seconds``, which end with the process."""
    until = time.monotonic() + seconds
    threads = {
        name: Thread(target=_stop, args=(name, stop), name=f"stop-{name}", daemon=True)
        for name, stop in parts.items()
    }
    for thread in threads.values():
        thread.start()
    for thread in threads.values():
        thread.join(max(0.0, until - time.monotonic()))
    return [name for name, thread in threads.items() if thread.is_alive()]


def _stop(name: str, stop: Callable[[], object]) -> None:
    try:
        stop()
    except Exception as error:  # a defect, or a file that can't be removed: the others end all the same
        log.warn("could not be stopped", part=name, error=str(error) or repr(error))
