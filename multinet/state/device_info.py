"""Device-info files on disk (device-info-spec 1.1.0): what a device plugin left is handed to the attachment's
plugins, and what those leave is read for network-status.
"""

from __future__ import annotations

import os
from pathlib import Path

from multinet import files
from multinet.errors import IOFailure
from multinet.npwg import device
from multinet.npwg.device import DeviceInfo
from multinet.plan import Plan

MODE = 0o444


class DeviceInfoFolder:
    """``folder`` holds ``dp/`` (from device plugins) and ``cni/`` (ours)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self, plan: Plan) -> None:
        for attachment in plan.attachments:
            if not attachment.device_info_file:
                continue
            file = Path(attachment.device_info_file)
            files.make_dirs(file.parent)
            source = self._from_device_plugin(attachment.resource, attachment.device_id)
            if source is not None:
                files.write_atomic(file, source, mode=MODE)

    def read(self, file: str) -> DeviceInfo | None:
        if not file:
            return None
        try:
            text = files.read(file).decode()
        except UnicodeDecodeError as error:
            raise IOFailure(f"could not read the device-info file {file}: {error}") from error
        except IOFailure:
            if os.path.lexists(file):
                raise
            return None
        return device.parse(text, source=file)

    def remove(self, plan: Plan) -> None:
        for attachment in plan.attachments:
            if attachment.device_info_file:
                file = Path(attachment.device_info_file)
                files.remove(file)
                files.remove(files.temporary(file))

    def stale(self) -> list[str]:
        """The files of attachments, and half-written ones, that are older than any ADD takes."""
        folder = self._folder / "cni"
        return [
            str(file)
            for pattern in ("[!.]*", ".*.tmp")
            for file in files.older(folder, pattern, files.UNFINISHED_SECONDS)
        ]

    def discard(self, file: str) -> None:
        files.remove(file)

    def _from_device_plugin(self, resource: str, device_id: str) -> bytes | None:
        """The file's name also holds the resource, which an annotation's ``deviceID`` does not tell."""
        if resource:
            told = [self._folder / device.plugin_file(resource, device_id)]
        else:
            ending = device.plugin_file("", device_id).name
            told = [file for file in sorted((self._folder / "dp").glob("*")) if file.name.endswith(ending)]
        return next((files.read(file) for file in told if file.exists()), None)
