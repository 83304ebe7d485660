"""Manifests, as people write them before the API server has looked at them: YAML, read by a folder that stands for
the cluster, and by ``multinet lint``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import yaml
from click.testing import CliRunner

from multinet.cli import main, objects
from multinet.errors import MultinetError
from multinet.folder.cluster import FolderCluster
from tests.fuzz import damage
from tests.fuzz.surface import Feed, Surface
from tests.fuzz.surfaces.definitions import BASE, a_conf, examples
from tests.fuzz.surfaces.settings import YAMLS

KEYS = (1, 0.5, None, True, "", "kind", "items")
"""What a key may be in YAML."""


def _documents(dice: Random) -> list[Any]:
    config = {**BASE, "plugins": [a_conf(dice, dice.choice(sorted(examples())))]}
    definition = {
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": {"namespace": "shop", "name": "net-a", "labels": {"a": "b"}},
        "spec": {"config": json.dumps(config)},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": "shop",
            "name": "cart",
            "annotations": {"k8s.v1.cni.cncf.io/networks": "net-a"},
        },
        "spec": {"containers": [{"name": "c", "resources": {"limits": {"intel.com/nic": 1}}}]},
    }
    workload = {"kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": pod}}
    found: list[Any] = [definition, pod, workload]
    if dice.random() < 0.3:
        found = [{"apiVersion": "v1", "kind": "List", "items": found}]
    return found


def _manifest(dice: Random) -> bytes:
    if dice.random() < 0.05:
        return dice.choice(YAMLS)
    documents = [damage.anything(dice, one) if dice.random() < 0.6 else one for one in _documents(dice)]
    for one in documents:
        if isinstance(one, dict) and dice.random() < 0.2:
            holder = one.get("metadata") if dice.random() < 0.5 else one
            if isinstance(holder, dict):
                holder[dice.choice(KEYS)] = dice.choice(("x", 1, {}, None))
    written = yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True).encode(
        errors="surrogatepass"
    )
    return damage.data(dice, written) if dice.random() < 0.2 else written


@contextmanager
def _read(folder: Path) -> Iterator[Feed]:
    file = folder / "manifest.yaml"

    def feed(content: bytes) -> None:
        file.write_bytes(content)
        cluster = FolderCluster(folder)
        for ask in (lambda: cluster.pod("shop", "cart", ""), lambda: cluster.definition("shop", "net-a")):
            with suppress(MultinetError):
                ask()
        for one in objects.read(file):
            _ = one.kind, one.where, one.line("spec", "config"), one.line("metadata", 1), str(one)
            with suppress(MultinetError):
                one.definition()

    yield feed


@contextmanager
def _lint(folder: Path) -> Iterator[Feed]:
    """Whatever is wrong is a finding, with the line it is on."""
    file = folder / "manifest.yaml"
    runner = CliRunner(env={"KUBECONFIG": None, "HOME": str(folder)})

    def feed(content: bytes) -> None:
        file.write_bytes(content)
        done = runner.invoke(main, ["lint", str(file), "-o", "json"])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert (done.exit_code in (0, 1), done.stderr) == (True, "")
        assert isinstance(json.loads(done.stdout or "[]"), list)

    yield feed


SURFACES = (
    Surface(name="manifests in a folder", of="NAD", make=_manifest, open=_read, short=80, seconds=4),
    Surface(name="manifests that are linted", of="NAD", make=_manifest, open=_lint, short=15, seconds=4),
)
