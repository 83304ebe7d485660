"""Which settings may change under a running agent.

Those that each request reads anew are safe: a request keeps the settings that it began with. What was opened,
bound or started by them at the start (sockets, folders, threads, the watch) asks for a restart.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from multinet.config.agent import AgentSettings
from multinet.config.settings import Settings

RELOADABLE = frozenset(
    {
        "clusterNetwork", "defaultNetworks", "delegates", "confDir", "namespaceIsolation", "globalNamespaces",
        "multinetNamespace", "systemNamespaces", "executables", "statusForAllPods",
        "readinessIndicatorFile", "disableCheck", "hostLinks", "logLevel", "binDir",
        "allowedDelegates", "allowedDelegatesByNamespace", "allowedPaths", "allowedSysctls",
        "agent.primaryDir", "agent.primary", "agent.cniVersion", "agent.queueSeconds",
        "agent.requestSeconds", "agent.shimWaitSeconds", "agent.reconcileSeconds", "agent.reconcileMost",
    }
)  # fmt: skip
"""By their names in the file; all others need a restart."""


def changed(old: Settings, new: Settings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The keys that differ: those that may change while the agent runs, and those that need a restart."""
    told, asked = values(old), values(new)
    differ = [key for key in told if told[key] != asked[key]]
    safe = tuple(key for key in differ if key in RELOADABLE)
    return safe, tuple(key for key in differ if key not in RELOADABLE)


def reloaded(old: Settings, new: Settings) -> Settings:
    """The new ones where they may change while the agent runs, the old ones elsewhere."""
    agent = {
        one.name: getattr(new.agent, one.name)
        for one in fields(AgentSettings)
        if f"agent.{key_of(one.name)}" in RELOADABLE
    }
    mine = {one.name: getattr(new, one.name) for one in fields(Settings) if key_of(one.name) in RELOADABLE}
    return replace(old, **mine, agent=replace(old.agent, **agent))


def values(settings: Settings) -> dict[str, Any]:
    """Each setting by its name in the file; the agent's own begin with ``agent.``."""
    mine = {key_of(field.name): getattr(settings, field.name) for field in fields(Settings)}
    agent: AgentSettings = mine.pop("agent")
    return mine | {f"agent.{key_of(one.name)}": getattr(agent, one.name) for one in fields(AgentSettings)}


def key_of(field: str) -> str:
    """``cni_conf_dir`` -> ``cniConfDir``"""
    first, *others = field.split("_")
    return first + "".join(word.capitalize() for word in others)
