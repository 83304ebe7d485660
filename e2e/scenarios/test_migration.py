"""Pods from before multinet, those of Multus and those that the runtime served alone, are deleted by multinet."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest

from e2e.cluster.driver import Driver
from e2e.cluster.multinet import Multinet
from e2e.cluster.pods import Space
from e2e.scenarios.networks import bridge, host_local, macvlan
from tests.support import tree
from tests.support.wait import until

REFERENCE: Final = tree.ROOT / ".cache" / "peers"
PROGRAMS: Final = "/run/multus-programs"
"""The plugins that Multus calls on the node."""
RUNTIME: Final = "/var/lib/cni"
MULTUS: Final = "/var/lib/cni/multus"
ADDRESSES: Final = "/var/lib/cni/networks"
CLEAR_SECONDS = 30.0
"""For the runtime to have taken down a sandbox after the API has forgotten its pod."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Before:
    """The first node, while nobody but the runtime and Multus has ever served it."""

    driver: Driver
    node: str

    def shell(self, script: str, *, input: str | None = None) -> str:
        return self.driver.shell(self.node, "sh", "-ec", script, input=input).stdout

    def bring(self, *names: str) -> None:
        """The reference's plugins, onto the node."""
        for name in names:
            text = base64.b64encode((REFERENCE / name).read_bytes()).decode()
            self.shell(
                f"mkdir -p {PROGRAMS}; base64 -d >{PROGRAMS}/{name}; chmod +x {PROGRAMS}/{name}", input=text
            )

    def remembered(self, space: Space, name: str) -> tuple[str, dict[str, Any]]:
        """What the runtime's libcni has of a pod's first interface: the file, and what is in it."""
        pod = space.get(name)
        assert pod is not None
        uid = pod["metadata"]["uid"]
        (file,) = self.shell(f"grep -l {uid} {RUNTIME}/results/*-eth0").split()
        found: dict[str, Any] = json.loads(self.shell(f"cat {file}"))
        return file, found

    def add(self, cached: Mapping[str, Any], conf: Mapping[str, Any], ifname: str) -> dict[str, Any]:
        """Execute a plugin as Multus does it for a further network of that pod; what libcni then remembers."""
        (sandbox,) = {one["sandbox"] for one in cached["result"]["interfaces"] if one.get("sandbox")}
        env = {
            "CNI_COMMAND": "ADD",
            "CNI_CONTAINERID": cached["containerId"],
            "CNI_NETNS": sandbox,
            "CNI_IFNAME": ifname,
            "CNI_ARGS": ";".join("=".join(pair) for pair in cached["cniArgs"]),
            "CNI_PATH": PROGRAMS,
        }
        pairs = [f"{key}={value}" for key, value in env.items()]
        argv = ("env", *pairs, f"{PROGRAMS}/{conf['type']}")
        result = json.loads(self.driver.shell(self.node, *argv, input=json.dumps(conf)).stdout)
        own = {"config": encoded(conf), "ifName": ifname, "networkName": conf["name"], "result": result}
        return {key: value for key, value in cached.items() if key != "capabilityArgs"} | own

    def take_over(self, space: Space, name: str, confs: Mapping[str, Mapping[str, Any]]) -> str:
        """Make a pod of the runtime's one of Multus's, with further networks; return its sandbox's id.

        ``confs``: the configuration of each interface.
        """
        file, first = self.remembered(space, name)
        cached = [first, *(self.add(first, conf, ifname) for ifname, conf in confs.items())]
        delegates = [delegate(first["networkName"], first["config"])]
        for ifname, conf in confs.items():
            delegates.append(delegate(f"{space.name}/{conf['name']}", encoded(conf), ifnameRequest=ifname))
        container = str(first["containerId"])
        self.shell(f"mkdir -p {MULTUS}/results; rm {file}")
        self.shell(f"cat >{MULTUS}/{container}", input=json.dumps(delegates))
        for one in cached:
            place = f"{MULTUS}/results/{one['networkName']}-{container}-{one['ifName']}"
            self.shell(f"cat >{place}", input=json.dumps(one))
        return container

    def left(self, *texts: str) -> Sequence[str]:
        """The files of Multus, the runtime and host-local in whose name or content one of them is."""
        words = " ".join(f"-e {text}" for text in texts)
        return self.shell(
            f"find {MULTUS} {RUNTIME}/results {ADDRESSES} -type f | grep {words} || :;"
            f" grep -rl {words} {MULTUS} {RUNTIME}/results {ADDRESSES} || :"
        ).split()

    def wait_gone(self, *containers: str) -> None:
        try:
            until(lambda: not self.left(*containers), seconds=CLEAR_SECONDS, what="nothing to be left")
        except AssertionError as error:
            raise AssertionError(f"{error}; there is {', '.join(self.left(*containers))}") from None


