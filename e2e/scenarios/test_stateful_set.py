"""A pod of a StatefulSet goes and comes under the same name at once; the new one is not taken for the old."""

from __future__ import annotations

from e2e.cluster.pods import Space, entry, ready
from e2e.scenarios.networks import macvlan
from tests.support.wait import until

SECONDS = 60.0
TIMES = 5


def test_a_pod_that_is_made_anew_under_its_name_has_its_own_networks_each_time(space: Space):
    here, there = space.driver.nodes[:2]
    space.define("lan", macvlan(space, {"type": "static"}, capabilities={"ips": True}))
    space.pod("peer", [{"name": "lan", "ips": ["10.9.9.1/24"]}], node=there)
    template = space.template([{"name": "lan", "ips": ["10.9.9.2/24"], "interface": "lan0"}], node=here)
    template["metadata"]["labels"] = {"app": "db"}
    space.driver.api.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": "db", "namespace": space.name},
            "spec": {
                "replicas": 1,
                "serviceName": "db",
                "selector": {"matchLabels": {"app": "db"}},
                "template": template,
            },
        }
    )
    space.wait_ready("peer", "db-0")
    seen = set()
    for _ in range(TIMES):
        pod = space.get("db-0")
        assert pod is not None
        uid = pod["metadata"]["uid"]
        assert uid not in seen
        seen.add(uid)
        inside = space.inside("db-0")
        assert inside.addresses["lan0"] == ("10.9.9.2/24",)
        assert space.status("db-0")[1:] == [entry(f"{space.name}/lan", "lan0", inside.interfaces["lan0"])]
        assert space.reaches("db-0", "10.9.9.1", by="lan0")

        space.driver.api.delete(space.path("v1", "Pod", "db-0"), grace=0)
        until(
            lambda uid=uid: (now := space.get("db-0")) and now["metadata"]["uid"] != uid and ready(now),
            seconds=SECONDS,
            what="the next db-0",
        )
