"""The same sandboxes and others, ADDed and DELeted by many callers at once, on shared bridges and ranges."""

from __future__ import annotations

import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.daemon.conftest import MakeNode
from tests.daemon.crowd import ask, gather, namespaces
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane
from tests.support.node import Sandbox

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]

SANDBOXES, CALLERS = 4, 8
"""Two callers are at each of the sandboxes at any time."""
TRY_AGAIN = 11


@pytest.mark.parametrize("calls", [160, pytest.param(2000, marks=pytest.mark.long)])
def test_callers_of_the_same_and_of_other_sandboxes_leave_just_what_the_last_said(
    make_node: MakeNode,
    control_plane: ControlPlane,
    kube_namespace: str,
    calls: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    node = make_node()
    ipam = {"type": "host-local", "dataDir": str(node.ipam), "ranges": [[{"subnet": "10.8.0.0/28"}]]}
    net = {"cniVersion": "1.1.0", "type": "bridge", "bridge": "br0", "ipam": ipam}
    kubeobjects.nad(control_plane, kube_namespace, "net-a", net)
    node.start()
    said: Counter[str] = Counter()

    with namespaces("at-once", SANDBOXES) as paths:
        places = gather(node, control_plane, kube_namespace, paths, "net-a,net-a").sandboxes

        def caller(number: int) -> None:
            chance = random.Random(number)
            for _ in range(calls // CALLERS):
                verb = chance.choice(("ADD", "ADD", "DEL", "CHECK"))
                code, stdout = ask(node, verb, chance.choice(places))
                said[f"{verb} {json.loads(stdout)['code'] if code else 0}"] += 1

        with ThreadPoolExecutor(CALLERS) as callers:
            list(callers.map(caller, range(CALLERS)))

        def last(one: Sandbox) -> list[str]:
            code, stdout = ask(node, "ADD", one)
            assert code == 0, stdout.decode()
            return [ip["address"] for ip in json.loads(stdout)["ips"]]

        with ThreadPoolExecutor(CALLERS) as callers:
            given = [address for addresses in callers.map(last, places) for address in addresses]
        assert len(given) == len(set(given)) == SANDBOXES
        assert len(node.addresses()) == 3 * SANDBOXES
        assert len(node.records()) == SANDBOXES
        assert len(node.host.links()) == 1 + 3 * SANDBOXES
        for one in places:
            assert ask(node, "DEL", one) == (0, b"")

    assert (node.records(), node.addresses(), node.host.links()) == ([], [], ["br0"])
    # CHECK of what somebody has taken away, or is about to make, is all that may be refused.
    assert [what for what in said if not what.endswith(" 0") and not what.startswith("CHECK")] == []
    with capsys.disabled():
        print(
            f"\n{calls} calls for {SANDBOXES} sandboxes by {CALLERS} callers at once: {dict(sorted(said.items()))}"
        )
