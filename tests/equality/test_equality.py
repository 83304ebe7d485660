"""The same configuration leaves the same kernel state, the same files and the same result, ours or the
reference's.

Every row of ``cases`` is played on two machines, call by call; after each call all of both states and both
answers are compared, and only what ``differences`` lists may differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

import pytest

from multinet.delegate.registry import installed
from tests.equality.case import Case
from tests.equality.cases import CASES, NO_REFERENCE
from tests.equality.differences import CLEARED_UP, DIFFERENCES
from tests.equality.machines import Machines
from tests.equality.play import Verdict, play, stale
from tests.equality.runner import OurExecutable, Ours, Reference

AT_ONCE = 4
"""Most of a case is waiting: for links to settle and for namespaces to go."""

played = [pytest.mark.kernel, pytest.mark.peer]

Judge = Callable[[Case], Verdict]


def rows() -> list[Any]:
    return [
        pytest.param(case, id=case.name, marks=[*played, pytest.mark.uml] if case.uml else played)
        for case in CASES
    ]


def asked_for(session: pytest.Session) -> list[Case]:
    mine = test_ours_and_the_reference_leave_the_same.__name__
    return [
        cast(Case, item.callspec.params["case"])
        for item in session.items
        if isinstance(item, pytest.Function) and item.originalname == mine
    ]


@pytest.fixture(scope="module")
def judge(request: pytest.FixtureRequest, machines: Machines, reference: Reference) -> Iterator[Judge]:
    """Plays a case. In a run with one process all cases that were asked for are begun at once, a few at a
    time; pytest-xdist's processes don't know which cases will be theirs."""
    alone = not hasattr(request.config, "workerinput")
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        ahead: dict[str, Future[Verdict]] = {
            case.name: pool.submit(play, case, machines, reference, Ours())
            for case in (asked_for(request.session) if alone else ())
        }

        def verdict(case: Case) -> Verdict:
            if case.name in ahead:
                return ahead[case.name].result()
            return play(case, machines, reference, Ours())

        yield verdict
        pool.shutdown(cancel_futures=True)


@pytest.mark.long
@pytest.mark.parametrize("case", rows())
def test_ours_and_the_reference_leave_the_same(case: Case, judge: Judge) -> None:
    verdict = judge(case)
    assert not verdict.unexplained, "\n".join(verdict.unexplained)
    gone = stale(case, verdict)
    assert not gone, "differences that are listed, and are there no more:\n" + "\n".join(gone)


THROUGH_THE_EXECUTABLE = (
    "bridge-default-gateway-dual",
    "bridge-refuses-hairpin-and-promisc",
    "ptp-masquerade-nftables-dual",
    "macvlan-mac-all-sources",
    "loopback-chained",
    "host-local-asked-all-three",
    "static-cni-args-ip-and-gateway",
)


@pytest.mark.kernel
@pytest.mark.peer
@pytest.mark.parametrize("name", THROUGH_THE_EXECUTABLE)
def test_so_does_ours_as_an_executable(name: str, machines: Machines, reference: Reference) -> None:
    case = next(case for case in CASES if case.name == name)
    verdict = play(case, machines, reference, OurExecutable())
    assert not verdict.unexplained, "\n".join(verdict.unexplained)


def test_no_installed_delegate_is_left_out() -> None:
    compared = {str(case.conf["type"]) for case in CASES}
    left_out = sorted(set(installed()) - compared - set(NO_REFERENCE))
    assert not left_out, (
        f"compared with nothing: {', '.join(left_out)}; each wants rows in tests/equality/cases/<type>.py, or an "
        "entry in its NO_REFERENCE that says why there is no program to compare it with"
    )
    assert not compared & set(NO_REFERENCE)


def test_every_difference_names_a_row_it_is_seen_in() -> None:
    names = {case.name for case in CASES}
    assert not [entry for entry in DIFFERENCES if entry.seen not in names]
    assert not set(CLEARED_UP) - names
