"""README.md, "On a node of a cluster": what an operator types works, and what he reads is said.

The commands run as they stand, one after the other, in a mount namespace whose /etc, /opt, /run and /var/lib are
copies, with the real API server behind the agent and only the capabilities that the README names. Left out are
what fetches packages (`tests/shim` builds and opens the wheel) and kubectl, whose part the administrator plays.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from multinet.config import Settings
from tests.conftest import ROOT
from tests.support import kubeobjects
from tests.support.controlplane import AGENT, NODE, ControlPlane
from tests.support.netns import Netns
from tests.support.node import NETWORKS, STATUS
from tests.support.wait import until

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.split("\n## On a node of a cluster\n", 1)[1].split("\n## ", 1)[0]
COMMANDS = re.findall(r"^    (\S.*)$", SECTION, re.MULTILINE)
FETCHES = ("python3 -m pip wheel ", "python3 -m venv ", "/opt/multinet/bin/pip install ")
STARTS = "/opt/multinet/bin/python -m multinet.daemon --config "

COPIES = """
set -e
mount -t tmpfs layers "$1"
for folder in etc opt run var/lib; do
    mkdir -p "$1/$folder/upper" "$1/$folder/work"
done
mkdir "$1/netns"
mount --rbind /run/netns "$1/netns"
for folder in etc opt run var/lib; do
    mount -t overlay "$folder" -o "lowerdir=/$folder,upperdir=$1/$folder/upper,workdir=$1/$folder/work" "/$folder"
