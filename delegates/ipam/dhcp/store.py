"""The leases on disk: one file each, so that they outlive who keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

from delegates.ipam.dhcp.lease import Key, Lease, Order
from multinet import damaged, files, log
from multinet.cni import jsonkeys
from multinet.errors import DecodingFailure, IOFailure, MultinetError
from multinet.locks import Lock

FORMAT: Final = 1
DAMAGED: Final = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)
"""What reading something else than what was written may raise."""
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved:
    """``identity``: device and inode of the namespace, since a path may be used again."""

    order: Order
    lease: Lease
    netns: str
    identity: tuple[int, int]

    def to_json(self) -> dict[str, Any]:
        return {
            "order": self.order.to_json(),
            "lease": self.lease.to_json(),
            "netns": self.netns,
            "identity": list(self.identity),
        }

    @classmethod
    def of_json(cls, document: Any) -> Self:
        """Raises one of DAMAGED."""
        device, inode = document["identity"]
        return cls(
            order=Order.of_json(document["order"]),
            lease=Lease.of_json(document["lease"]),
            netns=str(document["netns"]),
            identity=(int(device), int(inode)),
        )


class Store:
    """One folder. ``lock`` is held by who keeps the leases in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._boot_id = BOOT_ID.read_text(encoding="ascii").strip()

    def lock(self) -> Lock:
        """Raises Busy on entering while another process has them, IOFailure."""
        files.make_dirs(self._folder, 0o700)
        return Lock(self._folder / "lock", wait=False)

    def write(self, saved: Saved) -> None:
        """Raises IOFailure."""
        document = {"format": FORMAT, "bootId": self._boot_id, **saved.to_json()}
        files.write_atomic(self._file(saved.order.key), json.dumps(document).encode())

    def remove(self, key: Key) -> None:
        """Absent is fine. Raises IOFailure."""
        files.remove(self._file(key))

    def all(self) -> Iterator[Saved]:
        """Those of this boot. What is of a machine's life before is removed: nobody has it. What is damaged is put
        aside.
        """
        for file in sorted(self._folder.glob("*.json")):
            try:
                data = files.read(file)
            except files.NoFile as error:
                damaged.put_aside(file, None, error)
                continue
            except IOFailure as error:
                log.warn("a lease can't be read", error=str(error))
                continue
            try:
                saved = self._read(data)
            except DecodingFailure as error:
                with suppress(IOFailure):  # then it is tried again the next time
                    damaged.take_away(file, data, error)
                continue
            if saved is not None:
                yield saved
                continue
            log.info("a lease of another boot, or of another multinet, is dropped", file=str(file))
            try:
                files.remove(file)
            except IOFailure as error:
                log.warn("a lease can't be removed", error=str(error))

    def _read(self, data: bytes) -> Saved | None:
        """None for one of another boot or another multinet. Raises DecodingFailure."""
        try:
            document = jsonkeys.load(data)
            if document["bootId"] != self._boot_id or document["format"] != FORMAT:
                return None
            return Saved.of_json(document)
        except (MultinetError, *DAMAGED) as error:
            raise DecodingFailure(f"a lease is damaged: {error}") from error

    def _file(self, key: Key) -> Path:
        return self._folder / f"{sha256(str(key).encode()).hexdigest()[:32]}.json"
