"""Every example comes up, shows what its comment says, and leaves nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ROOT, Commands
from tests.support.netns import Netns

pytestmark = pytest.mark.kernel

EXAMPLES = ROOT / "crds/examples"
LAN = "192.0.2.1"

Shows = Callable[[Commands], None]


def answers(namespace: Netns, address: str, interface: str = "", *, seconds: int = 5) -> bool:
    """Is there an answer within ``seconds``? A gateway's new IPv6 address takes one or two."""
    by = ["-I", interface] if interface else []
    return namespace.run("ping", f"-w{seconds}", "-c1", *by, address, check=False).returncode == 0


def interfaces(sandbox: Commands, pod: str) -> dict[str, tuple[str, list[str]]]:
    """Name -> network and addresses, without lo and what the kernel gives itself."""
    return {
        one["name"]: (
            one["network"],
            [address for address in one["addresses"] if not address.startswith("fe80:")],
        )
        for one in sandbox.json("show", pod)["interfaces"]
        if one["name"] != "lo"
    }


def default_routes(sandbox: Commands, pod: str) -> list[tuple[str, str]]:
    routes: list[dict[str, Any]] = sandbox.json("show", pod)["routes"]
    return [(route["interface"], route["gateway"]) for route in routes if route["dst"] == "default"]


def demo(sandbox: Commands) -> None:
    assert interfaces(sandbox, "web-1") == {
        "eth0": ("pods", ["10.244.0.3/16"]),
        "storage": ("default/storage", ["10.10.0.11/24"]),
        "net2": ("default/lan", ["192.0.2.101/24"]),
    }


def dual_stack(sandbox: Commands) -> None:
    assert interfaces(sandbox, "dual-stack")["dual0"] == ("default/dual", ["10.20.0.2/24", "fd00:20::2/64"])
    assert answers(sandbox.namespace("default.dual-stack"), "fd00:20::1")


def default_route(sandbox: Commands) -> None:
    assert default_routes(sandbox, "out-by-the-lan") == [("net1", LAN)]
    assert answers(sandbox.namespace("default.out-by-the-lan"), LAN)


def default_network(sandbox: Commands) -> None:
    assert interfaces(sandbox, "on-a-wire") == {"eth0": ("kube-system/wire", ["10.30.0.2/24"])}
    assert answers(sandbox.namespace("default.on-a-wire"), LAN)


def host_link(sandbox: Commands) -> None:
    assert interfaces(sandbox, "tunnelled")["net1"] == ("default/tunnel", ["10.42.0.1/24"])
    (link,) = sandbox.namespace("default.tunnelled").json("ip", "-j", "link", "show", "net1")
    assert link["mtu"] == 1450  # what a VXLAN on a link with 1500 leaves


def layer_2(sandbox: Commands) -> None:
    assert interfaces(sandbox, "two-ports") == {
        "eth0": ("pods", ["10.244.0.2/16"]),
        "port0": ("default/segment", []),
        "port1": ("default/segment", []),
    }


def masquerade(sandbox: Commands) -> None:
    assert answers(sandbox.namespace("default.behind-the-node"), LAN, "net1")


def isolated_ports(sandbox: Commands) -> None:
    pod = sandbox.namespace("default.apart-0")
    assert interfaces(sandbox, "apart-1")["net1"] == ("default/apart", ["10.50.0.3/24"])
    assert answers(pod, "10.50.0.1", "net1")
    assert not answers(pod, "10.50.0.3", "net1", seconds=1)


def node_configuration(sandbox: Commands) -> None:
    assert interfaces(sandbox, "archivist")["net1"] == ("default/backup", ["10.60.0.2/24"])


def tenants(sandbox: Commands) -> None:
    assert interfaces(sandbox, "blue/worker") == {
        "eth0": ("pods", ["10.244.0.2/16"]),
        "net1": ("shared/metrics", ["10.70.0.2/24"]),
        "private": ("blue/private", ["10.80.0.2/24"]),
    }
    assert list(interfaces(sandbox, "green/worker")) == ["eth0", "net1"]
    assert len(sandbox.json("show", "green/worker")["networkStatus"]) == 2


SHOW: dict[str, Shows] = {
    "default-network.yaml": default_network,
    "default-route.yaml": default_route,
    "demo": demo,
    "dual-stack.yaml": dual_stack,
    "isolated-ports.yaml": isolated_ports,
    "host-link.yaml": host_link,
    "layer-2.yaml": layer_2,
    "masquerade.yaml": masquerade,
    "node-configuration": node_configuration,
    "tenants": tenants,
}


def test_every_example_is_in_the_table() -> None:
    assert sorted(path.name for path in EXAMPLES.iterdir()) == sorted(SHOW)


@pytest.mark.parametrize("example", SHOW)
def test_an_example_comes_up_and_shows_what_it_says(sandbox: Commands, example: str) -> None:
    sandbox("up", EXAMPLES / example)
    SHOW[example](sandbox)
    sandbox("check")
    sandbox("down")
    assert not sandbox.state.exists()


def test_a_tenant_is_refused_the_network_of_another(sandbox: Commands, tmp_path: Path) -> None:
    """What the comment of the example says."""
    thief = tmp_path / "thief.yaml"
    thief.write_text(
        "kind: Pod\n"
        "metadata: {name: thief, namespace: green, annotations: {k8s.v1.cni.cncf.io/networks: blue/private}}"
    )
    done = sandbox("up", EXAMPLES / "tenants", thief, fails=1)
    assert done.stderr == (
        'green/thief: plugin type="multinet" failed (add): the pod green/thief may not use blue/private: '
        "namespaceIsolation is on; use a definition of namespace 'green', or of a shared one "
        "(globalNamespaces: shared)\n"
    )


def test_all_examples_in_single_files_come_up_together(sandbox: Commands) -> None:
    sandbox("up", EXAMPLES)
    assert len(sandbox.json("ls")) == len(list(EXAMPLES.glob("*.yaml"))) + 1
