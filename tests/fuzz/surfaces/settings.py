"""Our configuration file, in JSON and YAML; Multus's, which is translated; and a kubeconfig."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import yaml

from multinet.config import Settings, multus
from multinet.config.settings import SCHEMA, decode
from multinet.daemon import shim_conf
from multinet.daemon.app import refuse_unreadable
from multinet.kube import kubeconfig
from tests.fuzz import damage
from tests.fuzz.surface import Feed, Surface, pure
from tests.fuzz.surfaces.definitions import from_schema

CLUSTER = {"cniVersion": "1.1.0", "name": "cluster", "type": "bridge"}
OURS: list[dict[str, Any]] = [
    {
        "clusterNetwork": "/etc/cni/net.d/10-x.conflist",
        "defaultNetworks": ["shop/net-a"],
        "hostLinks": ["vlan"],
    },
    {
        "delegates": [CLUSTER],
        "globalNamespaces": ["default"],
        "agent": {"nodeName": "n1", "metrics": "[::1]:9097"},
    },
]
MULTUS: list[dict[str, Any]] = [
    {
        "cniVersion": "0.3.1",
        "name": "multus-cni-network",
        "type": "multus",
        "capabilities": {"portMappings": True},
        "kubeconfig": "/etc/cni/net.d/multus.d/multus.kubeconfig",
        "logLevel": "verbose",
        "globalNamespaces": "default, shop",
        "readinessindicatorfile": "/run/flannel/subnet.env",
        "delegates": [CLUSTER],
    },
    {"cniVersion": "1.0.0", "name": "x", "plugins": [{"type": "multus-shim", "clusterNetwork": "cluster"}]},
    {
        "chrootDir": "/hostroot",
        "cniConfigDir": "/host/etc/cni/net.d",
        "multusAutoconfigDir": "/host/etc/cni/net.d",
        "multusConfigFile": "auto",
        "socketDir": "/host/run/multus/",
        "connectionLimit": 5,
        "metricsPort": 9091,
        "auxiliaryCNIChainName": "",
    },
]
KUBECONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [
        {"name": "c", "cluster": {"server": "https://10.0.0.1:6443", "insecure-skip-tls-verify": True}}
    ],
    "users": [{"name": "u", "user": {"token": "t"}}],
    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    "current-context": "x",
}
BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n" % (one, one, *[one - 1] * 9)
    for one in b"bcdefghijk"
)
YAMLS = (
    BOMB,
    BOMB.replace(b"a: &a", b"delegates: &a"),
    b"agent: &a {socket: *a}\n",
    b"delegates: &a [*a]\n",
    b"delegates: &d [{type: bridge, x: *d}]\n",
    b"? [a, b]\n: c\n",
    b"1: 2\n",
    b"logLevel: !!python/object:os.system x\n",
    b"logLevel: 2001-02-30\n",
    b"agent: {workers: 0x10, queueSeconds: 1_000, nodeName: 1:2:3}\n",
    b"<<: [{a: 1}]\n",
    b"logLevel: !!binary x\n",
    b"[" * 5000,
    b"- - - - " * 5000,
    b"--- a\n--- b\n",
    b"%YAML 9.9\n---\na: b\n",
)


def _yaml(dice: Random, value: Any) -> bytes:
    written = yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode()
    return (
        damage.data(dice, written)
        if dice.random() < 0.5
        else damage.text(dice, written.decode()).encode(errors="surrogatepass")
    )


def _file(dice: Random, seeds: list[dict[str, Any]]) -> bytes:
    document = dice.choice(seeds)
    if dice.random() < 0.3:
        document = from_schema(dice, SCHEMA.document, SCHEMA.document)
    match dice.randrange(10):
        case 0:
            return dice.choice(YAMLS)
        case 1 | 2 | 3:
            return _yaml(dice, document)
        case 4:
            return json.dumps(document).encode()
    return damage.json_bytes(dice, document)


@contextmanager
def _settings(folder: Path) -> Iterator[Feed]:
    """As the agent reads them at its start, and the shim's file that is made of them."""
    file = folder / "config"

    def feed(content: bytes) -> None:
        file.write_bytes(content)
        settings = Settings.load(file, environ={})
        refuse_unreadable(settings)
        assert shim_conf.text(settings).count(b"\n") == 3, "a setting became a line of the shim's file"

    yield feed


def _migrate(content: bytes) -> None:
    """What ``multinet migrate`` prints is read as the same settings."""
    settings = multus.translate(decode(content)).settings
    found = Settings.parse(settings, primary_is_found=True, environ={})
    printed = yaml.safe_dump(SCHEMA.read(settings), sort_keys=False, allow_unicode=True).encode()
    assert Settings.parse(decode(printed), primary_is_found=True, environ={}) == found


@contextmanager
def _kubeconfig(folder: Path) -> Iterator[Feed]:
    file = folder / "kubeconfig"

    def feed(content: bytes) -> None:
        file.write_bytes(content)
        kubeconfig.read(file)

    yield feed


def _surface(name: str, seeds: list[dict[str, Any]], opened: Any) -> Surface:
    return Surface(
        name=name, of="configuration", make=lambda dice: _file(dice, seeds), open=opened, short=150
    )


SURFACES = (
    _surface("settings", OURS, _settings),
    _surface("Multus's settings", MULTUS, pure(_migrate)),
    _surface("kubeconfig", [KUBECONFIG], _kubeconfig),
)
