"""Telling of the device to those beyond this plugin (device-info-spec 1.1.0), where its device plugin has not."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

from delegates.main.sriov import devices
from delegates.main.sriov.devices import VfDevice
from multinet import files
from multinet.delegate.undo import Undo

VERSION = "1.1.0"
MODE = 0o444


def write(file: str, device: VfDevice, undo: Undo) -> None:
    """The meta plugin, which names the file, removes it after DEL."""
    if not file or os.path.exists(file):
        return
    pci = {"pci-address": device.address, "pf-pci-address": device.pf_address}
    rdma = devices.rdma_device(device)
    if rdma:
        pci["rdma-device"] = rdma
    undo.push(f"remove {file}", partial(files.remove, file))
    files.make_dirs(Path(file).parent)
    told = {"type": "pci", "version": VERSION, "pci": pci}
    files.write_atomic(file, json.dumps(told, indent=4).encode(), mode=MODE)
