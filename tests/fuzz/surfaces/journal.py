"""Our own files, as a power cut, a bad disk, an older or a newer release, or a slip of the hand leaves them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address, ip_interface
from pathlib import Path
from random import Random

from multinet.cni.netconf import NetConfList
from multinet.cni.types import Address, Interface, Result
from multinet.config import Settings
from multinet.daemon.late import Late
from multinet.daemon.primary import SAVED, Primary
from multinet.errors import DecodingFailure, NewerRecord
from multinet.npwg.status import NetworkStatus
from multinet.plan import Attachment, Phase, Plan, Pod, Record
from multinet.state.attachments import Attachments
from multinet.state.device_info import DeviceInfoFolder
from multinet.state.record import from_json, to_json
from tests.fuzz import damage
from tests.fuzz.plant import Plant, nothing, place, planted, written_by
from tests.fuzz.surface import Feed, Surface, pure

CONF = {"type": "bridge", "bridge": "br0", "ipam": {"type": "host-local", "subnet": "10.1.0.0/16"}}
RESULT = Result(
    interfaces=(Interface(name="eth0", mac="02:00:00:00:00:01", sandbox="/run/netns/a"),),
    ips=(Address(address=ip_interface("10.1.2.3/16"), gateway=ip_address("10.1.0.1"), interface=0),),
)


def record_of(container: str) -> Record:
    attachment = Attachment(
        network="shop/net-a",
        ifname="eth0",
        conflist=NetConfList.of({"cniVersion": "1.1.0", "name": "net", "plugins": [CONF]}),
        args="K8S_POD_NAME=cart",
        capability_args={"portMappings": [{"hostPort": 80}]},
        device_id="0000:00:01.0",
        default_route=(ip_address("10.1.0.1"),),
        ips=("10.1.2.3",),
    )
    pod = Pod(namespace="shop", name="cart", uid="u-1")
    plan = Plan(
        container_id=container, ifname="eth0", netns="/run/netns/a", pod=pod, attachments=(attachment,)
    )
    return Record(plan=plan, phase=Phase.DONE, boot_id="b", results={"eth0": RESULT})


WRITTEN = to_json(record_of("c1"))
OTHER = record_of("c2")


def _flipped(dice: Random) -> bytes:
    return damage.bit(dice, WRITTEN)


def _never_another(data: bytes) -> None:
    """One bit is seen, wherever it is."""
    assert from_json(data) == record_of("c1")


def _rewritten(dice: Random) -> bytes:
    """What another release might have written, or a hand: no checksum is wrong in it."""
    document = json.loads(WRITTEN)
    del document["crc32"]
    return damage.json_bytes(dice, document)


def _another_release(data: bytes) -> None:
    found = from_json(data)
    assert from_json(to_json(found)) == found


@contextmanager
def _records(folder: Path) -> Iterator[Feed]:
    """Whatever is in the place of one sandbox's record, the other's is found, and the one can go."""
    kept = Attachments(folder)
    kept.write(OTHER)
    file = folder / "sandboxes" / "c1@eth0.json"

    def feed(plant: Plant) -> None:
        place(file, plant)
        try:
            assert kept.find("c2", "eth0") == OTHER
            assert OTHER in list(kept.all())
            assert OTHER in kept.look()[0]
            kept.count(), kept.tidy(), kept.peek("c1", "eth0")
            with suppress(NewerRecord, DecodingFailure):
                found = kept.find("c1", "eth0")
                assert found is None or found.plan.container_id == "c1"
        finally:
            kept.forget("c1", "eth0")
        assert kept.find("c1", "eth0") is None

    yield feed


POD = Pod(namespace="shop", name="cart", uid="u-1")
ENTRIES = (NetworkStatus(name="shop/net-a", interface="net1", ips=(ip_address("10.1.2.3"),)),)


def _late_seed(folder: Path) -> None:
    Late(folder, lambda *_: None).keep(POD, ENTRIES)


@contextmanager
def _late(folder: Path) -> Iterator[Feed]:
    """One pod's status is damaged; the other's is told."""
    kept = folder / "late"
    told: list[str] = []
    late = Late(kept, lambda pod, entries, deadline: told.append(pod.name))

    def feed(plant: Plant) -> None:
        told.clear()
        late.keep(Pod(namespace="shop", name="other", uid="u-2"), ENTRIES)
        file = kept / "damaged.json"
        place(file, plant)
        assert late._tell_all()
        assert "other" in told
        nothing(file)

    yield feed


@contextmanager
def _device_info(folder: Path) -> Iterator[Feed]:
    files = DeviceInfoFolder(folder)

    def feed(plant: Plant) -> None:
        file = folder / "info"
        place(file, plant)
        try:
            files.read(str(file))
        finally:
            nothing(file)

    yield feed


@contextmanager
def _primary(folder: Path) -> Iterator[Feed]:
    settings = Settings.parse(
        {"stateDir": str(folder), "agent": {"cniConfDir": str(folder)}}, primary_is_found=True
    )

    def feed(plant: Plant) -> None:
        place(folder / SAVED, plant)
        Primary(settings)._recall()
        nothing(folder / SAVED)

    yield feed


SURFACES = (
    Surface(name="record: a flipped bit", of="journal file", make=_flipped, open=pure(_never_another)),
    Surface(
        name="record: of another release", of="journal file", make=_rewritten, open=pure(_another_release)
    ),
    planted("record: its file", WRITTEN, _records),
    planted("network-status to be told late", written_by(_late_seed), _late),
    planted("primary network that was saved", b'{"bootId": "b", "file": "/x", "conflist": {}}', _primary),
    planted("device-info: its file", b'{"type": "memif", "version": "1.1.0", "memif": {}}', _device_info),
)
