"""The image, as a cluster runs it: real containers of the real containerd and runc, with the rights of the manifest
and none besides; the API server behind the agent, and pods of the same runtime in front of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from deploy.image.archive import full_name
from deploy.image.assemble import default_name
from tests.daemon.runtime.conftest import MakePod
from tests.support import kubeobjects
from tests.support.container import Container, Mount, host_network, seconds_until
from tests.support.containerd import Containerd
from tests.support.controlplane import AGENT, NODE, ControlPlane
from tests.support.netns import Netns
from tests.support.node import STATUS
from tests.support.proxy import Proxy

pytestmark = [pytest.mark.kernel, pytest.mark.cluster]

CAPABILITIES: Final = ("NET_ADMIN", "NET_RAW", "SYS_ADMIN")
MEBIBYTE: Final = 1 << 20
MEMORY: Final = 128 * MEBIBYTE
MOST_MEBIBYTES: Final = 60
"""What the agent may use, and what it has used after a pod: its files in the page cache are in it."""
START_SECONDS: Final = 20.0
"""From the runtime's start of the container until the agent is ready: 2 s on an idle machine."""

SECRETS: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
PROBE: Final = ("python3", "-m", "multinet.daemon.probe")

PRIMARY: Final = {
    "cniVersion": "1.0.0",
    "name": "cluster",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "br0",
            "isGateway": True,
            "ipMasq": True,
            "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/16"}]]},
        }
    ],
}
LAN: Final = {
    "cniVersion": "1.0.0",
    "name": "lan",
    "plugins": [
        {
            "type": "macvlan",
            "master": "br0",
            "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.9.1.0/24"}]]},
        },
        {"type": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}, "mtu": 1400},
    ],
}


class Node:
    """A node whose folders are below ``folder``, in the places that the manifest mounts."""

    def __init__(self, folder: Path, host: Netns) -> None:
        self.folder = folder
        self.host = host
        self.runtime: Containerd
        self.pod: dict[str, Any] = {}
        self.sandbox = ""
        self.env: dict[str, str] = {}

    def place(self, path: str) -> Path:
        made = self.folder / path.lstrip("/")
        made.mkdir(parents=True, exist_ok=True)
        return made

    def mounts(self) -> list[Mount]:
        both = ("/run/multinet", "/etc/cni/net.d", "/var/lib/cni", "/run/cni", "/var/run/k8s.cni.cncf.io")
        read = ("/etc/multinet", "/var/lib/kubelet/pod-resources", "/var/lib/kubelet/device-plugins", SECRETS)
        netns = Path(self.runtime.folder, "state", "io.containerd.grpc.v1.cri", "netns")
        netns.mkdir(parents=True, exist_ok=True)
        return [
            *(Mount(host=self.place(path), container=path) for path in both),
            *(Mount(host=self.place(path), container=path, readonly=True) for path in read),
            Mount(host=netns, container=str(netns), readonly=True, follows=True),
            Mount(host=Path("/proc/sys"), container="/host/proc/sys"),
        ]

    def container(self, name: str, **how: Any) -> Container:
        return Container.create(
            self.runtime,
            self.pod,
            self.sandbox,
            **{"name": name, "image": default_name(), "mounts": self.mounts(), "env": self.env, **how},
        )


@pytest.fixture
def node(
    tmp_path: Path,
    netns: Callable[..., Netns],
    control_plane: ControlPlane,
    kube_namespace: str,
    image: Path,
    pause: None,
) -> Iterator[Node]:
    """Its runtime runs and has the image; the pod of the agent has its sandbox."""
    with ExitStack() as stack:
        made = Node(tmp_path / "n", netns("host"))
        made.host.ip("link", "set", "lo", "up")
        (made.place("/etc/cni/net.d") / "10-cluster.conflist").write_text(json.dumps(PRIMARY))
        for path in (
            "/run/cni/tuning",
            "/run/cni",
        ):  # as the reference's tuning leaves them to who comes after it
            made.place(path).chmod(0o600)
        settings = {"agent": {"sysctlDir": "/host/proc/sys"}}
        (made.place("/etc/multinet") / "config.yaml").write_text(yaml.safe_dump(settings))
        (made.place(SECRETS) / "ca.crt").write_bytes(control_plane.ca_file.read_bytes())
        (made.place(SECRETS) / "token").write_text(control_plane.token_file(AGENT).read_text())
        api = stack.enter_context(Proxy(control_plane.port, namespace=made.host.path))
        made.env = {
            "NODE_NAME": NODE,
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(api.port),
        }
        made.runtime = stack.enter_context(
            Containerd(
                tmp_path / "cd",
                host=made.host,
                conf_dir=made.place("/etc/cni/net.d"),
                bin_dir=made.place("/opt/cni/bin"),
                env={"MULTINET_SOCKET": str(made.place("/run/multinet") / "agent.sock")},
            )
        )
        made.runtime.import_image(image, full_name(default_name()))
        made.pod = kubeobjects.pod(control_plane, "kube-system", f"multinet-{kube_namespace}")
        made.sandbox = made.runtime.cri.run(host_network(made.runtime, made.pod))
        yield made


