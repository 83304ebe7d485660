"""What pods' owners write: which networks, and how; and what else of that family we read back."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from multinet.npwg import device, selection, status
from tests.fuzz import damage
from tests.fuzz.surface import Surface, one_of, pure

CORPUS = Path(__file__).parents[2] / "corpus/annotations"

SHORT = [
    "net-a",
    "net-a,net-b",
    " default/net-a@eth1 ,\n\tshop/net-b",
    "net-a@net1, net-a@net2,a-rather-long-name-of-a-network@ib0.8001",
    *(file.read_text() for file in sorted(CORPUS.glob("short-*.txt"))),
]
LISTS: list[Any] = [
    [
        {
            "name": "net-a",
            "namespace": "shop",
            "interface": "eth1",
            "ips": ["10.1.2.3/24", "fd00::3"],
            "mac": "aa:bb:cc:dd:ee:ff",
            "infiniband-guid": "00:11:22:33:44:55:66:77",
            "portMappings": [
                {"hostPort": 80, "containerPort": 8080, "protocol": "tcp", "hostIP": "10.0.0.1"}
            ],
            "bandwidth": {"ingressRate": 1000, "ingressBurst": 1000, "egressRate": 0, "egressBurst": 0},
            "deviceID": "0000:00:01.0",
            "cni-args": {"a": {"b": [1, None, "c"]}},
            "default-route": ["10.1.2.1", "fd00::1"],
        },
        {"name": "net-b", "interfaceRequest": "x", "ipam-claim-reference": "claim"},
    ],
    *(
        json.loads(file.read_text())
        for file in sorted(CORPUS.glob("*.json"))
        if not file.name.startswith("short")
    ),
]
STATUS: list[Any] = [
    [
        {
            "name": "shop/net-a",
            "interface": "net1",
            "ips": ["10.1.2.3", "fd00::3"],
            "mac": "aa:bb:cc:dd:ee:ff",
            "mtu": 1400,
            "default": True,
            "gateway": ["10.1.2.1"],
            "routes": [{"dst": "10.0.0.0/8", "gw": "10.1.2.1", "mtu": 1300}],
            "dns": {"nameservers": ["10.0.0.10"], "domain": "a", "search": ["b"], "options": ["c"]},
            "device-info": {"type": "pci", "version": "1.1.0", "pci": {"pci-address": "0000:00:01.0"}},
        }
    ]
]
DEVICES: list[Any] = [
    {
        "type": "pci",
        "version": "1.1.0",
        "pci": {"pci-address": "0000:00:01.0", "vhost-net": "/dev/vhost-net", "rdma-device": "mlx5_0"},
        "vdpa": {"parent-device": "vdpa0", "driver": "vhost", "path": "/dev/vhost-vdpa-0"},
    },
    {"type": "vhost-user", "version": "1.0.0", "vhost-user": {"mode": "server", "path": "/s"}},
    {"type": "memif", "version": "1.1.0", "memif": {"role": "slave", "path": "/m", "mode": "ethernet"}},
]


def _short(dice: Random) -> str:
    return damage.text(dice, dice.choice(SHORT))


def _list(dice: Random) -> str:
    return damage.json_text(dice, dice.choice(LISTS))


def _selections(text: str) -> None:
    """What was understood is written so that it is understood the same."""
    found = selection.parse(text, home="home")
    assert selection.parse(selection.write(found), home="elsewhere") == found


def _default_network(text: str) -> None:
    found = selection.default_network(text, home="home")
    assert selection.default_network(selection.write([found]), home="elsewhere") == found


def _status(text: str) -> None:
    found = status.parse(text)
    assert status.parse(status.write(found)) == found


def _device(text: str) -> None:
    found = device.parse(text, source="/dev/info")
    assert device.parse(device.write(found), source="/dev/info") == found


SURFACES = (
    Surface(name="networks, the short form", of="annotation", make=_short, open=pure(_selections)),
    Surface(name="networks, a JSON list", of="annotation", make=_list, open=pure(_selections)),
    Surface(name="default-network", of="annotation", make=one_of(_short, _list), open=pure(_default_network)),
    Surface(
        name="network-status",
        of="annotation",
        make=lambda dice: damage.json_text(dice, dice.choice(STATUS)),
        open=pure(_status),
    ),
    Surface(
        name="device-info",
        of="journal file",
        make=lambda dice: damage.json_text(dice, dice.choice(DEVICES)),
        open=pure(_device),
    ),
)
