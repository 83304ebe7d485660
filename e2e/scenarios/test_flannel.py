"""flannel is the cluster's own network: a daemon of its own on each node, and its plugin's part done by multinet."""

from __future__ import annotations

import json
import shlex
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest

from e2e.cluster.driver import Driver
from e2e.cluster.multinet import Multinet
from e2e.cluster.pods import Space
from e2e.scenarios.networks import macvlan
from tests.support import tree
from tests.support.places import path_of
from tests.support.wait import until

FLANNELD: Final = tree.ROOT / ".cache" / "flannel" / "flannel"
FOLDER: Final = "/run/flannel"
CONF: Final = "/etc/cni/net.d/10-flannel.conflist"
NETWORK: Final = "10.42.0.0/16"
BRIDGE: Final = "flannel0"
VXLAN_MTU: Final = 1450
"""Of a card that has 1500."""
SECONDS = 120.0
CLEAR_SECONDS = 30.0

# As kube-flannel.yml has it, but for the bridge: cni0 is there already, with another network's address.
CONFLIST: Final = {
    "name": "cbr0",
    "cniVersion": "1.0.0",
    "plugins": [
        {
            "type": "flannel",
            "delegate": {"bridge": BRIDGE, "hairpinMode": True, "isDefaultGateway": True},
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}
NET_CONF: Final = {"Network": NETWORK, "EnableNFTables": True, "Backend": {"Type": "vxlan"}}
RIGHTS: Final = [
    {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["nodes/status"], "verbs": ["patch"]},
]
WHO: Final = {"name": "e2e-flannel"}
NAMESPACE: Final = "kube-system"

START: Final = f"""\
set -e
cd {FOLDER}
base64 -d >flanneld
chmod +x flanneld
NODE_NAME=$1 setsid ./flanneld --kube-subnet-mgr --kubeconfig-file=kubeconfig --net-config-path=net-conf.json \\
  --iface=$2 --ip-masq >log 2>&1 </dev/null &
echo $! >pid
"""
"""Its arguments are the names of the node and of its card."""
STOP: Final = f"""\
kill -KILL $(cat {FOLDER}/pid)
rm -f {CONF}
rm -rf {FOLDER}/*
ip link delete flannel.1
ip link delete {BRIDGE}
nft delete table ip flannel-ipv4
:
"""
FIND: Final = """\
find /var/lib/cni/flannel /var/lib/cni/networks/cbr0 -type f ! -name 'lock*' ! -name 'last_reserved_ip.*'
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flannel:
    """On every node; beside it, the cluster's own network is put away."""

    driver: Driver
    multinet: Multinet

    def allow(self) -> None:
        """As kube-flannel.yml does."""
        api = "rbac.authorization.k8s.io"
        subject = {"kind": "ServiceAccount", **WHO, "namespace": NAMESPACE}
        role = {"apiGroup": api, "kind": "ClusterRole", **WHO}
        self.driver.api.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {**WHO, "namespace": NAMESPACE}},
            {"apiVersion": f"{api}/v1", "kind": "ClusterRole", "metadata": WHO, "rules": RIGHTS},
            {
                "apiVersion": f"{api}/v1",
                "kind": "ClusterRoleBinding",
                "metadata": WHO,
                "roleRef": role,
                "subjects": [subject],
            },
        )

    def forbid(self) -> None:
        api = "rbac.authorization.k8s.io/v1"
        for kind in ("ClusterRoleBinding", "ClusterRole"):
            self.driver.api.delete(path_of(api, kind, WHO["name"]))
        self.driver.api.delete(path_of("v1", "ServiceAccount", WHO["name"], NAMESPACE))

    def kubeconfig(self) -> str:
        account = path_of("v1", "ServiceAccount", WHO["name"], NAMESPACE)
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token = self.driver.api.ask("POST", f"{account}/token", asked)["status"]["token"]
        authority = self.driver.api.ask("GET", path_of("v1", "ConfigMap", "kube-root-ca.crt", NAMESPACE))
        trusted = b64encode(authority["data"]["ca.crt"].encode()).decode()
        service = self.driver.api.ask("GET", path_of("v1", "Service", "kubernetes", "default"))
        server = f"https://{service['spec']['clusterIP']}:443"
        said: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority-data": trusted}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        return json.dumps(said)

    def start(self, node: str, number: int) -> None:
        """Return when it has told what the node's subnet is."""
        subnet = f"10.42.{number}.0/24"
        self.driver.api.patch(
            path_of("v1", "Node", node), {"spec": {"podCIDR": subnet, "podCIDRs": [subnet]}}
        )
        for name, text in (("kubeconfig", self.kubeconfig()), ("net-conf.json", json.dumps(NET_CONF))):
            self.write(node, f"{FOLDER}/{name}", text)
        program = b64encode(FLANNELD.read_bytes()).decode()
        self.driver.shell(node, "sh", "-c", START, "sh", node, self.driver.uplink, input=program)
        try:
            until(
                lambda: (
                    not self.driver.shell(node, "test", "-e", f"{FOLDER}/subnet.env", check=False).returncode
                ),
                seconds=SECONDS,
                what="flannel's subnet",
            )
        except AssertionError as error:
            log = self.driver.shell(node, "tail", "-n20", f"{FOLDER}/log").stdout
            raise AssertionError(f"{error}; flanneld on {node} says: {log}") from None

    def write(self, node: str, path: str, text: str) -> None:
        script = f"mkdir -p {shlex.quote(path.rpartition('/')[0])} && cat >{shlex.quote(path)}"
        self.driver.shell(node, "sh", "-c", script, input=text)

    def wait_taken(self, node: str, path: str) -> None:
        """Until multinet there calls the network of that file."""

        def taken() -> bool:
            said = [line for line in self.multinet.logs(node).splitlines() if "primary network taken" in line]
            return bool(said) and path in said[-1]

        until(taken, seconds=SECONDS, what=f"{path} to be the primary network of {node}")

    def left(self, node: str) -> str:
        """The files that flannel's plugin and host-local have of pods."""
        return self.driver.shell(node, "sh", "-c", FIND).stdout

    def subnet(self, node: str) -> Mapping[str, str]:
        lines = self.driver.shell(node, "cat", f"{FOLDER}/subnet.env").stdout.split()
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def flannel(driver: Driver, multinet: Multinet) -> Iterator[Flannel]:
    """The primary network of every node; after the test it is what it was before."""
    if any(node["spec"].get("podCIDR") for node in driver.api.items("/api/v1/nodes")):
        pytest.skip("the nodes have subnets of another network already")
    find = "cd /etc/cni/net.d && ls | grep -v multinet | grep conf | head -1"
    before = {node: driver.shell(node, "sh", "-c", find).stdout.strip() for node in driver.nodes}
    found = Flannel(driver=driver, multinet=multinet)
    found.allow()
    try:
        for number, node in enumerate(driver.nodes, 1):
            found.start(node, number)
            found.write(node, CONF, json.dumps(CONFLIST, indent=2))
            driver.shell(node, "mv", f"/etc/cni/net.d/{before[node]}", "/etc/cni/")
        for node in driver.nodes:
            found.wait_taken(node, CONF)
        yield found
    finally:
        for node, name in before.items():
            driver.shell(node, "sh", "-c", f"test ! -e /etc/cni/{name} || mv /etc/cni/{name} /etc/cni/net.d/")
            driver.shell(node, "sh", "-c", STOP, check=False)
            found.wait_taken(node, name)
        found.forbid()


