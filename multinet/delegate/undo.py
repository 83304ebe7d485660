"""What was made, and how to take it back, newest first.

Whatever is made hands over its undo in the next line; nobody keeps flags. An executable can't be seen into,
so for one of those the undo is pushed *before* it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from multinet.waiting import waiting


class Undo:
    """A stack of ways back. Leaving the block by an exception walks it to the end, whatever fails on the way.

    A step that fails becomes a note on the exception that began it, and is counted in ``leftovers``.
    """

    def __init__(self) -> None:
        self._steps: list[tuple[str, Callable[[], object]]] = []
        self.leftovers: list[str] = []

    def push(self, what: str, way_back: Callable[[], object]) -> None:
        """``what`` finishes the sentence "could not ..."."""
        self._steps.append((what, way_back))

    def keep(self) -> None:
        """What was made stays: forget all ways back."""
        self._steps.clear()

    def run(self, cause: BaseException | None = None) -> None:
        """Walk back now, newest first. Never raises an ``Exception``; what failed is noted on ``cause``."""
        while self._steps:
            what, way_back = self._steps.pop()
            try:
                way_back()
            except Exception as error:
                self.leftovers.append(f"could not {what}: {error}")
                if cause is not None:
                    cause.add_note(f"while undoing: could not {what}: {error}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            with waiting():  # the kernel takes its time to let go of links
                self.run(error)
