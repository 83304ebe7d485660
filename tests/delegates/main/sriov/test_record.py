"""The record of how a VF was: what is written is read, and the reference's is understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from delegates.main.sriov.conf import Wanted
from delegates.main.sriov.record import Original, Record, Store
from multinet.errors import MultinetError
from multinet.kernel.vfs import Vf

VF = Vf(
    number=3, mac="00:00:00:00:00:00", vlan=0, qos=0, protocol=0x8100, min_rate=0, max_rate=0, spoofchk=True,
    trust=False, link_state=0,
)  # fmt: skip
RECORD = Record(
    network="net", container_id="c-1", ifname="net1", netns="/run/netns/a", address="0000:03:02.3", pf="ens1",
    wanted=Wanted(
        vlan=(100, 5, "802.1ad"), mac="02:00:00:00:00:07", rate=(0, 200), spoofchk=False, trust=True,
        link_state="enable", mtu=9000,
    ),
    original=Original(name="ens1v3", mac="02:00:00:00:00:99", mtu=1500, up=True, vf=VF),
    ipam="host-local",
)  # fmt: skip
REFERENCE = """{
 "cniVersion": "0.3.1", "name": "net", "type": "sriov", "ipam": {"type": "host-local"}, "dns": {},
 "OrigVfState": {"HostIFName": "ens1v3", "SpoofChk": true, "Trust": false, "AdminMAC": "00:00:00:00:00:00",
  "EffectiveMAC": "02:00:00:00:00:99", "Vlan": 0, "VlanQoS": 0, "VlanProto": 33024, "MinTxRate": 0,
  "MaxTxRate": 0, "LinkState": 0, "MTU": 1500},
 "Master": "ens1", "MAC": "02:00:00:00:00:07", "MTU": 1500, "vlan": 100, "vlanQoS": 5, "vlanProto": "802.1ad",
 "deviceID": "0000:03:02.3", "VFID": 3, "min_tx_rate": null, "max_tx_rate": 200, "spoofchk": "off",
 "trust": "on", "link_state": "enable", "runtimeConfig": {}}"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        Record(
            network="net", container_id="c", ifname="net1", netns="/run/netns/a", address="0000:03:02.3",
            pf="ens1", wanted=Wanted(), original=Original(name="", mac="", mtu=0, up=False, vf=VF),
        ),
    ],
    ids=["all that can be wanted", "nothing wanted, and no link"],
)  # fmt: skip
def test_what_is_written_is_read(store: Store, record: Record):
    path = store.path(record.container_id, record.ifname)
    store.write(path, record)
    assert store.read(path) == record
    assert list(store.all()) == [(path, record)]
    store.forget(path)
    assert (store.read(path), list(store.all())) == (None, [])


def test_the_references_record_is_understood(store: Store, tmp_path: Path):
    """It does not say which container's it is, but by its name; nor whether the VF was up."""
    (tmp_path / "c-1-net1").write_text(REFERENCE)
    read = store.read(store.path("c-1", "net1"))
    assert read is not None
    assert (read.foreign, read.container_id, read.ifname, read.netns) == (True, "c-1", "net1", "")
    assert (read.network, read.address, read.pf, read.ipam) == ("net", "0000:03:02.3", "ens1", "host-local")
    assert read.wanted.rate == (0, 200)
    assert read.wanted.vlan == RECORD.wanted.vlan
    assert (read.original.name, read.original.mac, read.original.vf) == ("ens1v3", "02:00:00:00:00:99", VF)


@pytest.mark.parametrize("text", ["", "[]", '{"deviceID": "0000:03:02.3"}', '{"OrigVfState": 7}'], ids=repr)
def test_a_record_that_is_none_is_named_and_left(store: Store, tmp_path: Path, text: str):
    path = store.path("c1", "net1")
    path.write_text(text)
    with pytest.raises(MultinetError) as failure:
        store.read(path)
    assert str(failure.value) == (
        f"the record {path} of how a VF was cannot be read (see to the VF by hand, then remove the file)"
    )
    assert (list(store.all()), path.exists()) == ([], True)


def test_who_has_a_vf_is_written_beside(store: Store, tmp_path: Path):
    with store.lock("0000:03:02.3"):
        assert store.owner("0000:03:02.3") is None
        store.give("0000:03:02.3", "/run/netns/a")
    assert (tmp_path / "pci" / "0000:03:02.3").read_text() == "/run/netns/a"
    assert store.owner("0000:03:02.3") == "/run/netns/a"
    store.take_back("0000:03:02.3")
    assert store.owner("0000:03:02.3") is None


@pytest.mark.parametrize(
    "changed",
    [
        ('"vlanQoS": 5', '"vlanQoS": "5"'),
        ('"max_tx_rate": 200', '"max_tx_rate": [200]'),
        ('"MTU": 1500}', '"MTU": 1500.0}'),
        ('"SpoofChk": true', '"SpoofChk": 1'),
        ('"Master": "ens1"', '"Master": {}'),
        ('"VFID": 3', '"VFID": true'),
        ('"deviceID": "0000:03:02.3"', '"deviceID": 3'),
    ],
    ids=lambda pair: pair[1],
)
def test_a_member_of_another_type_is_damage(store: Store, tmp_path: Path, changed: tuple[str, str]):
    """Else a VF would be given what its driver refuses, or what nobody had set."""
    assert changed[0] in REFERENCE
    (tmp_path / "c1-net1").write_text(REFERENCE.replace(*changed))
    with pytest.raises(MultinetError, match=r"of how a VF was cannot be read"):
        store.read(tmp_path / "c1-net1")
    assert (tmp_path / "damaged" / "c1-net1").exists()
