"""What sysfs tells of a VF, on a sysfs made for the test; and what is told on of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from delegates.main.sriov import device_info, devices
from multinet.delegate.undo import Undo

PF, VF = "0000:03:00.0", "0000:03:02.3"


@pytest.fixture
def pci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PF with four VFs, of which the last has an own driver and an RDMA device."""
    monkeypatch.setattr(devices, "PCI", tmp_path)
    (tmp_path / PF).mkdir()
    for number in range(4):
        address = f"0000:03:02.{number}"
        (tmp_path / address).mkdir()
        (tmp_path / address / "physfn").symlink_to(f"../{PF}")
        (tmp_path / PF / f"virtfn{number}").symlink_to(f"../{address}")
    (tmp_path / VF / "driver").symlink_to("../../bus/pci/drivers/mlx5_core")
    (tmp_path / VF / "infiniband" / "mlx5_7").mkdir(parents=True)
    return tmp_path


def test_a_vf_is_found_with_its_pf_its_number_and_its_driver(pci: Path):
    found = devices.find(VF)
    assert found == devices.VfDevice(address=VF, pf_address=PF, number=3, driver="mlx5_core")
    assert not found.userspace
    assert devices.vf("0000:03:02.0").driver == ""
    assert devices.find(PF) is None


@pytest.mark.parametrize("driver", ["vfio-pci", "uio_pci_generic", "igb_uio"])
def test_drivers_for_programs_are_known(pci: Path, driver: str):
    (pci / VF / "driver").unlink()
    (pci / VF / "driver").symlink_to(f"../../bus/pci/drivers/{driver}")
    assert devices.vf(VF).userspace


def test_what_its_device_plugin_did_not_tell_is_told(pci: Path, tmp_path: Path):
    """With the RDMA device, which stays where it is."""
    file, undo = tmp_path / "made" / "info.json", Undo()
    device_info.write(str(file), devices.vf(VF), undo)
    told = {"pci-address": VF, "pf-pci-address": PF, "rdma-device": "mlx5_7"}
    assert json.loads(file.read_text()) == {"type": "pci", "version": "1.1.0", "pci": told}
    undo.run()
    assert not file.exists()


def test_what_its_device_plugin_told_stands(pci: Path, tmp_path: Path):
    file, undo = tmp_path / "info.json", Undo()
    file.write_text("the plugin's")
    device_info.write(str(file), devices.vf(VF), undo)
    device_info.write("", devices.vf(VF), undo)
    undo.run()
    assert file.read_text() == "the plugin's"
