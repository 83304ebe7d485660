"""The log: structlog, set up once; one wide line a verb, on stderr, as JSON.

What becomes known on the way is bound by ``bind`` and said once, at the end. A second line is for something
that a person on call would act upon. stdout belongs to the protocol and is never logged to.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars, merge_contextvars

bind = bind_contextvars
"""Add to the line that the running verb will say at its end."""


def set_up(level: str = "info") -> None:
    """From now on, say what is at least as grave as ``level`` (debug, info, warning, error)."""
    structlog.configure(
        processors=[
            merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_: _Stderr(),
        cache_logger_on_first_use=True,
    )


class _Stderr:
    """What nobody listens to is lost. It never becomes the verb's error, nor a line on stdout."""

    def msg(self, line: str) -> None:
        if sys.stderr is None:
            return
        try:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            # What it holds back is tried again when the interpreter ends, and would make the exit status 120.
            sys.stderr = None

    debug = info = warning = error = msg


@contextmanager
def verb(name: str, **known: Any) -> Iterator[None]:
    """One line for the verb that runs inside: how it ended, how long it took, and all that was bound."""
    log = structlog.get_logger()
    began = time.monotonic()
    clear_contextvars()  # what was bound for this thread's last verb
    bind(verb=name, **known)
    try:
        yield
    except Exception as error:
        notes = getattr(error, "__notes__", None)
        said: dict[str, Any] = {"left": notes} if notes else {}
        log.error("verb failed", error=str(error), seconds=round(time.monotonic() - began, 4), **said)
        raise
    log.info("verb done", seconds=round(time.monotonic() - began, 4))


def warn(event: str, **said: Any) -> None:
    """Something that a person on call would act upon."""
    structlog.get_logger().warning(event, **said)
