"""The process is killed before each of its steps in turn; a DEL afterwards leaves nothing.

The steps are enumerated by the code (``multinet.steps``), in a namespace that has seen nothing before, so that
the making of bridges, tables and folders is among them. What a clean ADD and DEL leave (a bridge stays, an empty
lock file stays) is the measure: a killed one must leave nothing beyond it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.faults import facts, mortal
from tests.support.netns import Netns
from tests.support.wait import until

pytestmark = pytest.mark.kernel

NETWORKS = "k8s.v1.cni.cncf.io/networks"
CONTAINER = "c0ffee" * 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A pod: its first network, its further ones, and what its annotation says beside their names."""

    first: dict[str, Any]
    further: dict[str, dict[str, Any]] = field(default_factory=dict)
    selections: list[dict[str, Any]] = field(default_factory=list)
    uml: bool = False
    """Does it need a kernel with more than the least of our machines has?"""


def host_local(subnet: str, **more: Any) -> dict[str, Any]:
    return {"type": "host-local", "ranges": [[{"subnet": subnet}]], "dataDir": "DATA", **more}


DUAL = {
    "type": "host-local",
    "ranges": [[{"subnet": "10.91.0.0/24"}], [{"subnet": "fd91::/64"}]],
    "dataDir": "DATA",
}
PLAIN = {"type": "bridge", "bridge": "br0", "ipam": host_local("10.90.0.0/24")}
FIXED = {"type": "static", "addresses": [{"address": "10.90.0.7/24"}]}

CASES = {
    "bridge as gateway, dual stack": Case(
        first={"type": "bridge", "bridge": "br0", "isDefaultGateway": True, "mtu": 1400, "ipam": DUAL}
    ),
    "bridge, masquerading by nftables and spoof check": Case(
        first={
            "type": "bridge", "bridge": "br0", "isGateway": True, "ipMasq": True, "ipMasqBackend": "nftables",
            "macspoofchk": True, "hairpinMode": True, "ipam": DUAL,
        }
    ),
    "bridge, masquerading by iptables": Case(
        first={
            "type": "bridge", "bridge": "br0", "isGateway": True, "ipMasq": True, "ipMasqBackend": "iptables",
            "ipam": host_local("10.90.0.0/24"),
        }
    ),
    "bridge without addresses": Case(first={"type": "bridge", "bridge": "br0", "promiscMode": True}),
    "ptp": Case(first={"type": "ptp", "ipMasq": True, "ipMasqBackend": "nftables", "ipam": DUAL}),
    "macvlan": Case(first={"type": "macvlan", "master": "up0", "ipam": host_local("10.90.0.0/24")}),
    "vlan, ipvlan and dummy": Case(
        first={"type": "vlan", "master": "up0", "vlanId": 7, "ipam": FIXED},
        further={
            "net-a": {"type": "ipvlan", "master": "up0", "ipam": FIXED},
            "net-b": {"type": "dummy", "ipam": FIXED},
        },
        selections=[{"name": "net-a"}, {"name": "net-b"}],
        uml=True,
    ),
    "host-device": Case(first={"type": "host-device", "device": "up1", "ipam": DUAL}),
    "tap": Case(first={"type": "tap", "owner": 107, "group": 107, "mtu": 1400, "ipam": DUAL}),
    "loopback": Case(first={"type": "loopback"}),
    "sbr": Case(
        first=PLAIN,
        further={
            "net-a": {
                "plugins": [{**PLAIN, "bridge": "br1", "isGateway": True, "ipam": DUAL}, {"type": "sbr"}]
            }
        },
        selections=[{"name": "net-a"}],
    ),
    "vrf": Case(
        first={
            "plugins": [
                {"type": "macvlan", "master": "up0", "ipam": FIXED},
                {"type": "vrf", "vrfname": "blue"},
            ]
        },
        uml=True,
    ),
    "tuning": Case(
        first={
            "plugins": [
                PLAIN,
                {
                    "type": "tuning", "mac": "02:11:22:33:44:55", "mtu": 1400, "allmulti": True, "txQLen": 50,
                    "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}, "dataDir": "DATA/tuning",
                },
            ]
        }
    ),
    "three networks, the default route moved, an address and a MAC asked for": Case(
        first={**PLAIN, "isDefaultGateway": True},
        further={
            "net-a": {
                "type": "bridge", "bridge": "br1", "capabilities": {"ips": True, "mac": True},
                "ipam": {"type": "static"},
            },
            "net-b": {"type": "macvlan", "master": "up0", "ipam": host_local("10.92.0.0/24")},
        },
        selections=[
            {"name": "net-a", "ips": ["10.93.0.7/24"], "mac": "02:00:00:00:00:07"},
            {"name": "net-b", "default-route": ["10.92.0.1"]},
        ],
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """A node that has seen nothing: a namespace, a folder for the cluster, one for state."""

    host: Netns
    pod: Netns
    folder: Path
    case: Case

    @property
    def stdin(self) -> bytes:
        first = json.dumps({"cniVersion": "1.1.0", "name": "first", **self.case.first})
        conf = {
            "cniVersion": "1.1.0",
            "name": "cluster",
            "type": "multinet",
            "folder": str(self.folder / "cluster"),
            "stateDir": str(self.folder / "state"),
            "deviceInfoDir": str(self.folder / "devices"),
            "delegates": [json.loads(first.replace("DATA", str(self.folder / "ipam")))],
            "statusForAllPods": True,
        }
        return json.dumps(conf).encode()

    def env(self, command: str) -> dict[str, str]:
        return {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": CONTAINER,
            "CNI_NETNS": self.pod.path,
            "CNI_IFNAME": "eth0",
            "CNI_PATH": "/nonexistent",
            "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=cart",
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        }

    def ask(self, command: str, die_at: int | None = None) -> list[str]:
        log = self.folder / f"{command}.steps"
        return mortal.request(self.host, self.env(command), self.stdin, log, die_at=die_at)[1]

    def left(self) -> set[str]:
        """What is there now: in the pod's own namespace too, which a runtime removes only after DEL."""
        return self.left_on_host() | {f"in the pod: {fact}" for fact in facts.of_container(self.pod)}

    def left_on_host(self) -> set[str]:
        folders = [self.folder / name for name in ("state", "ipam", "devices")]
        found = facts.of_host(self.host) | facts.of_files(*folders)
        return {fact.replace(str(self.folder), "") for fact in found}


@pytest.fixture
def fresh(netns: Callable[..., Netns], tmp_path: Path) -> Callable[[Case], World]:
    """Make a new world for a case."""

    def make(case: Case) -> World:
        host, pod = netns("host"), netns("pod")
        host.ip("link", "set", "lo", "up")
        host.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
        host.ip("link", "set", "up0", "up")
        host.ip("link", "set", "up1", "up")
        # ptp waits for duplicate address detection, a second or two each time, and it is not what is tested.
        pod.run("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad")
        folder = tmp_path / host.name
        (folder / "cluster").mkdir(parents=True)
        for name, conf in case.further.items():
            write_definition(folder, name, conf)
        pod_manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "cart", "annotations": {NETWORKS: json.dumps(case.selections)}},
        }
        if not case.selections:
            del pod_manifest["metadata"]["annotations"]  # type: ignore[attr-defined]
        (folder / "cluster" / "pod.json").write_text(json.dumps(pod_manifest))
        return World(host=host, pod=pod, folder=folder, case=case)

    return make


