"""The way back: newest first, to the end, and never instead of the error that began it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from multinet.delegate.undo import Undo


def fail(words: str) -> None:
    raise OSError(words)


class Making:
    """Something that makes several things, and what of them was taken back."""

    def __init__(self) -> None:
        self.walked: list[str] = []
        self.undo = Undo()

    def push(self, what: str, way_back: Callable[[], object] | None = None) -> None:
        self.undo.push(f"remove {what}", way_back or partial(self.walked.append, what))

    def ends_in(self, error: BaseException, *, kept: int | None = None) -> None:
        """Make one, two, three (what there is at number ``kept`` stays), then fail."""
        with self.undo:
            for number, what in enumerate(("one", "two", "three")):
                if number == kept:
                    self.undo.keep()
                self.push(what, partial(fail, "it is stuck") if what == "two" and kept is None else None)
            raise error


def test_a_failure_walks_it_newest_first_to_the_end_and_notes_what_failed_on_the_way():
    making = Making()
    with pytest.raises(ValueError, match="the cause") as caught:
        making.ends_in(ValueError("the cause"))
    assert making.walked == ["three", "one"]
    assert making.undo.leftovers == ["could not remove two: it is stuck"]
    assert caught.value.__notes__ == ["while undoing: could not remove two: it is stuck"]


def test_what_is_kept_is_not_walked():
    making = Making()
    with pytest.raises(ValueError, match="later"):
        making.ends_in(ValueError("later"), kept=1)
    assert (making.walked, making.undo.leftovers) == (["three", "two"], [])


def test_success_walks_nothing():
    making = Making()
    with making.undo:
        making.push("one")
    assert making.walked == []


def test_an_interrupt_walks_it_too():
    making = Making()
    with pytest.raises(KeyboardInterrupt):
        making.ends_in(KeyboardInterrupt())
    assert making.walked == ["three", "one"]


def test_a_way_back_is_walked_only_once():
    making = Making()
    making.push("one")
    making.undo.run()
    making.undo.run()
    assert making.walked == ["one"]