@pytest.fixture
def agent(node: Node) -> Container:
    return node.container("agent", capabilities=CAPABILITIES, memory=MEMORY)


def install(node: Node, name: str = "install") -> list[str]:
    """The init container, from start to end; what it printed of the program and of its link."""
    folder = "/host/opt/cni/bin"
    made = node.container(
        name,
        command=[
            *("multinet", "install", "--bin-dir", folder, "--config", "/etc/multinet/config.yaml"),
            *("--link", "loopback"),  # which containerd itself calls, and nothing else is on this node
        ],
        mounts=[*node.mounts(), Mount(host=node.place("/opt/cni/bin"), container=folder)],
    )
    made.start()
    assert made.ended() == 0, made.output()
    return made.output().splitlines()


def test_a_container_of_the_image_with_three_capabilities_serves_the_nodes_pods(
    node: Node,
    agent: Container,
    control_plane: ControlPlane,
    kube_namespace: str,
    pod: MakePod,
):
    program, link = "/host/opt/cni/bin/multinet", "/host/opt/cni/bin/loopback"
    assert install(node) == [f"installed {program}", f"linked {link}"]
    first = node.place("/opt/cni/bin") / "multinet"
    inode = first.stat().st_ino
    assert install(node, "again") == [f"{program} is there already", f"{link} is there already"]
    assert first.stat().st_ino == inode
    first.write_bytes(b"another release")
    with first.open("rb") as running:  # as a call that runs it has it open
        assert install(node, "upgrade")[0] == f"replaced {program}"
        assert os.fstat(running.fileno()).st_ino != first.stat().st_ino
    assert first.stat().st_mode & 0o777 == 0o755
    assert sorted(os.listdir(first.parent)) == ["loopback", "multinet"]

    agent.start()
    took = seconds_until(
        lambda: agent.execute(*PROBE, "readyz")[0] == 0, seconds=START_SECONDS, what="the agent to be ready"
    )
    assert agent.execute(*PROBE, "livez") == (0, "")
    node.runtime.wait_network("multinet")
    kubeobjects.nad(control_plane, kube_namespace, "lan", LAN)
    web = pod("lan")
    one = node.runtime.run(web)

    namespace = node.runtime.netns(one)
    assert namespace.links() == ["eth0", "net1"]
    assert namespace.addresses("eth0") == ["10.244.0.2/16"]
    assert namespace.addresses("net1") == ["10.9.1.2/24"]
    assert namespace.sysctl("net/ipv4/conf/net1/arp_filter") == "1"
    assert namespace.sysctl("net/ipv4/conf/eth0/arp_filter") == "0"
    assert namespace.json("ip", "-j", "link", "show", "net1")[0]["mtu"] == 1400
    assert node.host.sysctl("net/ipv4/ip_forward") == "1"
    assert "10.244.0.2" in node.host.run("iptables", "-t", "nat", "-S").stdout
    assert namespace.run("ping", "-c", "1", "10.244.0.1").returncode == 0
    told = kubeobjects.get_pod(control_plane, kube_namespace, web["metadata"]["name"])["metadata"][
        "annotations"
    ]
    assert [entry["interface"] for entry in json.loads(told[STATUS])] == ["eth0", "net1"]

    peak = agent.peak_bytes() / MEBIBYTE
    node.runtime.cri.stop(one)
    node.runtime.cri.remove(one)
    assert "10.244.0.2" not in node.host.run("iptables", "-t", "nat", "-S").stdout
    kept = node.place("/var/lib/cni")
    assert sorted(os.listdir(kept / "networks" / "cluster")) == ["last_reserved_ip.0", "lock"]
    assert os.listdir(kept / "multinet" / "sandboxes") == []
    assert node.host.links() == ["br0"]

    agent.stop()
    assert agent.ended() == 0
    assert [line for line in agent.lines() if line["level"] in ("warning", "error")] == []
    print(f"ready {took:.2f} s after its start; at most {peak:.1f} MiB")
    assert peak < MOST_MEBIBYTES


def test_what_the_container_may_do_is_what_was_asked_for(node: Node, agent: Container):
    spec = agent.spec()

    assert spec["process"]["capabilities"]["bounding"] == [f"CAP_{name}" for name in CAPABILITIES]
    assert spec["process"]["noNewPrivileges"] is True
    assert spec["root"]["readonly"] is True
    assert spec["linux"]["seccomp"]["defaultAction"] == "SCMP_ACT_ERRNO"
    assert [one["type"] for one in spec["linux"]["namespaces"]] == ["pid", "ipc", "uts", "mount", "network"]
    assert spec["process"]["user"] == {"uid": 0, "gid": 0, "additionalGids": [0]}
