"""A thread that is moved by nobody else need not ask where it is before it visits a namespace."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator

import pytest

from multinet.kernel import namespace as module
from multinet.kernel.namespace import HERE, Namespace, at_home
from tests.support import netns

pytestmark = pytest.mark.kernel


@pytest.fixture
def elsewhere() -> Iterator[Namespace]:
    made = netns.make("elsewhere")
    with Namespace.open(str(made.path)) as opened:
        yield opened
    netns.remove(made)


def where() -> tuple[int, int]:
    there = os.stat(HERE)
    return there.st_dev, there.st_ino


def open_files() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def test_visits_go_there_and_come_back(elsewhere: Namespace):
    home = where()
    with at_home():
        assert elsewhere.visit(where) == elsewhere.identity != home
        assert where() == home
        with pytest.raises(RuntimeError, match="within"):
            elsewhere.visit(lambda: (_ for _ in ()).throw(RuntimeError("within")))
        assert where() == home


def test_nothing_is_opened_for_a_visit(elsewhere: Namespace, monkeypatch: pytest.MonkeyPatch):
    opened: list[object] = []
    real = os.open
    with at_home():
        monkeypatch.setattr(module.os, "open", lambda path, *rest: opened.append(path) or real(path, *rest))
        elsewhere.visit(where)
        assert opened == []
    elsewhere.visit(where)
    assert opened == [HERE]


def test_it_is_the_thread_s_own_and_its_file_is_closed_at_the_end(elsewhere: Namespace):
    before = open_files()
    seen: list[bool] = []
    with at_home():
        thread = threading.Thread(target=lambda: seen.append(hasattr(module._kept, "home")))
        thread.start()
        thread.join()
    assert seen == [False]
    assert open_files() == before


def test_without_a_free_file_it_is_asked_each_time(elsewhere: Namespace, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "open", full)
        entered = at_home()
        entered.__enter__()
    assert elsewhere.visit(where) == elsewhere.identity
    entered.__exit__(None, None, None)