def encoded(conf: Mapping[str, Any]) -> str:
    return base64.b64encode(json.dumps(conf).encode()).decode()


def delegate(name: str, config: str, **more: Any) -> dict[str, Any]:
    """An entry of Multus's scratch file. Of the parsed configurations nothing counts beside the bytes."""
    text = json.loads(base64.b64decode(config))
    said = {key: text.get(key, "") for key in ("cniVersion", "name", "type")}
    return {
        "Conf": {**said, "ipam": {}, "dns": {}},
        "ConfList": {"plugins": None},
        "Name": name,
        "IsFilterV4Gateway": False,
        "IsFilterV6Gateway": False,
        "Bytes": config,
        **more,
    }


@pytest.fixture
def before(space: Space, multinet: Multinet) -> Iterator[Before]:
    """multinet has left; it is there again after the test at the latest."""
    node = space.driver.nodes[0]
    multinet.leave()
    found = Before(driver=space.driver, node=node)
    try:
        found.bring("bridge", "macvlan", "host-local")
        yield found
    finally:
        multinet.come_back()
        found.shell(f"rm -rf {PROGRAMS}; ip link delete e2e28 2>/dev/null || :")


def test_pods_of_multus_and_of_the_runtime_go_on_under_multinet_and_are_deleted_without_a_rest(
    space: Space, multinet: Multinet, before: Before
):
    confs = {
        "net1": {"cniVersion": "1.0.0", "name": "old-lan", **bridge(space, 28)},
        "data": {"cniVersion": "1.0.0", "name": "old-far", **macvlan(space, host_local("10.9.29.0/24"))},
    }
    for name in ("one", "two", "plain"):
        space.pod(name, node=before.node)
    space.wait_ready("one", "two", "plain")
    containers = [before.take_over(space, name, confs) for name in ("one", "two")]
    containers.append(before.remembered(space, "plain")[1]["containerId"])
    inside = {name: space.inside(name) for name in ("one", "two", "plain")}
    assert [list(one.interfaces) for one in inside.values()] == [*[["eth0", "net1", "data"]] * 2, ["eth0"]]
    assert inside["two"].addresses["net1"] == ("10.9.28.3/24",)
    taken = before.left(*containers)
    assert {f"{ADDRESSES}/old-lan/10.9.28.3", f"{ADDRESSES}/old-far/10.9.29.3"} <= set(taken)

    multinet.come_back()
    assert {name: space.inside(name) for name in inside} == inside
    for interface in ("net1", "data"):
        (address,) = space.addresses("two", interface)
        assert space.reaches("one", address)

    space.delete("one")
    before.wait_gone(containers[0])
    assert space.inside("two") == inside["two"]
    space.delete("two", "plain")
    before.wait_gone(*containers)

    space.define("old-lan", confs["net1"])
    space.pod("new", "old-lan", node=before.node)
    space.wait_ready("new")
    assert list(space.inside("new").interfaces) == ["eth0", "net1"]
