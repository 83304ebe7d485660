"""CNI type -> delegate: an installed one (entry point), else an executable on CNI_PATH.

Installed wins. ``executables`` names the types for which the node's binary is wanted all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from multinet.cni.names import META_PLUGINS
from multinet.delegate.contract import AnyDelegate, Delegate, Resident
from multinet.delegate.executable import Executable, Here, Runner
from multinet.errors import InvalidConfig, MultinetError
from multinet.schema import Schema

GROUP = "multinet.delegates"
RESIDENTS = "multinet.residents"


@cache
def installed() -> Mapping[str, EntryPoint]:
    """Every installed delegate by its CNI type. Raises when two distributions bring the same type."""
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        other = found.setdefault(entry.name, entry)
        if other.value != entry.value:
            raise MultinetError(
                f"two delegates are installed for the CNI type {entry.name!r}: "
                f"{_origin(other)} and {_origin(entry)}",
                hint="uninstall one of them",
            )
    return found


def _origin(entry: EntryPoint) -> str:
    return f"{entry.value} of {entry.dist.name if entry.dist else 'an unknown distribution'}"


@cache
def load(type_: str) -> AnyDelegate:
    """The installed delegate for a type; it is one object for the whole process. KeyError when there is
    none.
    """
    entry = installed()[type_]
    made = entry.load()()
    if not isinstance(made, Delegate):
        raise MultinetError(
            f"the delegate installed for the CNI type {type_!r} ({_origin(entry)}) is not one",
            hint="it must be a subclass of multinet.delegate.contract.Delegate",
        )
    return made


@cache
def schema(type_: str) -> Mapping[str, Any] | None:
    """The ``schema.json`` beside an installed delegate, which describes its keys; None where there is none."""
    entry = installed().get(type_)
    if entry is None:
        return None
    try:
        return Schema(entry.module).document
    except (OSError, ValueError, ImportError):
        return None


def residents() -> Mapping[str, Resident]:
    """What is to run beside the calls, by the CNI type that it is for."""
    return {entry.name: entry.load() for entry in entry_points(group=RESIDENTS)}


class Registry:
    """Where one request's delegates come from."""

    def __init__(
        self,
        *,
        path: Sequence[str],
        environ: Mapping[str, str],
        executables: Collection[str] = (),
        runner: Runner | None = None,
    ) -> None:
        """``path`` is CNI_PATH; ``environ`` is what executables inherit; ``runner`` None: they run here."""
        self._runner = runner or Here()
        self._path = tuple(path)
        self._environ = environ
        self._executables = frozenset(executables)

    def find(self, type_: str) -> AnyDelegate:
        """Raises InvalidConfig when there is neither an installed delegate nor an executable, and for a meta
        plugin: it would call us, and wait for ever for the sandbox that we have in work.
        """
        if type_ in META_PLUGINS:
            raise InvalidConfig(
                f"{type_} is a meta plugin, which calls the plugins of networks and is none itself",
                hint="name the plugin that makes the interface as the configuration's 'type'",
            )
        if type_ in installed() and type_ not in self._executables:
            return load(type_)
        file = self._runner.find(type_, self._path)
        return Executable(type_, file, path=self._path, environ=self._environ, runner=self._runner)