def write_definition(folder: Path, name: str, conf: Mapping[str, Any]) -> None:
    text = json.dumps({"cniVersion": "1.1.0", **conf}).replace("DATA", str(folder / "ipam"))
    definition = {
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": {"name": name},
        "spec": {"config": text},
    }
    (folder / "cluster" / f"{name}.json").write_text(json.dumps(definition))


@pytest.fixture(
    params=[
        pytest.param(case, id=name, marks=[pytest.mark.uml] if case.uml else [])
        for name, case in CASES.items()
    ]
)
def case(request: pytest.FixtureRequest) -> Case:
    wanted: Case = request.param
    return wanted


def test_add_killed_at_every_step_leaves_nothing_after_del(
    case: Case, fresh: Callable[[Case], World]
) -> None:
    clean = fresh(case)
    all_steps = clean.ask("ADD")
    clean.ask("DEL")
    measure = clean.left()

    assert len(all_steps) >= 3
    for place, step in enumerate(all_steps):
        world = fresh(case)
        with pytest.raises(mortal.Killed):
            world.ask("ADD", die_at=place)
        world.ask("DEL")
        assert world.left() - measure == set(), f"killed before step {place} ({step})"


def test_del_killed_at_every_step_leaves_nothing_after_another_del(
    case: Case, fresh: Callable[[Case], World]
) -> None:
    clean = fresh(case)
    clean.ask("ADD")
    all_steps = clean.ask("DEL")
    measure = clean.left()

    assert all_steps
    for place, step in enumerate(all_steps):
        world = fresh(case)
        world.ask("ADD")
        with pytest.raises(mortal.Killed):
            world.ask("DEL", die_at=place)
        world.ask("DEL")
        assert world.left() - measure == set(), f"killed before step {place} ({step})"


def test_after_a_kill_the_namespace_may_be_gone_too(case: Case, fresh: Callable[[Case], World]) -> None:
    """A node that restarts its runtime loses the namespace with the process."""
    clean = fresh(case)
    all_steps = clean.ask("ADD")
    clean.ask("DEL")
    measure = clean.left_on_host()

    for place, step in enumerate(all_steps):
        world = fresh(case)
        with pytest.raises(mortal.Killed):
            world.ask("ADD", die_at=place)
        world.host.run("ip", "netns", "delete", world.pod.name)
        world.ask("DEL")
        # The kernel takes a namespace down, and the host's ends of what was in it, when it finds the time.
        until(
            lambda world=world: world.left_on_host() <= measure,
            what=f"nothing to be left of {place} ({step})",
        )
