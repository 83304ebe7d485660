"""Device-info files: read, written, and where they are."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multinet.errors import DecodingFailure
from multinet.npwg.device import (
    DeviceInfo,
    MemifDevice,
    PciDevice,
    VdpaDevice,
    VhostUserDevice,
    cni_file,
    parse,
    plugin_file,
    to_json,
    write,
)
from tests.npwg.marks import unmark

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
MAYBE = st.just("") | TEXTS
ADDRESSES = st.from_regex(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", fullmatch=True)
MAYBE_ADDRESS = st.just("") | ADDRESSES
MEMBERS: dict[str, st.SearchStrategy[Any]] = {
    "pci": st.builds(
        PciDevice,
        pci_address=ADDRESSES,
        vhost_net=MAYBE,
        rdma_device=MAYBE,
        pf_pci_address=MAYBE_ADDRESS,
        representor_device=MAYBE,
    ),
    "vdpa": st.builds(
        VdpaDevice,
        parent_device=TEXTS,
        driver=st.sampled_from(["vhost", "virtio"]),
        path=TEXTS,
        pci_address=MAYBE_ADDRESS,
        pf_pci_address=MAYBE_ADDRESS,
        representor_device=MAYBE,
    ),
    "vhost_user": st.builds(VhostUserDevice, mode=st.sampled_from(["client", "server"]), path=TEXTS),
    "memif": st.builds(
        MemifDevice,
        role=st.sampled_from(["master", "slave"]),
        path=TEXTS,
        mode=st.sampled_from(["ethernet", "ip", "inject-punt", "punt"]),
    ),
}


@st.composite
def devices(draw: st.DrawFn) -> DeviceInfo:
    present = draw(st.sets(st.sampled_from(sorted(MEMBERS)), min_size=1))
    kind = draw(st.sampled_from(sorted(present)))
    members = {name: draw(MEMBERS[name]) for name in sorted(present)}
    version = draw(st.sampled_from(["1.0.0", "1.1.0", "1.12.3"]))
    return DeviceInfo(type=kind.replace("_", "-"), version=version, **members)


@given(devices())
def test_whatever_is_written_reads_back(device: DeviceInfo) -> None:
    assert parse(write(device), source="file") == device


def test_a_device_is_written_in_the_order_of_the_specification() -> None:
    device = DeviceInfo(
        type="pci",
        pci=PciDevice(pci_address="0000:01:02.2", pf_pci_address="0000:01:02.0", rdma_device="mlx5_3"),
    )

    assert write(device) == (
        "{\n"
        '    "type": "pci",\n'
        '    "version": "1.1.0",\n'
        '    "pci": {\n'
        '        "pci-address": "0000:01:02.2",\n'
        '        "rdma-device": "mlx5_3",\n'
        '        "pf-pci-address": "0000:01:02.0"\n'
        "    }\n"
        "}\n"
    )


@pytest.mark.parametrize(
    ("text", "device"),
    [
        (
            '{"type": "vdpa", "version": "1.1.0",'
            ' "vdpa": {"parent-device": "vdpa3", "driver": "vhost", "path": "/dev/vdpa-vhost0"}}',
            DeviceInfo(
                type="vdpa", vdpa=VdpaDevice(parent_device="vdpa3", driver="vhost", path="/dev/vdpa-vhost0")
            ),
        ),
        (
            '{"type": "vhost-user", "version": "1.0.0", "vhost-user": {"mode": "server", "path": "/v.sock"}}',
            DeviceInfo(
                type="vhost-user",
                version="1.0.0",
                vhost_user=VhostUserDevice(mode="server", path="/v.sock"),
            ),
        ),
        (
            '{"type": "memif", "version": "1.1.0", "memif": {"role": "slave", "path": "/m", "mode": "ip"}}',
            DeviceInfo(type="memif", memif=MemifDevice(role="slave", path="/m", mode="ip")),
        ),
        (
            '{"type": "pci", "version": "1.2.0", "pci": {"pci-address": "10000:e1:00.0", "x": 1}, "x": 2}',
            DeviceInfo(type="pci", version="1.2.0", pci=PciDevice(pci_address="10000:e1:00.0")),
        ),
    ],
)
def test_a_file_is_read(text: str, device: DeviceInfo) -> None:
    assert parse(text, source="file") == device


PCI = "expected a PCI address, such as 0000:01:02.2"
VERSION = 'expected a version of the device-info format that is known: "1.0.0" or later, below 2'


@pytest.mark.parametrize(
    ("marked", "message"),
    [
        ("^", "expected a value, but the text ends here"),
        ("^[]", "expected an object, not a list"),
        ("^{}", 'expected the key "type" in this object'),
        ('^{"type": "pci"}', 'expected the key "version" in this object'),
        ('{"type": ^"gpu", "version": "1.1.0"}', "expected one of pci, vdpa, vhost-user, memif"),
        ('{"type": "pci", "version": ^"2.0.0"}', VERSION),
        ('{"type": "pci", "version": ^"1.1"}', VERSION),
        (
            '^{"type": "pci", "version": "1.1.0", "memif": null}',
            'expected the key "pci" in this object, since it is the type',
        ),
        (
            '{"type": "pci", "version": "1.1.0", "pci": ^{"vhost-net": "/dev/vhost-net"}}',
            'expected the key "pci-address" in this object',
        ),
        ('{"type": "pci", "version": "1.1.0", "pci": {"pci-address": ^"0000:02:01:6"}}', PCI),
        ('{"version": "1.1.0", "memif": {"path": ^"", "mode": "ip"}}', "expected something in this string"),
        ('{"version": "1.1.0", "vhost-user": {"mode": ^"sever"}}', "expected one of client, server"),
        ('{"version": "1.1.0", "vdpa": {"driver": ^"vfio"}}', "expected one of vhost, virtio"),
    ],
)
def test_a_wrong_file_is_pointed_at_and_named(marked: str, message: str) -> None:
    path = "/var/run/k8s.cni.cncf.io/devinfo/cni/x"
    text, excerpt = unmark(marked)
    with pytest.raises(DecodingFailure) as caught:
        parse(text, source=path)
    assert str(caught.value) == f"{path}: {message}\n{excerpt}"


@given(st.text() | devices().map(write).flatmap(lambda text: st.permutations(text[:40]).map("".join)))
def test_nothing_but_our_error_comes_out(text: str) -> None:
    with suppress(DecodingFailure):
        parse(text, source="file")


def test_the_json_form_has_no_empty_members() -> None:
    device = DeviceInfo(type="pci", pci=PciDevice(pci_address="0000:01:02.2"))
    assert json.dumps(to_json(device)) == (
        '{"type": "pci", "version": "1.1.0", "pci": {"pci-address": "0000:01:02.2"}}'
    )


def test_a_device_plugins_file_is_named_by_resource_and_device() -> None:
    assert str(plugin_file("intel.com/sriov", "0000:18:02.5")) == (
        "dp/intel.com-sriov-0000:18:02.5-device.json"
    )


def test_an_attachments_file_is_named_as_multus_names_it() -> None:
    assert str(cni_file("default/net-a", "c0ffee", "net1")) == ("cni/default-net-a-c0ffee_net1")


@given(st.text(), st.text(), st.text())
def test_no_name_leaves_its_folder(first: str, second: str, third: str) -> None:
    assert plugin_file(first, second).parent.name == "dp"
    assert cni_file(first, second, third).parent.name == "cni"
