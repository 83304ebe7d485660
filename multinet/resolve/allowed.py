"""What a definition may have root do: the plugins it runs, the places it names, the kernel parameters it sets.

Whoever may write definitions is a user of the cluster, and what runs them is root. CNI has no bounds for that, so
the settings have them: ``allowedDelegates``, ``allowedPaths``, ``allowedSysctls``. A configuration in a file of the
node is its operator's own word, and held to nothing; what the pod adds to it is.

Keys are looked for in any case, and each of them: of two spellings another reader may take the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any, Final, TypeAlias

from multinet.cni.netconf import NetConfList
from multinet.config import Settings
from multinet.errors import InvalidConfig, inside
from multinet.npwg.nad import NetworkAttachmentDefinition

Steps: TypeAlias = tuple[str | int, ...]
"""The way to a value within one plugin's configuration."""

CALLED: Final = frozenset({"ipam", "delegate"})
"""Members that name a plugin of their own, which the one around them calls."""

PLACES: Final = frozenset({"datadir", "resolvconf", "subnetfile", "daemonsocketpath", "cnideviceinfofile"})
"""Members, in small letters, that are a file or folder for root to read or write."""

SYSCTL: Final = "sysctl"

MOST_KNOWN: Final = 256
"""Definitions that are known to be allowed. To look through one again takes as long as to make an address."""
_known: Final[dict[tuple[int, str, str, str], Settings]] = {}
"""By the identity of the settings, which are kept with it, and what was looked at."""


def refuse(settings: Settings, definition: NetworkAttachmentDefinition, conflist: NetConfList) -> None:
    """Raise InvalidConfig for the first thing in the definition, read as ``conflist``, that the settings don't
    allow."""
    key = (id(settings), definition.namespace, conflist.name, definition.config)
    if key in _known:
        return
    _look_through(settings, definition.namespace, conflist)
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    _known[key] = settings


def _look_through(settings: Settings, namespace: str, conflist: NetConfList) -> None:
    for plugin in conflist.plugins:
        for steps, error in refusals(settings, namespace, conflist.name, plugin):
            with inside(f"[{plugin['type']}]"), inside(path_of(steps)):
                raise error


def refusals(
    settings: Settings, namespace: str, network: str, plugin: Mapping[str, Any]
) -> Iterator[tuple[Steps, InvalidConfig]]:
    """All that stands against one plugin's configuration, and where. ``network`` is its list's name."""
    of_its_own = namespace in settings.allowed_delegates_by_namespace
    setting = "allowedDelegatesByNamespace" if of_its_own else "allowedDelegates"
    patterns = settings.delegates_for(namespace)
    for steps, type_ in types_of(plugin):
        if not any(fnmatchcase(type_, pattern) for pattern in patterns):
            what = f"{type_!r} is none of the plugins that definitions of the namespace {namespace!r} may run"
            yield steps, _not_allowed(what, setting, patterns)
    for steps, value in members(plugin):
        key = str(steps[-1]).lower()
        if key in PLACES and isinstance(value, str) and value and not _is_open(settings, network, value):
            places = (*settings.allowed_paths, str(settings.device_info_dir))
            yield (
                steps,
                _not_allowed(
                    f"{value!r} is none of the places that a definition may name", "allowedPaths", places
                ),
            )
        if key == SYSCTL and isinstance(value, Mapping):
            for error in _closed(settings, value):
                yield steps, error


def refuse_cni_args(settings: Settings, said: Mapping[str, Any]) -> None:
    """The same of what the pod's annotation adds to its plugins' configuration (``cni-args``)."""
    for steps, value in members(said):
        if str(steps[-1]).lower() == SYSCTL and isinstance(value, Mapping):
            for error in _closed(settings, value):
                with inside(".cni-args"), inside(path_of(steps)):
                    raise error


def types_of(plugin: Mapping[str, Any], above: Steps = ()) -> Iterator[tuple[Steps, str]]:
    """The plugins that a configuration names: its own, and those that this one is to call."""
    for key, value in plugin.items():
        if key.lower() == "type" and isinstance(value, str) and value:
            yield (*above, key), value
        elif key.lower() in CALLED and isinstance(value, Mapping):
            yield from types_of(value, (*above, key))


def members(value: Any, above: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    """Every member of every object in it, the outer ones first."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield (*above, key), member
            yield from members(member, (*above, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from members(item, (*above, index))


def path_of(steps: Steps) -> str:
    """``.ipam.ranges[0]``"""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _is_open(settings: Settings, network: str, place: str) -> bool:
    """Is it in one of the open places, and in none that remembers what pods were given? A plugin may make a folder of
    the network's name in it."""
    path = PurePosixPath(place)
    if "\0" in place or ".." in path.parts:
        return False
    if path.is_relative_to(settings.device_info_dir):
        return True
    own = (settings.state_dir, settings.multus_dir, settings.runtime_cache_dir / "results")
    if any(one.is_relative_to(mine) for one in (path, path / network) for mine in own):
        return False
    return any(path.is_relative_to(one) for one in settings.allowed_paths)


def _closed(settings: Settings, sysctl: Mapping[str, Any]) -> Iterator[InvalidConfig]:
    for name in sysctl:
        # Dots and slashes mean the same to tuning.
        if not any(fnmatchcase(name.replace("/", "."), one) for one in settings.allowed_sysctls):
            yield _not_allowed(
                f"{name!r} is none of the kernel parameters that pods and definitions may set",
                "allowedSysctls",
                settings.allowed_sysctls,
            )


def _not_allowed(message: str, setting: str, allowed: Iterable[str]) -> InvalidConfig:
    return InvalidConfig(
        message, hint=f"the setting {setting!r} of the node allows: {', '.join(allowed) or 'none'}"
    )
