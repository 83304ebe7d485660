"""A node's past: pods set up by running the reference's programs and writing what Multus and libcni write."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.netns import Netns
from tests.support.plugins import PROGRAMS
from tests.verbs.node import CLUSTER, Node


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """What Multus delegated to: ``conf`` is a plugin's configuration or a list, ``name`` what Multus calls it."""

    name: str
    conf: dict[str, Any]
    ifname: str = ""
    """As the annotation asks for."""
    cached: bool = True
    """Did its ADD end well, so that libcni remembers it?"""

    @property
    def plugins(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.conf.get("plugins", [self.conf])
        return listed


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """Whoever set pods up before us on this node, with the programs in ``peers``."""

    node: Node
    peers: Path

    @property
    def scratch(self) -> Path:
        return self.node.folder / "multus"

    def files(self) -> list[str]:
        """What is remembered, by Multus and by the runtime's libcni."""
        found = []
        for folder in (self.scratch, self.node.folder / "libcni"):
            found += [str(file.relative_to(folder.parent)) for file in folder.rglob("*") if file.is_file()]
        return sorted(found)

    def multus(
        self, pod: Netns, *networks: Network, container: str = "c1", plugged_in: tuple[Network, ...] = ()
    ) -> None:
        """What Multus's ADD does, and for ``plugged_in`` what its controller does later."""
        self.scratch.mkdir(mode=0o700, exist_ok=True)
        (self.scratch / container).write_text(json.dumps([_delegate(one) for one in networks]))
        for place, network in enumerate((*networks, *plugged_in)):
            ifname = network.ifname or (f"net{place}" if place else "eth0")
            if network.cached:
                self.attach(pod, network, self.scratch, container=container, ifname=ifname)

    def attach(
        self, pod: Netns, network: Network, cache: Path, *, container: str = "c1", ifname: str = "eth0"
    ) -> dict[str, Any]:
        """What libcni's ADD does: every plugin in order, then the cache. The result."""
        args = {"IgnoreUnknown": "true", "K8S_POD_NAMESPACE": "default", "K8S_POD_NAME": "cart"}
        env = {
            "CNI_COMMAND": "ADD",
            "CNI_CONTAINERID": container,
            "CNI_NETNS": pod.path,
            "CNI_IFNAME": ifname,
            "CNI_PATH": str(self.peers),
            "CNI_ARGS": ";".join(f"{key}={value}" for key, value in args.items()),
            "PATH": PROGRAMS,
        }
        result: dict[str, Any] = {}
        for plugin in network.plugins:
            whole = {**plugin, "name": network.conf["name"], "cniVersion": network.conf["cniVersion"]}
            if result:
                whole["prevResult"] = result
            text = json.dumps(self.node._placed(whole)).encode()
            done = self.node.host.run(self.peers / plugin["type"], input=text, env=env)
            result = json.loads(done.stdout)
        config = json.dumps(self.node._placed(network.conf)).encode()
        known = {
            "kind": "cniCacheV1",
            "containerId": container,
            "config": base64.b64encode(config).decode(),
            "ifName": ifname,
            "networkName": network.conf["name"],
            "netns": pod.path,
            "cniArgs": [[key, value] for key, value in args.items()],
            "result": result,
        }
        (cache / "results").mkdir(parents=True, exist_ok=True)
        (cache / "results" / f"{network.conf['name']}-{container}-{ifname}").write_text(json.dumps(known))
        return result


def placed(past: Past, network: Network) -> Network:
    """The same with its folders in the test's own."""
    return Network(
        name=network.name,
        conf=past.node._placed(network.conf),
        ifname=network.ifname,
        cached=network.cached,
    )


def _delegate(network: Network) -> dict[str, Any]:
    """types.DelegateNetConf: what is not in ``Bytes`` has lost the plugins' own keys."""
    conf, listed = network.conf, "plugins" in network.conf
    entry: dict[str, Any] = {
        "Conf": {
            "cniVersion": conf["cniVersion"],
            "name": conf["name"],
            "type": conf.get("type", ""),
            "ipam": {},
        },
        "ConfList": {"plugins": [{"type": one["type"]} for one in conf["plugins"]]} if listed else {},
        "Name": network.name,
        "IsFilterV4Gateway": False,
        "IsFilterV6Gateway": False,
        "Bytes": base64.b64encode(json.dumps(conf).encode()).decode(),
    }
    if network.ifname:
        entry["ifnameRequest"] = network.ifname
    return entry


FIRST = Network(name="cluster", conf=CLUSTER)
NOTHING: tuple[list[str], list[str], list[str], list[str]] = ([], [], [], [])


def left(past: Past, pod: Netns) -> tuple[list[str], list[str], list[str], list[str]]:
    """Links in the pod, the host's ends, addresses, what is remembered."""
    node = past.node
    ends = [link for link in node.host.links() if link.startswith("veth")]
    held = [
        f"{network} {address}"
        for network in ("cluster", "net-a", "net-b")
        for address in node.addresses(network)
    ]
    return pod.links(), ends, held, past.files()


def spy(past: Past, name: str) -> None:
    """An executable that notes what it is called with; its result holds the network's name."""
    program = past.node.folder / "bin" / name
    program.write_text(
        "#!/usr/bin/python3\n"
        "import json, os, sys\n"
        "conf = json.load(sys.stdin)\n"
        "said = {key: os.environ.get(key) for key in ('CNI_COMMAND', 'CNI_IFNAME', 'CNI_ARGS')}\n"
        f"with open({str(past.node.folder / 'calls')!r}, 'a') as file:\n"
        "    file.write(json.dumps([said, conf]) + '\\n')\n"
        "print(json.dumps({'cniVersion': conf['cniVersion'], 'dns': {'domain': conf['name']}}))\n"
    )
    program.chmod(0o755)


def calls(past: Past) -> list[tuple[Any, ...]]:
    found = []
    for line in (past.node.folder / "calls").read_text().splitlines():
        env, conf = json.loads(line)
        found.append((*env.values(), conf["name"], conf.get("prevResult"), "last" in conf))
    return found
