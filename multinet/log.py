"""The log: structlog, set up once; one wide line a verb, on stderr, as JSON.

What becomes known on the way is bound by ``bind`` and said once, at the end. A second line is for something
that a person on call would act upon. stdout belongs to the protocol and is never logged to.

What is bound is the calling thread's own (each thread has its context), and is forgotten when the verb ends. That
is structlog's ``contextvars`` but for one dictionary in the place of a variable a key: a line has ten.

structlog itself takes 0.07 s to load: who only looks at what an agent wrote (``multinet ls``) does without.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from threading import Lock
from types import TracebackType
from typing import Any, Final, Generic, TypeVar

from multinet.errors import MultinetError, code_of
from multinet.timing import Trace, trace

MOST_CHARACTERS = 8000
"""Of one text in a line. An executable may print megabytes, and a node's disk holds the logs of all pods."""

STDERR = 2

_bound: ContextVar[dict[str, Any] | None] = ContextVar("bound", default=None)
_encode: Final = json.JSONEncoder(ensure_ascii=False, default=repr).encode

Listener = Callable[[dict[str, Any], Trace], None]
"""What a verb's line says, whether or not ``logLevel`` lets it through, and when its parts ran."""

_listener: Listener | None = None

T = TypeVar("T")


def set_up(level: str = "info") -> None:
    """From now on, say what is at least as grave as ``level`` (debug, info, warning, error)."""
    import structlog

    structlog.configure(
        processors=[
            _with_what_is_bound,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _bounded,
            _as_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_: _stderr,
        cache_logger_on_first_use=True,
    )


def bind(**said: Any) -> None:
    """Add to the line that the running verb will say at its end."""
    there = _bound.get()
    if there is not None:
        there.update(said)


def _with_what_is_bound(
    _logger: object, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for key, value in (_bound.get() or {}).items():
        line.setdefault(key, value)
    return line


def _as_json(_logger: object, _method: str, line: MutableMapping[str, Any]) -> str:
    return _encode(line)


def _bounded(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Cut long texts in their middle: what a failure is about stands at its beginning and at its end."""
    for key, value in line.items():
        if isinstance(value, str) and len(value) > MOST_CHARACTERS:
            half = MOST_CHARACTERS // 2
            line[key] = f"{value[:half]} [{len(value) - 2 * half} characters left out] {value[-half:]}"
    return line


class _Stderr:
    """What nobody takes is lost, and the next line is tried anew. It never becomes the verb's error, nor a line on
    stdout.

    The file itself is written to: ``sys.stderr`` holds back what it could not write, says it again before the next
    line, and makes the exit status 120 when it can't say it at the end either.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._cut = False
        """Of the last line, only a part was taken."""

    def msg(self, line: str) -> None:
        if sys.stderr is None:  # closed: by now it may be the number of another file
            return
        left = (line + "\n").encode("utf-8", "backslashreplace")
        with self._lock, suppress(OSError):
            if self._cut:
                left = b"\n" + left
            whole = len(left)
            try:
                while left:
                    left = left[os.write(STDERR, left) :]
            finally:
                self._cut = bool(left) and (self._cut or len(left) < whole)

    debug = info = warning = error = msg


_stderr = _Stderr()


def listen(listener: Listener | None) -> None:
    """Tell ``listener`` of each verb's end from now on, in the verb's own thread; None ends it."""
    global _listener
    _listener = listener


@contextmanager
def verb(name: str, *, request: str = "", **known: Any) -> Iterator[None]:
    """One line for the verb that runs inside: how it ended, how long it and its phases took, all that was
    bound, and ``request``, the id that the error's answer and the pod's events carry as well.
    """
    log = _logger()
    mine = Trace()
    trace.set(mine)
    if request:
        known["request"] = request
    bound = {"verb": name, **known}
    _bound.set(bound)
    try:
        yield
    except Exception as error:
        said = {**_failure(error), **_times(mine)}
        _tell(bound | said, mine)
        log.error("verb failed", **said)
        raise
    else:
        said = _times(mine)
        _tell(bound | said, mine)
        log.info("verb done", **said)
    finally:
        trace.set(None)
        _bound.set(None)


def _tell(said: dict[str, Any], mine: Trace) -> None:
    if _listener is not None:
        _listener(said, mine)


def _times(mine: Trace) -> dict[str, Any]:
    said: dict[str, Any] = {"seconds": round(time.monotonic() - mine.began, 4)}
    phases: dict[str, float] = {}
    for name, _, seconds in mine.phases:
        phases[name] = phases.get(name, 0.0) + seconds
    if phases:
        said["phases"] = {name: round(seconds * 1000, 2) for name, seconds in phases.items()}
    return said


def _failure(error: Exception) -> dict[str, Any]:
    """What the answer says of it, and where a defect is."""
    said: dict[str, Any] = {"code": code_of(error), "error": str(error)}
    if notes := getattr(error, "__notes__", None):
        said["left"] = notes
    if not isinstance(error, MultinetError):
        said["trace"] = "".join(traceback.format_exception(error))
    elif error.details:
        said["details"] = error.details
    return said


class phase:
    """The block is a part of the running verb: the line tells its milliseconds. Several of a name add up."""

    __slots__ = ("_began", "_name")

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if (mine := trace.get()) is not None:
            mine.phases.append((self._name, self._began, time.monotonic() - self._began))


class entering(Generic[T]):
    """``context``, with the time that it takes to get in as a phase: how long a lock was waited for."""

    __slots__ = ("_context", "_name")

    def __init__(self, name: str, context: AbstractContextManager[T]) -> None:
        self._name = name
        self._context = context

    def __enter__(self) -> T:
        with phase(self._name):
            return self._context.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._context.__exit__(kind, error, trace)


def warn(event: str, **said: Any) -> None:
    """Something that a person on call would act upon."""
    _logger().warning(event, **said)


def info(event: str, **said: Any) -> None:
    """Something that happens a few times a day: a start, a stop, a change of the settings."""
    _logger().info(event, **said)


def _logger() -> Any:
    import structlog

    return structlog.get_logger()