def test_pods_of_two_nodes_reach_each_other_by_flannel_and_by_a_further_network(
    flannel: Flannel, space: Space
):
    space.define("far", macvlan(space, {"type": "static"}, capabilities={"ips": True}))
    nodes = space.driver.nodes[:2]
    names = ("one", "two")
    for number, (name, node) in enumerate(zip(names, nodes, strict=True), 1):
        space.pod(name, [{"name": "far", "ips": [f"10.9.30.{number}/24"]}], node=node)
    space.wait_ready(*names)

    inside = [space.inside(name) for name in names]
    for number, (name, node, seen) in enumerate(zip(names, nodes, inside, strict=True), 1):
        assert list(seen.interfaces) == ["eth0", "net1"]
        first = seen.interfaces["eth0"]
        assert [one.rpartition(".")[0] for one in first.addresses] == [f"10.42.{number}"]
        assert flannel.subnet(node)["FLANNEL_SUBNET"] == f"10.42.{number}.1/24"
        assert first.mtu == VXLAN_MTU
        assert f"10.42.0.0/16 via 10.42.{number}.1 dev eth0" in seen.routes
        assert [one["name"] for one in space.status(name)] == ["cbr0", f"{space.name}/far"]

    assert all(flannel.left(node) for node in nodes)
    for name, node, peer in (("one", nodes[0], 2), ("two", nodes[1], 1)):
        (address,) = space.addresses(names[peer - 1], "eth0")
        assert "dev flannel.1" in space.driver.shell(node, "ip", "route", "get", address).stdout
        assert space.reaches(name, address)
        assert space.reaches(name, f"10.9.30.{peer}", by="net1")

    space.delete(*names)
    for node in nodes:
        until(
            lambda node=node: not flannel.left(node),
            seconds=CLEAR_SECONDS,
            what="no address of flannel's to be taken, and none of its delegates to be remembered",
        )
