"""A short soak: some sequences of fixed seeds. `make soak` runs as many as one likes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.daemon.conftest import shim  # noqa: F401 (a fixture)
from tests.soak.deeds import Call, Define, Disk, Fill, Sequence, Status
from tests.soak.draw import LENGTH, sequence
from tests.soak.judge import Judge
from tests.soak.model import Found, Model
from tests.soak.rig import Rig
from tests.soak.soak import attempt, rigs, shorter, told
from tests.soak.tally import Tally
from tests.support.controlplane import ControlPlane

SEQUENCES = ((1, 4), (2, 1), (3, 0), (4, 0))
"""Seed and number of each."""
STRAYS: dict[str, tuple[Callable[[Rig], object], Callable[[Rig], object], str]] = {
    "a reservation": (
        lambda rig: (rig.node.ipam / "shared" / "10.8.0.200").write_text("somebody\r\nnet1"),
        lambda rig: (rig.node.ipam / "shared" / "10.8.0.200").unlink(),
        "ipam/shared/10.8.0.200 is there",
    ),
    "a link": (
        lambda rig: rig.host.ip("link", "add", "veth7", "type", "veth", "peer", "name", "veth8"),
        lambda rig: rig.host.ip("link", "delete", "veth7"),
        "there are 2 veth ends, and 0 pods' links that need one",
    ),
    "a route": (
        lambda rig: rig.host.ip("route", "add", "blackhole", "10.8.0.200"),
        lambda rig: rig.host.ip("route", "delete", "blackhole", "10.8.0.200"),
        "nobody has 10.8.0.200",
    ),
}
ONE_POD = Sequence(seed=0, number=0, pods=(("blue",),), deeds=(Call((("ADD", 0),)),))


@pytest.fixture(scope="module")
def rig(control_plane: ControlPlane, peers: Path, shim: Path) -> Iterator[Rig]:  # noqa: F811
    with rigs(control_plane, peers, shim)() as made:
        yield made


@pytest.mark.kernel
@pytest.mark.peer
@pytest.mark.cluster
class TestOnANode:
    @pytest.mark.parametrize(("seed", "number"), SEQUENCES)
    def test_whatever_happens_the_node_holds_what_its_pods_have_and_nothing_more(
        self, rig: Rig, seed: int, number: int
    ) -> None:
        tally = Tally(seed=seed)
        played = sequence(seed, number)
        why = attempt(played, rig, tally)
        assert not why, told(played, why)
        assert (tally.sequences, tally.steps) == (1, LENGTH)
        assert tally.checks > tally.steps

    @pytest.mark.parametrize("kind", STRAYS)
    def test_what_belongs_to_no_pod_is_found(self, rig: Rig, kind: str) -> None:
        make, remove, words = STRAYS[kind]
        judge = Judge(rig, Model([], rig.definitions), Tally(seed=0), settle=0.1)
        judge.everything()
        make(rig)
        try:
            with pytest.raises(Found) as found:
                judge.everything()
        finally:
            remove(rig)
        assert words in str(found.value)
        judge.everything()


def test_a_sequence_is_the_same_each_time_and_another_for_another_seed() -> None:
    assert sequence(7, 3) == sequence(7, 3)
    assert len({sequence(seed, number) for seed in range(3) for number in range(3)}) == 9


def test_a_failing_sequence_is_cut_down_to_what_it_takes() -> None:
    full, status, added = Fill("state", Disk.FULL), Status(), Call((("ADD", 1),))
    deeds = (status, Define("blue"), full, status, status, added, status, Define("red"), status)
    shortest = shorter(replace(ONE_POD, deeds=deeds), lambda one: {full, added} <= set(one.deeds))
    assert shortest.deeds == (full, added)
