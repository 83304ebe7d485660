"""Every installed delegate, and the reference's executables, keep the promises of ``conformance``."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from multinet.delegate.registry import installed
from tests.delegate.conformance import IN_PROCESS, PROMISES, Promise, Subject, World
from tests.delegate.subjects import BROKEN_BY_THE_REFERENCE, SUBJECTS
from tests.support.netns import Netns
from tests.support.plugins import quick_ipv6, reference

pytestmark = pytest.mark.kernel


@pytest.fixture
def world(netns: Callable[..., Netns], tmp_path: Path) -> World:
    host, pod = quick_ipv6(netns("host")), quick_ipv6(netns("pod"))
    host.ip("link", "set", "lo", "up")
    host.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
    for link in ("up0", "up1"):
        host.ip("link", "set", link, "up")
    return World(host=host, pod=pod, folder=tmp_path)


def words(promise: Promise) -> str:
    return promise.__name__.replace("_", " ")


def rows(*promises: Promise, but: Container[tuple[str, Promise]] = ()) -> list[Any]:
    return [
        pytest.param(
            subject,
            promise,
            id=f"{type_}-{words(promise)}",
            marks=[getattr(pytest.mark, subject.needs)] if subject.needs else [],
        )
        for type_, subject in SUBJECTS.items()
        for promise in promises
        if (type_, promise) not in but
    ]


def test_no_installed_delegate_is_left_out():
    left_out = sorted(set(installed()) - set(SUBJECTS))

    assert not left_out, (
        f"held to no promise: {', '.join(left_out)}; each wants a subject in tests/delegate/subjects/<type>.py"
    )


@pytest.mark.parametrize(("subject", "promise"), rows(*PROMISES, *IN_PROCESS))
def test_an_installed_delegate_keeps_the_promise(subject: Subject, promise: Promise, world: World):
    subject.prepare(world)
    promise(subject, world)


@pytest.mark.peer
@pytest.mark.long  # what it holds to them is the reference's programs
@pytest.mark.parametrize(("subject", "promise"), rows(*PROMISES, but=BROKEN_BY_THE_REFERENCE))
def test_an_executable_keeps_the_promise(subject: Subject, promise: Promise, world: World, peers: Path):
    subject.prepare(world)
    promise(replace(subject, by=reference(peers)), world)
