"""What the agent keeps of a node, written as the agent writes it, without an agent."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from multinet.cli import main
from multinet.cni.netconf import NetConfList
from multinet.cni.types import Address, Interface, Route
from multinet.cni.types import Result as CniResult
from multinet.daemon.world import BOOT_ID
from multinet.plan import Attachment, Outcome, Phase, Plan, Pod, Record
from multinet.state.attachments import Attachments

AGO_SECONDS = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeFiles:
    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def conf_dir(self) -> Path:
        return self.folder / "net.d"

    @property
    def ipam(self) -> Path:
        return self.folder / "ipam"

    @property
    def attachments(self) -> Attachments:
        return Attachments(self.folder / "state")

    def write(self, **settings: Any) -> None:
        """The agent's settings and the cluster's own network, bridge and host-local."""
        self.conf_dir.mkdir(parents=True, exist_ok=True)
        (self.conf_dir / "10-pods.conflist").write_text(json.dumps(self.primary()))
        agent = {
            "nodeName": "node-1",
            "cniConfDir": str(self.conf_dir),
            "socket": str(self.folder / "run" / "agent.sock"),
            "metrics": f"unix:{self.folder}/run/probes.sock",
            "podResourcesSocket": str(self.folder / "kubelet.sock"),
            "kubeletCheckpoint": str(self.folder / "checkpoint"),
            **settings.pop("agent", {}),
        }
        content = {
            "stateDir": str(self.folder / "state"),
            "multusDir": str(self.folder / "multus"),
            "runtimeCacheDir": str(self.folder / "libcni"),
            "binDir": str(self.folder / "bin"),
            "allowedPaths": [str(self.folder)],
            **settings,
            "agent": agent,
        }
        self.config.write_text(yaml.safe_dump(content))

    def primary(self) -> dict[str, Any]:
        return {
            "cniVersion": "1.0.0",
            "name": "pods",
            "plugins": [{"type": "bridge", "bridge": "br0", "ipam": self.host_local("10.244.0.0/28")}],
        }

    def host_local(self, subnet: str) -> dict[str, Any]:
        return {"type": "host-local", "dataDir": str(self.ipam), "ranges": [[{"subnet": subnet}]]}

    def give(self, network: str, address: str, owner: str, *, seconds_ago: float = AGO_SECONDS) -> Path:
        """An address, as host-local reserves it."""
        folder = self.ipam / network
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "lock").touch()
        file = folder / address
        file.write_bytes(owner.encode())
        then = time.time() - seconds_ago
        os.utime(file, (then, then))
        return file

    def record(
        self, pod: str, container_id: str, netns: str, *, mac: str = "", finished: bool = True
    ) -> None:
        """A pod with an address of the cluster's own network, on record."""
        namespace, _, name = pod.partition("/")
        network = Attachment(
            network="pods", ifname="eth0", conflist=NetConfList.of(self.primary()), is_default=True
        )
        plan = Plan(
            container_id=container_id,
            ifname="eth0",
            netns=netns,
            pod=Pod(namespace=namespace, name=name),
            attachments=(network,),
        )
        result = CniResult(
            interfaces=(Interface(name="br0"), Interface(name="eth0", mac=mac, sandbox=netns)),
            ips=(Address(address=ip_interface("10.244.0.2/28"), interface=1),),
            routes=(Route(dst=ip_interface("192.0.2.0/24"), gw=ip_interface("10.244.0.1/28").ip),),
        )
        boot_id = BOOT_ID.read_text(encoding="ascii").strip()
        record = Record(plan=plan, phase=Phase.INTENDED, boot_id=boot_id)
        if finished:
            record = record.done([Outcome(attachment=network, result=result)])
        self.attachments.write(record)

    def run(self, *argv: str, fails: int = 0, input: str | None = None) -> Result:
        """``multinet ... --config``, in this process."""
        return run(*argv, "--config", str(self.config), fails=fails, input=input)

    def json(self, *argv: str, fails: int = 0) -> Any:
        return json.loads(self.run(*argv, "-o", "json", fails=fails).stdout)


def run(
    *argv: str, fails: int | None = 0, input: str | None = None, env: Mapping[str, str] | None = None
) -> Result:
    """A status other than ``fails`` is an AssertionError with all that was said; None: any may be."""
    done = CliRunner().invoke(main, list(argv), input=input, env=env, catch_exceptions=False)
    assert fails is None or done.exit_code == fails, done.output
    return done
