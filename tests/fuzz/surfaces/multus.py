"""What Multus and libcni remember of pods that were there before us. Both write in place, so a power cut cuts it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from multinet.state.attachments import Attachments
from multinet.state.multus import WithMultus
from tests.fuzz import damage
from tests.fuzz.surface import Feed, Surface
from tests.state import disk

CONF = disk.conf("net", ipam={"type": "host-local"})
Past = dict[str, bytes]


def _encoded(dice: Random) -> str:
    conf = damage.json_bytes(dice, CONF) if dice.random() < 0.5 else json.dumps(CONF).encode()
    return base64.b64encode(conf).decode()


def _past(dice: Random) -> Past:
    """A scratch file with two delegates, and a file of libcni's for each of them and for one more."""
    scratch: list[Any] = [
        {"Name": "cluster", "Bytes": _encoded(dice), "ifnameRequest": "eth0", "ConfList": {}},
        {
            "Name": "shop/net-a",
            "Bytes": _encoded(dice),
            "macRequest": "02:00:00:00:00:01",
            "ipRequest": ["10.1.2.3/24"],
            "deviceID": "0000:00:01.0",
            "resourceName": "intel.com/nic",
        },
    ]
    found = {disk.ID: _file(dice, scratch)}
    for ifname in ("eth0", "net1", "net2"):
        cached = {
            "kind": "cniCacheV1",
            "containerId": disk.ID,
            "config": _encoded(dice),
            "ifName": ifname,
            "networkName": "net",
            "netns": "/var/run/netns/cni-1",
            "cniArgs": disk.ARGS,
            "capabilityArgs": {"portMappings": []},
            "result": {"cniVersion": "1.0.0", "ips": [{"address": "10.1.2.3/24"}], "dns": {}},
        }
        found[f"results/net-{disk.ID}-{ifname}"] = _file(dice, cached)
    return found


def _file(dice: Random, value: Any) -> bytes:
    match dice.randrange(4):
        case 0:
            return json.dumps(value).encode()
        case 1:
            return damage.whole_file(dice, json.dumps(value).encode())
    return damage.json_bytes(dice, value)


@contextmanager
def _remembered(folder: Path) -> Iterator[Feed]:
    """What can be made of it is a plan that could be written down; then all of it is forgotten."""
    multus, runtime = folder / "multus", folder / "cni"
    (multus / "results").mkdir(parents=True)
    (runtime / "results").mkdir(parents=True)
    records = WithMultus(Attachments(folder / "ours"), multus, runtime, Path("/run/devices"))

    def feed(past: Past) -> None:
        for name, content in past.items():
            (multus / name).write_bytes(content)
            if "/" in name:
                (runtime / name).write_bytes(content)
        for ifname in ("eth0", "net1"):
            found = records.find(disk.ID, ifname)
            if found is not None:
                assert found.foreign
                assert found.plan.container_id == disk.ID
                assert found.plan.attachments
                Attachments(folder / "ours").write(found)
                Attachments(folder / "ours").forget(disk.ID, found.plan.ifname)
        for record in records.all():
            assert record.foreign
        for ifname in ("eth0", "net1", "net2"):
            records.forget(disk.ID, ifname)
        assert not (multus / disk.ID).exists()
        assert records.find(disk.ID, "eth0") is None

    yield feed


SURFACES = (
    Surface(
        name="Multus's scratch file and libcni's caches",
        of="Multus's caches",
        make=_past,
        open=_remembered,
        short=100,
    ),
)
