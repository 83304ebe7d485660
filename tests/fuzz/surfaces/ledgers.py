"""What delegates keep on disk of their containers: damaged for one of them, it is whole for the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address, ip_address
from pathlib import Path

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
from multinet.cni.netconf import NetConf
from multinet.delegate.host_link_users import Ledger, User, Users
from multinet.kernel.namespace import Namespace
from multinet.kernel.vfs import Vf
from tests.fuzz import damage
from tests.fuzz.plant import Plant, nothing, place, planted, written_by
from tests.fuzz.surface import Feed, Surface, pure

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
        place(file, plant)
        found = list(store.all())
        assert good in found
        for one in found:
            assert Saved.of_json(json.loads(json.dumps(one.to_json()))) == one
        nothing(file)

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
            place(file, plant)
            assert kept.read(host, "other") == USERS
            kept.read(host, "one")
            kept.damaged(host, "one"), kept.exists(host, "one"), list(kept.names(host))
            nothing(file)

        yield feed


@contextmanager
def _tuning(folder: Path) -> Iterator[Feed]:
    def feed(plant: Plant) -> None:
        file = folder / "c1_eth0.json"
        place(file, plant)
        original.recall(str(file))
        nothing(file)

    yield feed


PASSAGES = ledger.Entry(
    container_id="c2", ifname="eth0", network="net", passages=frozenset({(ip_address("10.1.2.3"), "")})
)


@contextmanager
def _firewall(folder: Path) -> Iterator[Feed]:
    PASSAGES.write(str(folder))

    def feed(plant: Plant) -> None:
        file = folder / "c1_eth0.json"
        place(file, plant)
        assert PASSAGES in list(ledger.entries(str(folder)))
        assert PASSAGES.passages <= ledger.held_by_others(str(folder), "c1", "eth0")
        nothing(file)

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
        place(file, plant)
        try:
            assert VF in [one for _, one in store.all()]
            found = store.read(file)
            if found is not None:
                store.write(file, found)
                assert store.read(file) == replace(found, foreign=False)
        finally:
            nothing(file)

    yield feed


@contextmanager
def _flannel(folder: Path) -> Iterator[Feed]:
    good = NetConf.of({"cniVersion": "1.1.0", "name": "net", "type": "bridge"})
    saved.save(str(folder / "c2"), good)

    def feed(plant: Plant) -> None:
        file = folder / "c1"
        place(file, plant)
        saved.path_for(str(folder), "c1", "net"), saved.find(str(folder), "c1", "net")
        assert str(folder / "c2") in list(saved.stale(str(folder), "net", ()))
        nothing(file)

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
        place(file, plant)
        place(folder / "last_reserved_ip.0", plant)
        try:
            with Addresses(str(folder), indexes) as store:
                store.last_reserved(0)
                assert store.held(theirs) == ["10.1.2.4"]
                assert not store.reserve("10.1.2.4", owner_of("c3", "eth0"))
        finally:
            for one in (file, folder / "last_reserved_ip.0"):
                nothing(one)

    yield feed


def _owner(content: bytes) -> None:
    found = read_owner(content)
    assert found is None or (not found.ifname) or read_owner(owner_of(*found)) == found


SURFACES = (
    planted("DHCP leases", written_by(lambda folder: Leases(folder).write(SAVED_LEASE)), _leases),
    planted(
        "who uses a link of the host",
        b'{"version":1,"link":"one","group":7,"bridge":"","users":[]}',
        _host_links,
    ),
    planted("what tuning remembers", b'{"mac": "02:00:00:00:00:01", "mtu": 1500, "promisc": true}', _tuning),
    planted("what firewall remembers", written_by(lambda folder: PASSAGES.write(str(folder))), _firewall),
    planted(
        "what sriov remembers",
        written_by(lambda folder: VfStore(str(folder)).write(folder / "a-b", VF)),
        _vfs,
    ),
    planted("what flannel remembers", b'{"cniVersion": "1.1.0", "name": "net", "type": "bridge"}', _flannel),
    planted("reservations of host-local", b'"c1\\r\\neth0"', _addresses),
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
