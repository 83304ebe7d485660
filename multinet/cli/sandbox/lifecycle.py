"""How a node and its pods come and go: the stories of ``up`` and ``down``.

Both tell what happened pod by pod, and one pod's failure is not another's. What a pod needs is written down
before it is made, so whatever dies in the midst, ``down`` still finds it, and ``up`` begins anew.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from multinet import files
from multinet.cli.sandbox import manifests, netns, settings
from multinet.cli.sandbox import node as nodes
from multinet.cli.sandbox.home import Home
from multinet.cli.sandbox.ledger import Ledger, Node, Phase, Pod
from multinet.cli.sandbox.manifests import Manifest
from multinet.cli.sandbox.runtime import Runtime
from multinet.errors import InvalidConfig, MultinetError
from multinet.folder.cluster import FolderCluster
from multinet.kernel.namespace import Namespace

POD_ANNOTATIONS = "io.kubernetes.cri.pod-annotations"
PORT_MAPPINGS = "portMappings"


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """``failed`` makes the whole command fail, at its end."""

    to: str
    words: str
    failed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Sandbox:
    """One node, and how to work on it."""

    home: Home
    ledger: Ledger
    say: Callable[[str], None]

    @classmethod
    def of(cls, home: Home, node: str, say: Callable[[str], None]) -> Sandbox:
        return cls(home=home, ledger=Ledger(home.folder, node), say=say)

    def node(self) -> Node:
        """Raises InvalidConfig when there is none."""
        found = self.ledger.node()
        if found is None:
            raise InvalidConfig(
                f"there is no node {self.ledger.node_name} in {self.home.folder}",
                hint="make one by `multinet sandbox up DIR`",
            )
        return found

    def runtime(self, node: Node) -> Runtime:
        return Runtime(ledger=self.ledger, node=node, say=self.say)

    def up(
        self, paths: Sequence[Path], *, config: Path | None, here: bool, cni_path: str
    ) -> Iterator[Happened]:
        """Everything that can be wrong with the files is said before anything is made."""
        objects = manifests.read(paths)
        wanted = manifests.pods(objects)
        if not wanted:
            raise InvalidConfig(f"there is no Pod in {', '.join(map(str, paths))}")
        chosen = settings.choose(config, paths)
        with self.home.locked():
            node = self._node(here)
            node = replace(node, config=settings.place(chosen, self.ledger), cni_path=cni_path)
            self.ledger.write_node(node)
            manifests.store(objects, self.ledger.cluster)
            manifests.store_configurations(paths, self.ledger.conf_dir)
            for manifest in wanted:
                yield self._bring_up(manifest, node)

    def down(self, names: Sequence[str], *, force: bool) -> Iterator[Happened]:
        """The latest pod first; without names also the node. What could not be removed can be tried again."""
        if not self.ledger.folder.exists():
            yield Happened(to=f"node {self.ledger.node_name}", words="is not there")
            return
        with self.home.locked():
            node = self.ledger.node()
            if node is None:  # its making had hardly begun
                self.ledger.remove()
                yield Happened(to=f"node {self.ledger.node_name}", words="is down")
                return
            for pod in reversed(self.ledger.pods()):
                if not names or pod.name in names or str(pod) in names:
                    yield from self._take_down(pod, node, force=force)
            if not names:
                yield self._remove(node)

    def check(self, pods: Sequence[Pod]) -> Iterator[Happened]:
        """CNI CHECK of each."""
        runtime = self.runtime(self.node())
        for pod in pods:
            try:
                runtime.check(pod)
                yield Happened(to=str(pod), words="is as it was made")
            except MultinetError as error:
                yield Happened(to=str(pod), words=sentence(error), failed=True)

    def _node(self, here: bool) -> Node:
        """The node that is there, or a new one."""
        found = self.ledger.node()
        if found is not None and found.here != here:
            where = "the namespace that it was called in" if found.here else "a namespace of its own"
            raise InvalidConfig(
                f"the node {found.name} is up as {where}", hint="take it down first, or choose another --node"
            )
        if found is not None and found.phase is Phase.UP and nodes.is_there(found):
            return found
        if found is not None:
            self._wipe(found)
        elif not here:
            refuse_strangers(Node(name=self.ledger.node_name, here=here))
        self.home.prepare()
        node = Node(name=self.ledger.node_name, here=here)
        self.ledger.write_node(node)
        if not here:
            try:
                nodes.make(node)
            except BaseException:
                self._wipe(node)
                raise
        return replace(node, phase=Phase.UP)

    def _wipe(self, node: Node) -> None:
        """A node that is gone or was never finished: nothing that is known of it is true any more."""
        for pod in self.ledger.pods():
            netns.remove(pod.netns_name)
        nodes.remove(node)
        self.ledger.remove()

    def _bring_up(self, manifest: Manifest, node: Node) -> Happened:
        if manifest.host_network:
            return Happened(to=str(manifest), words="uses the node's network: nothing to do")
        pod = Pod(
            node=node.name,
            namespace=manifest.namespace,
            name=manifest.name,
            uid=manifest.uid or str(uuid.uuid4()),
            container_id=secrets.token_hex(32),
            config=node.config,
            capability_args=capability_args(manifest),
        )
        try:
            earlier = self.ledger.find(manifest.namespace, manifest.name)
            if earlier is not None:
                if earlier.phase is Phase.UP and netns.exists(earlier.netns_name):
                    return Happened(to=str(pod), words="is up already")
                self._clear(earlier, node, with_manifest=False)
            self.ledger.write_pod(pod)
            return self._make(pod, node)
        except MultinetError as error:
            return Happened(to=str(pod), words=sentence(error), failed=True)

    def _make(self, pod: Pod, node: Node) -> Happened:
        """The namespace and its networks; when they fail, what is there goes, as a runtime does it."""
        try:
            netns.make(pod.netns_name)
            with Namespace.open(str(pod.netns)) as namespace:
                nodes.set_loopback_up(namespace)
            result = self.runtime(node).add(pod)
        except MultinetError as error:
            try:
                self._clear(pod, node)
            except MultinetError as another:
                error.add_note(f"while clearing up: {another}")
            raise
        self.ledger.write_pod(replace(pod, phase=Phase.UP, result=result))
        given = ", ".join(ip["address"] for ip in result.get("ips", ()))
        return Happened(to=str(pod), words=f"is up{f', {given}' if given else ''}")

    def _clear(self, pod: Pod, node: Node, *, with_manifest: bool = True) -> None:
        """DEL, the namespace, what is known of the pod."""
        self.runtime(node).delete(pod)
        self._forget(pod, with_manifest=with_manifest)

    def _forget(self, pod: Pod, *, with_manifest: bool = True) -> None:
        netns.remove(pod.netns_name)
        FolderCluster(self.ledger.cluster).withdraw(pod.of_cluster)
        if with_manifest:
            files.remove(self.ledger.cluster / manifests.stored_name("Pod", pod.namespace, pod.name))
        self.ledger.forget_pod(pod)

    def _take_down(self, pod: Pod, node: Node, *, force: bool) -> Iterator[Happened]:
        running = netns.processes(pod.netns_name)
        try:
            if nodes.is_there(node):
                self._clear(pod, node)
            else:
                self._forget(pod)
            yield Happened(to=str(pod), words="is down")
        except MultinetError as error:
            yield Happened(to=str(pod), words=sentence(error), failed=True)
            if not force:
                return
            self._forget(pod)
            yield Happened(to=str(pod), words="is forgotten: what its DEL left is left")
        if running:
            yield Happened(to=str(pod), words=f"its namespace lives until these end: {', '.join(running)}")

    def _remove(self, node: Node) -> Happened:
        left = self.ledger.pods()
        if left:
            words = f"stays, for {', '.join(map(str, left))}; try again, or use --force"
            return Happened(to=f"node {node.name}", words=words, failed=True)
        nodes.remove(node)
        self.ledger.remove()
        return Happened(to=f"node {node.name}", words="is down")


def capability_args(manifest: Manifest) -> dict[str, object]:
    """What a runtime offers; the plugin is given those that its configuration declares."""
    offered: dict[str, object] = {POD_ANNOTATIONS: dict(manifest.annotations)} if manifest.annotations else {}
    if manifest.port_mappings:
        offered[PORT_MAPPINGS] = [dict(mapping) for mapping in manifest.port_mappings]
    return offered


def refuse_strangers(node: Node) -> None:
    """Raise InvalidConfig for a namespace of our name that no sandbox made: it is not ours to remove."""
    for name in (node.name, node.lan):
        if netns.exists(name):
            raise InvalidConfig(
                f"there is a network namespace {name} that is not of this sandbox",
                hint=f"choose another --node, or remove it by `ip netns delete {name}`",
            )


def sentence(error: MultinetError) -> str:
    """The whole error: its notes a line each."""
    return "\n".join([str(error), *getattr(error, "__notes__", [])])
