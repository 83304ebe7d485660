"""The folder of one network: a file for each address in use. It is shared with the reference's plugin.

    10.1.2.3             named after the address, holding "<container id>\r\n<ifname>"; very old ones the id
    last_reserved_ip.0   the address given last from range set 0
    lock                 empty; held while any of the others is looked at or changed

A reservation appears with its content in it (``files.create``), so no death of a process leaves one that
names nobody.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from types import TracebackType
from typing import NamedTuple, Self

from delegates.ipam.host_local.index import LAST, LOCK, Index, Indexes, Stamp, mark, number_of
from multinet import files
from multinet.cni.addresses import parse_ip
from multinet.cni.names import check_container_id, check_ifname
from multinet.cni.types import IP
from multinet.errors import InvalidConfig, IOFailure, MultinetError, raise_together
from multinet.locks import Lock

LOCK_MODE = 0o750
FOLDER_MODE = 0o755
"""The reference's."""


class Owner(NamedTuple):
    """``ifname`` is "" in very old files."""

    container_id: str
    ifname: str


def owner_of(container_id: str, ifname: str) -> bytes:
    """What a reservation holds."""
    return f"{container_id.strip()}\r\n{ifname}".encode()


def read_owner(content: bytes) -> Owner | None:
    """None for what can't be the names of a container and an interface."""
    try:
        container_id, line_break, ifname = content.decode().partition("\r\n")
        check_container_id(container_id)
        if line_break:
            check_ifname(ifname)
    except (UnicodeDecodeError, MultinetError):
        return None
    return Owner(container_id, ifname)


class Store:
    """The folder, locked and read: ``with Store(folder, indexes) as store: ...``. It must exist, or is ``made``."""

    index: Index

    def __init__(self, folder: str, indexes: Indexes, *, made: bool = False) -> None:
        self._folder = folder
        self._indexes = indexes
        self._lock = Lock(f"{folder}/{LOCK}", LOCK_MODE, dirs=FOLDER_MODE if made else None)
        self._stamp: Stamp
        self._trusted = False
        self._changed = False
        self._doubtful = False

    def __enter__(self) -> Self:
        self._lock.__enter__()
        try:
            self.index, self._stamp, self._trusted = self._indexes.take(self._folder)
        except BaseException as error:
            self._lock.__exit__(None, None, None)
            if isinstance(error, OSError):
                raise files.failure("read", self._folder, error) from error
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not self._doubtful and (error is None or isinstance(error, MultinetError)):
                self._keep()
        except OSError:
            pass  # it is not kept: next time it costs reading the folder
        finally:
            self._lock.__exit__(None, None, None)

    def _keep(self) -> None:
        stamp = self._stamp if self._trusted else None
        if self._changed:
            stamp = mark(self._folder, self._stamp)
        if stamp is not None:
            self._indexes.keep(self._folder, self.index, stamp)

    def last_reserved(self, number: int) -> IP | None:
        """The address given last from that range set. What can't be read is as good as none."""
        try:
            text = self.index.last.get(number)
            if text is None:
                text = files.read(f"{self._folder}/{LAST}{number}").decode(errors="replace")
            known = number_of(text)
            # It is another text each time, and reading an IPv4 address digit by digit costs as much as its file.
            return IPv4Address(known[1]) if known and known[0] == 4 else parse_ip(text)
        except (IOFailure, InvalidConfig):
            return None

    def set_last_reserved(self, number: int, name: str) -> None:
        self._changed = True
        files.overwrite(f"{self._folder}/{LAST}{number}", name.encode())
        self.index.last[number] = name

    def reserve(self, name: str, owner: bytes) -> bool:
        """The address of that name. False when it is taken. Raises IOFailure."""
        if self.index.content(name) is not None:
            return False
        self._changed = True
        made = files.create(f"{self._folder}/{name}", owner)
        self.index.put(name, owner if made else b"")
        if not made:  # by somebody who does not lock, or under a name that no one prints an address as
            self._doubtful = True
        return made

    def held(self, owner: bytes) -> list[str]:
        """The files of an owner, or where there is none the very old ones of its container."""
        return self.index.with_content(owner) or self.index.with_content(owner.partition(b"\r\n")[0])

    def addresses(self, owner: bytes) -> list[IP]:
        """All addresses of an owner, those in very old files of its container included."""
        names = {*self.index.with_content(owner), *self.index.with_content(owner.partition(b"\r\n")[0])}
        found = []
        for name in sorted(names):
            try:
                found.append(parse_ip(name))
            except InvalidConfig:
                continue
        return found

    def release(self, names: list[str]) -> None:
        """Remove these files, to the end, then raise what failed. Raises IOFailure."""
        failures: list[MultinetError] = []
        for name in names:
            self._changed = True
            try:
                files.remove(f"{self._folder}/{name}")
            except IOFailure as error:
                failures.append(error)
            else:
                self.index.drop(name)
        raise_together(failures)