done
mkdir -p /run/netns /etc/cni/net.d /etc/multinet
mount --rbind "$1/netns" /run/netns
ln -s "$2" /opt/multinet
echo made
exec cat
"""

PRIMARY = {
    "cniVersion": "1.0.0",
    "name": "cluster",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "br0",
            "isGateway": True,
            "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/16"}]]},
        }
    ],
}
MULTUS = {
    "cniVersion": "0.3.1",
    "name": "multus-cni-network",
    "type": "multus",
    "cniDir": "/var/lib/cni/multus",
    "namespaceIsolation": True,
    "clusterNetwork": "/etc/cni/net.d/10-cluster.conflist",
}


@dataclass(kw_only=True)
class Machine:
    """A node whose folders are its own: ``pid`` holds the mount namespace, ``host`` is its network."""

    pid: int
    host: Netns
    log_file: Path
    agent: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

    def command(self, *argv: str) -> list[str]:
        return ["nsenter", f"--mount=/proc/{self.pid}/ns/mnt", f"--wdns={ROOT}", "--", *argv]

    def run(self, line: str, *, beside_agent: bool = False, **env: str) -> subprocess.CompletedProcess[str]:
        """As the operator types it, on the node. ``beside_agent``: where the API server is, which is not there."""
        variables = [f"{key}={value}" for key, value in env.items()]
        argv = self.command("env", *variables, "bash", "-c", line)
        return subprocess.run(
            argv if beside_agent else self.host.command(*argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def write(self, path: str, content: str) -> None:
        subprocess.run(
            self.command("tee", path), input=content.encode(), stdout=subprocess.DEVNULL, check=True
        )

    def start(self, line: str) -> None:
        """Where the API server is, and as an agent in a container would: with what it is said to need."""
        wanted = re.findall(r"`([A-Z_]+)`", line_of("the capabilities `"))
        bounded = ",".join(["-all", *(f"+{name.lower()}" for name in wanted)])
        limits = ["setpriv", "--pdeathsig", "KILL", "--inh-caps=-all", f"--bounding-set={bounded}"]
        with self.log_file.open("wb") as file:
            self.agent = subprocess.Popen(
                self.command(*limits, *line.split()), stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )

    def stop(self) -> None:
        assert self.agent is not None
        self.agent.send_signal(signal.SIGTERM)
        assert self.agent.wait(30) == 0, self.log

    def call(self, verb: str, sandbox: Netns, pod: dict[str, Any]) -> dict[str, Any]:
        metadata = pod["metadata"]
        args = f"K8S_POD_NAMESPACE={metadata['namespace']};K8S_POD_NAME={metadata['name']}"
        conf = {"cniVersion": "1.1.0", "name": "multinet", "type": "multinet"}
        done = self.run(
            f"echo '{json.dumps(conf)}' | /opt/cni/bin/multinet",
            CNI_COMMAND=verb,
            CNI_CONTAINERID="container-1",
            CNI_NETNS=sandbox.path,
            CNI_IFNAME="eth0",
            CNI_ARGS=args,
            CNI_PATH="/opt/cni/bin",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
        return said

    def ls(self, folder: str) -> list[str]:
        return self.run(f"ls {folder}").stdout.split()


def line_of(words: str) -> str:
    (line,) = (one for one in SECTION.splitlines() if words in one)
    return line


@pytest.fixture
def machine(tmp_path: Path, host: Netns, pod: Netns, control_plane: ControlPlane) -> Iterator[Machine]:
    """``pod`` is named so that its namespace is there before the folders are copied."""
    layers = tmp_path / "layers"
    layers.mkdir()
    holder = subprocess.Popen(
        [
            *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private"),
            *("sh", "-c", COPIES, "sh", layers, Path(sys.executable).parent.parent),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    made = Machine(pid=holder.pid, host=host, log_file=tmp_path / "agent.log")
    try:
        assert holder.stdout.readline() == b"made\n"
        made.write("/etc/cni/net.d/10-cluster.conflist", json.dumps(PRIMARY))
        made.write("/etc/cni/net.d/00-multus.conf", json.dumps(MULTUS))
        made.write("/etc/multinet/kubeconfig", control_plane.kubeconfig(AGENT).read_text())
        (config,) = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
        assert yaml.safe_load(config)["agent"]["nodeName"] == NODE
        made.write("/etc/multinet/config.yaml", config)
        yield made
    finally:
        if made.agent is not None and made.agent.poll() is None:
            made.agent.kill()
            made.agent.wait()
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()


@pytest.mark.kernel
@pytest.mark.cluster
@pytest.mark.usefixtures("shim")
def test_the_commands_install_the_agent_serve_a_pod_and_remove_it_again(
    machine: Machine, pod: Netns, tmp_path: Path, control_plane: ControlPlane, kube_namespace: str
):
    conf = {"cniVersion": "1.1.0", "type": "bridge", "bridge": "br1"}
    kubeobjects.nad(control_plane, kube_namespace, "lan", conf)
    web = kubeobjects.pod(control_plane, kube_namespace, "web", {NETWORKS: "lan"})

    def status() -> list[str]:
        metadata = kubeobjects.get_pod(control_plane, kube_namespace, "web")["metadata"]
        return [entry["interface"] for entry in json.loads(metadata["annotations"][STATUS])]

    def typed(command: str) -> str:
        said = machine.run(command)
        assert said.returncode == 0, f"{command}: {said.stdout}{said.stderr}{machine.log}"
        return said.stdout

    for command in [one for one in COMMANDS if not one.startswith(FETCHES)]:
        if command.startswith("kubectl apply "):
            for file in re.findall(r"-f (\S+)", command):
                kubeobjects.apply_manifest(control_plane, (ROOT / file).read_text())
        elif command.startswith(STARTS):
            machine.start(command)
            (ready,) = (one for one in COMMANDS if one.endswith(" readyz"))
            until(lambda ready=ready: machine.run(ready).returncode == 0, seconds=30, what="readyz")
        elif command.endswith("/multinet doctor"):
            said = machine.run(command, beside_agent=True)
            assert (said.returncode, said.stderr) == (0, ""), said.stdout + machine.log
            assert (
                "\nok       primary network    the cluster's own network is cluster (bridge)" in said.stdout
            )
        elif "CNI_COMMAND=STATUS" in command:
            assert typed(command) == ""
            assert machine.call("ADD", pod, web)["ips"][0]["address"] == "10.244.0.2/16"
            assert status() == ["eth0", "net1"]
        elif " migrate " in command:
            migrated = Settings.parse(yaml.safe_load(typed(command)), primary_is_found=True)
            assert (migrated.namespace_isolation, str(migrated.multus_dir)) == (True, MULTUS["cniDir"])
        elif command.startswith("kubectl drain "):
            machine.call("DEL", pod, web)
            machine.stop()
            assert machine.ls("/etc/cni/net.d")[0] == "00-multinet.conflist"
        else:
            typed(command)
    assert machine.ls("/etc/cni/net.d") == ["00-multus.conf", "10-cluster.conflist"]
    assert machine.ls("/opt/cni/bin") == []
    assert machine.ls("/var/lib/cni/networks/cluster") == ["last_reserved_ip.0", "lock"]
    assert "multinet" not in machine.ls("/run") + machine.ls("/var/lib/cni")


def test_the_places_it_needs_are_those_of_its_settings() -> None:
    settings = Settings.parse({}, primary_is_found=True)
    agent = settings.agent
    table = [line.split("|")[1] for line in SECTION.splitlines() if line.startswith("| `/")]
    told = {Path(place) for cell in table for place in re.findall(r"`([^`]+)`", cell)}
    needed = {
        agent.socket,
        Path(agent.metrics.removeprefix("unix:")),
        agent.cni_conf_dir,
        settings.conf_dir,
        settings.state_dir,
        settings.multus_dir,
        settings.runtime_cache_dir,
        settings.device_info_dir,
        agent.pod_resources_socket,
        agent.kubelet_checkpoint,
    }

    assert {place for place in needed if not any(place.is_relative_to(one) for one in told)} == set()
    daemon_set = yaml.safe_load((ROOT / "deploy" / "manifests" / "daemonset.yaml").read_text())
    volumes = daemon_set["spec"]["template"]["spec"]["volumes"]
    paths = {Path(one["hostPath"]["path"]) for one in volumes if "hostPath" in one}
    mounted = paths - {Path(settings.bin_dir)}
    assert {place for place in told if not any(place.is_relative_to(one) for one in mounted)} == set()
    assert {one for one in mounted if not any(place.is_relative_to(one) for place in told)} == set()
