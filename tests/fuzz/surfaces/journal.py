"""Our own files, as a power cut, a bad disk, an older or a newer release, or a slip of the hand leaves them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_interface
from pathlib import Path
from random import Random
from typing import Any, cast

from delegates.ipam.dhcp.lease import Key, Lease, Order
from delegates.ipam.dhcp.store import Saved
from delegates.ipam.dhcp.store import Store as Leases
from delegates.ipam.host_local.index import Indexes
from delegates.ipam.host_local.store import Store as Addresses
from delegates.ipam.host_local.store import owner_of, read_owner
from delegates.main.sriov.conf import Wanted
from delegates.main.sriov.record import Original
from delegates.main.sriov.record import Record as VfRecord
from delegates.main.sriov.record import Store as VfStore
from delegates.meta.firewall import ledger
from delegates.meta.flannel import saved, subnet
from delegates.meta.tuning import original
from multinet.cni.netconf import NetConf, NetConfList
from multinet.cni.types import Address, Interface, Result
from multinet.config import Settings
from multinet.daemon.late import Late
from multinet.daemon.primary import SAVED, Primary
from multinet.delegate.host_link_users import Ledger, User, Users
from multinet.errors import DecodingFailure, NewerRecord
from multinet.kernel.namespace import Namespace
from multinet.kernel.vfs import Vf
from multinet.npwg.status import NetworkStatus
from multinet.plan import Attachment, Phase, Plan, Pod, Record
from multinet.state.attachments import Attachments
from multinet.state.device_info import DeviceInfoFolder
from multinet.state.record import from_json, to_json
from tests.fuzz import damage
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


Planted = Callable[[Path], None]


class Plant:
    """What is put in the place of a file. It has a name, so that it can be told."""

    def __init__(self, what: str, how: Planted) -> None:
        self.what = what
        self.how = how

    def __repr__(self) -> str:
        return self.what


def _plant(dice: Random, content: bytes) -> Plant:
    def endless(file: Path) -> None:
        file.touch()
        os.truncate(file, 1 << 40)

    odd: dict[str, Planted] = {
        "a folder": lambda file: file.mkdir(),
        "a pipe": lambda file: os.mkfifo(file),
        "a link to nothing": lambda file: file.symlink_to("/nonexistent"),
        "a link to itself": lambda file: file.symlink_to(file),
        "a link to /dev/zero": lambda file: file.symlink_to("/dev/zero"),
        "a link to a folder": lambda file: file.symlink_to("/"),
        "a terabyte of nothing": endless,
        "nothing": lambda file: None,
    }
    if dice.random() < 0.15:
        what = dice.choice(list(odd))
        return Plant(what, odd[what])
    said = (
        damage.whole_file(dice, content)
        if dice.random() < 0.5
        else damage.json_bytes(dice, json.loads(content))
    )
    return Plant(repr(said), lambda file: cast(None, file.write_bytes(said)))


def _replace(file: Path, plant: Plant) -> None:
    """Whatever was there before."""
    if file.is_dir() and not file.is_symlink():
        file.rmdir()
    else:
        file.unlink(missing_ok=True)
    plant.how(file)


@contextmanager
def _records(folder: Path) -> Iterator[Feed]:
    """Whatever is in the place of one sandbox's record, the other's is found, and the one can go."""
    kept = Attachments(folder)
    kept.write(OTHER)
    file = folder / "sandboxes" / "c1@eth0.json"

    def feed(plant: Plant) -> None:
        _replace(file, plant)
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
    place = folder / "late"
    told: list[str] = []
    late = Late(place, lambda pod, entries, deadline: told.append(pod.name))

    def feed(plant: Plant) -> None:
        told.clear()
        late.keep(Pod(namespace="shop", name="other", uid="u-2"), ENTRIES)
        file = place / "damaged.json"
        _replace(file, plant)
        assert late._tell_all()
        assert "other" in told
        _replace(file, Plant("nothing", lambda file: None))

    yield feed


def _seed(write: Callable[[Path], None]) -> bytes:
    """What one of ours writes into an empty folder: the last file of it."""
    import tempfile

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write(folder)
        return max(
            (file for file in folder.rglob("*") if file.is_file() and file.name != "lock"),
            key=lambda one: one.name,
        ).read_bytes()


LEASE = Lease(
    address=IPv4Address("10.1.2.3"),
    server=IPv4Address("10.1.0.1"),
    server_mac=bytes(6),
    options={1: b"\xff\xff\0\0", 3: bytes(4)},
    renew=10.0,
    rebind=20.0,
    expires=30.0,
)
SAVED_LEASE = Saved(
    order=Order(key=Key("c1", "net", "eth0"), mac=bytes(6), options={12: b"cart"}),
    lease=LEASE,
    netns="/run/netns/a",
    identity=(4, 5),
)


@contextmanager
def _leases(folder: Path) -> Iterator[Feed]:
    store = Leases(folder)
    good = Saved(
        order=Order(key=Key("c2", "net", "eth0"), mac=bytes(6)),
        lease=LEASE,
        netns="/run/netns/b",
        identity=(4, 6),
    )
    store.write(good)

    def feed(plant: Plant) -> None:
        file = folder / "x.json"
        _replace(file, plant)
        found = list(store.all())
        assert good in found
        for one in found:
            assert Saved.of_json(json.loads(json.dumps(one.to_json()))) == one
        _replace(file, Plant("nothing", lambda file: None))

    yield feed


USERS = Users(mark=7, bridge="", users=(User(**dict.fromkeys(User.__slots__, "a")),))


@contextmanager
def _host_links(folder: Path) -> Iterator[Feed]:
    with Namespace.current() as host:
        kept = Ledger(folder)
        kept.write(host, "other", USERS)
        kept.write(host, "one", USERS)
        file = next(one for one in folder.iterdir() if one.name.endswith("one.json"))

        def feed(plant: Plant) -> None:
            _replace(file, plant)
            assert kept.read(host, "other") == USERS
            kept.read(host, "one")
            kept.damaged(host, "one"), kept.exists(host, "one"), list(kept.names(host))
            _replace(file, Plant("nothing", lambda file: None))

        yield feed


@contextmanager
def _tuning(folder: Path) -> Iterator[Feed]:
    def feed(plant: Plant) -> None:
        file = folder / "c1_eth0.json"
        _replace(file, plant)
        original.recall(str(file))
        _replace(file, Plant("nothing", lambda file: None))

    yield feed


PASSAGES = ledger.Entry(
    container_id="c2", ifname="eth0", network="net", passages=frozenset({(ip_address("10.1.2.3"), "")})
)


@contextmanager
def _firewall(folder: Path) -> Iterator[Feed]:
    PASSAGES.write(str(folder))

    def feed(plant: Plant) -> None:
        file = folder / "c1_eth0.json"
        _replace(file, plant)
        assert PASSAGES in list(ledger.entries(str(folder)))
        assert PASSAGES.passages <= ledger.held_by_others(str(folder), "c1", "eth0")
        _replace(file, Plant("nothing", lambda file: None))

    yield feed


VF = VfRecord(
    network="net",
    container_id="c2",
    ifname="eth0",
    netns="/run/netns/b",
    address="0000:00:01.0",
    pf="enp1",
    wanted=Wanted(
        vlan=(5, 1, "802.1q"), mac="", rate=(0, 100), spoofchk=True, trust=None, link_state="auto", mtu=1400
    ),
    original=Original(
        name="enp1v0",
        mac="02:00:00:00:00:01",
        mtu=1500,
        up=True,
        vf=Vf(
            number=0,
            mac="02:00:00:00:00:01",
            vlan=0,
            qos=0,
            protocol=0x8100,
            min_rate=0,
            max_rate=0,
            spoofchk=True,
            trust=False,
            link_state=0,
        ),
    ),
)


@contextmanager
def _vfs(folder: Path) -> Iterator[Feed]:
    store = VfStore(str(folder))
    store.write(store.path("c2", "eth0"), VF)

    def feed(plant: Plant) -> None:
        file = folder / "c1-eth0"
        _replace(file, plant)
        try:
            assert VF in [one for _, one in store.all()]
            found = store.read(file)
            if found is not None:
                store.write(file, found)
                assert store.read(file) == replace(found, foreign=False)
        finally:
            _replace(file, Plant("nothing", lambda file: None))

    yield feed


@contextmanager
def _flannel(folder: Path) -> Iterator[Feed]:
    good = NetConf.of({"cniVersion": "1.1.0", "name": "net", "type": "bridge"})
    saved.save(str(folder / "c2"), good)

    def feed(plant: Plant) -> None:
        file = folder / "c1"
        _replace(file, plant)
        saved.path_for(str(folder), "c1", "net"), saved.find(str(folder), "c1", "net")
        assert str(folder / "c2") in list(saved.stale(str(folder), "net", ()))
        _replace(file, Plant("nothing", lambda file: None))

    yield feed


SUBNET = (
    b"FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n"
)


@contextmanager
def _addresses(folder: Path) -> Iterator[Feed]:
    """A reservation that is damaged is an address that is taken; what was given to others stays theirs."""
    indexes = Indexes()
    theirs = owner_of("c2", "eth0")
    (folder / "10.1.2.4").write_bytes(theirs)

    def feed(plant: Plant) -> None:
        file = folder / "10.1.2.3"
        _replace(file, plant)
        _replace(folder / "last_reserved_ip.0", plant)
        try:
            with Addresses(str(folder), indexes) as store:
                store.last_reserved(0)
                assert store.held(theirs) == ["10.1.2.4"]
                assert not store.reserve("10.1.2.4", owner_of("c3", "eth0"))
        finally:
            for one in (file, folder / "last_reserved_ip.0"):
                _replace(one, Plant("nothing", lambda file: None))

    yield feed


def _owner(content: bytes) -> None:
    found = read_owner(content)
    assert found is None or (not found.ifname) or read_owner(owner_of(*found)) == found


@contextmanager
def _device_info(folder: Path) -> Iterator[Feed]:
    files = DeviceInfoFolder(folder)

    def feed(plant: Plant) -> None:
        file = folder / "info"
        _replace(file, plant)
        try:
            files.read(str(file))
        finally:
            _replace(file, Plant("nothing", lambda file: None))

    yield feed


@contextmanager
def _primary(folder: Path) -> Iterator[Feed]:
    settings = Settings.parse(
        {"stateDir": str(folder), "agent": {"cniConfDir": str(folder)}}, primary_is_found=True
    )

    def feed(plant: Plant) -> None:
        _replace(folder / SAVED, plant)
        Primary(settings)._recall()
        _replace(folder / SAVED, Plant("nothing", lambda file: None))

    yield feed


def _file(name: str, seed: bytes, opened: Any, short: int = 150) -> Surface:
    return Surface(
        name=name, of="journal file", make=lambda dice: _plant(dice, seed), open=opened, short=short
    )


SURFACES = (
    Surface(name="record: a flipped bit", of="journal file", make=_flipped, open=pure(_never_another)),
    Surface(
        name="record: of another release", of="journal file", make=_rewritten, open=pure(_another_release)
    ),
    _file("record: its file", WRITTEN, _records),
    _file("network-status to be told late", _seed(_late_seed), _late),
    _file("primary network that was saved", b'{"bootId": "b", "file": "/x", "conflist": {}}', _primary),
    _file("DHCP leases", _seed(lambda folder: Leases(folder).write(SAVED_LEASE)), _leases),
    _file(
        "who uses a link of the host",
        b'{"version":1,"link":"one","group":7,"bridge":"","users":[]}',
        _host_links,
    ),
    _file("what tuning remembers", b'{"mac": "02:00:00:00:00:01", "mtu": 1500, "promisc": true}', _tuning),
    _file("what firewall remembers", _seed(lambda folder: PASSAGES.write(str(folder))), _firewall),
    _file("what sriov remembers", _seed(lambda folder: VfStore(str(folder)).write(folder / "a-b", VF)), _vfs),
    _file("what flannel remembers", b'{"cniVersion": "1.1.0", "name": "net", "type": "bridge"}', _flannel),
    _file("device-info: its file", b'{"type": "memif", "version": "1.1.0", "memif": {}}', _device_info),
    _file("reservations of host-local", b'"c1\\r\\neth0"', _addresses),
    Surface(
        name="owner of a reservation",
        of="journal file",
        make=lambda dice: damage.data(dice, owner_of("c0ffee", "eth0")),
        open=pure(_owner),
    ),
    Surface(
        name="subnet.env of flannel",
        of="journal file",
        make=lambda dice: damage.data(dice, SUBNET).decode(errors="replace"),
        open=pure(lambda text: subnet.parse(text, "/run/flannel/subnet.env")),
    ),
)
