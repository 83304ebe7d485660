"""CNI configurations in files: ``confDir``, and the paths that ``clusterNetwork`` may name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from multinet import files
from multinet.cni.netconf import NetConfList
from multinet.errors import InvalidConfig, IOFailure, NotAvailable, TryAgain
from multinet.npwg import confdir

SUFFIXES = (".conf", ".conflist", ".json")


class FolderFiles(Mapping[str, bytes]):
    """A folder's configuration files by their path in it, one folder deep; read when they are looked up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, path: str) -> bytes:
        return files.read(self._folder / path)

    def __iter__(self) -> Iterator[str]:
        for path in _sorted(self._folder):
            if path.is_dir():
                yield from (f"{path.name}/{one.name}" for one in _sorted(path) if one.suffix in SUFFIXES)
            elif path.suffix in SUFFIXES:
                yield path.name

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Primary(Protocol):
    """Who looks for the cluster's own network on this node."""

    def current(self) -> NetConfList:
        """Raises NotAvailable."""


class ConfigurationFiles:
    """What a node's settings may name. ``primary`` None: they must name the first network."""

    def __init__(self, folder: Path, primary: Primary | None = None) -> None:
        self.folder = FolderFiles(folder)
        self._primary = primary

    def primary(self) -> NetConfList:
        """The cluster's own network. Raises TryAgain while it is not known."""
        if self._primary is None:
            raise InvalidConfig("no first network is named", hint="set 'clusterNetwork' or 'delegates'")
        try:
            return self._primary.current()
        except NotAvailable as error:
            raise TryAgain(error.message, hint=error.hint) from error

    def at(self, path: str) -> NetConfList:
        """The configuration in that file, or the first of that folder, as Multus takes it."""
        place = Path(path)
        if not place.is_dir():
            return confdir.read(place.name, FolderFiles(place.parent))
        inside = FolderFiles(place)
        first = next((name for name in inside if "/" not in name and not name.endswith(".json")), None)
        if first is None:
            raise InvalidConfig(f"there is no .conf or .conflist file in the folder {place}")
        return confdir.read(first, inside)


def _sorted(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise IOFailure(f"could not read the folder {folder}: {error.strerror}") from error
