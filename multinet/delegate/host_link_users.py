"""Who uses a link of the host that was made on demand: a file a link, ``<namespace>-<link>.json``.

A file counts only while its link is there, which the random group tells that both bear (``kernel.host_links``). So a
reboot, somebody who removed the link, and a namespace that got a former one's number end all uses by themselves.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from multinet import damaged, files
from multinet.cni import jsonkeys
from multinet.errors import IOFailure, MultinetError
from multinet.files import AnyPath
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from multinet.locks import Lock

VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """One attachment of one container."""

    container: str
    ifname: str
    network: str
    netns: str
    """Where the container's namespace was, by which it is known to be gone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Users:
    """All of one link's. ``bridge`` is the one that it was made a port of, "" for none."""

    mark: int
    bridge: str = ""
    users: tuple[User, ...] = ()

    def of(self, link: Link) -> bool:
        return link.group == self.mark

    def joined_by(self, user: User) -> Users:
        return replace(self, users=(*self.without(user).users, user))

    def without(self, user: User) -> Users:
        return self.kept(lambda one: (one.container, one.ifname) != (user.container, user.ifname))

    def kept(self, keep: Callable[[User], bool]) -> Users:
        return replace(self, users=tuple(filter(keep, self.users)))


class Ledger:
    """The files in ``folder``, which is made when the first is written."""

    def __init__(self, folder: AnyPath) -> None:
        self._folder = folder

    def lock(self) -> Lock:
        """One for all links: each is held for as long as it takes to make or remove one."""
        files.make_dirs(self._folder, mode=0o700)
        return Lock(f"{self._folder}{os.sep}lock")

    def exists(self, host: Namespace, name: str) -> bool:
        """Is there a file, finished or not?"""
        file = self._file(host, name)
        return os.path.exists(file) or os.path.exists(files.temporary(file))

    def damaged(self, host: Namespace, name: str) -> bool:
        """Is there one, which ``read`` can't?"""
        return os.path.exists(self._file(host, name))

    def names(self, host: Namespace) -> Iterator[str]:
        """The links of that namespace of which a file tells."""
        prefix = _prefix(host)
        try:
            found = sorted(os.listdir(self._folder))
        except OSError:
            return
        for file in found:
            if file.startswith(prefix) and file.endswith(".json"):
                yield file.removeprefix(prefix).removesuffix(".json")

    def read(self, host: Namespace, name: str) -> Users | None:
        """None where there is no file, or none that we wrote: its link is then nobody's of ours, and stays."""
        file = self._file(host, name)
        try:
            data = files.read(file)
        except files.NoFile as error:
            damaged.put_aside(file, None, error)
            return None
        except IOFailure:
            return None
        try:
            said = jsonkeys.load(data)
            if said["version"] != VERSION:
                return None
            return Users(
                mark=int(said["group"]),
                bridge=str(said["bridge"]),
                users=tuple(User(**{key: str(one[key]) for key in User.__slots__}) for one in said["users"]),
            )
        except (MultinetError, ValueError, LookupError, TypeError) as error:
            damaged.put_aside(file, data, f"the list of who uses a link is damaged: {error}")
            return None

    def write(self, host: Namespace, name: str, users: Users) -> None:
        document = {
            "version": VERSION,
            "link": name,
            "group": users.mark,
            "bridge": users.bridge,
            "users": [{key: getattr(one, key) for key in User.__slots__} for one in users.users],
        }
        files.write_atomic(self._file(host, name), json.dumps(document, indent=1).encode())

    def forget(self, host: Namespace, name: str) -> None:
        file = self._file(host, name)
        files.remove(file)
        files.remove(files.temporary(file))

    def _file(self, host: Namespace, name: str) -> str:
        return f"{self._folder}{os.sep}{_prefix(host)}{name}.json"


def _prefix(host: Namespace) -> str:
    return f"{host.identity[1]}-"
