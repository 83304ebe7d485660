"""Multus's configuration in our words: the thin plugin's (``00-multus.conf``, ``.conflist``) and the daemon's
(``daemon-config.json``), as Multus 4.2 documents them.

What has another name is renamed; what another meaning or none, is told in a note, with the reason. Go reads
JSON keys in any case, so they are known in any case here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from multinet.errors import DecodingFailure, InvalidConfig, UnsupportedField

CONF_DIR = "/etc/cni/multus/net.d"
"""Multus's ``confDir`` where none is written; ours is another."""

CONTAINER_ROOTS = ("/host/", "/hostroot/")
"""Where Multus's manifests put the node's folders in its container."""

LOG_LEVELS = {"panic": "error", "verbose": "info"}

SAME = frozenset(
    {
        "cniVersion", "name", "type", "capabilities", "runtimeConfig", "ipam", "dns", "args",
        "clusterNetwork", "defaultNetworks", "delegates", "confDir", "binDir", "namespaceIsolation",
        "systemNamespaces",
    }
)  # fmt: skip

RENAMED: Mapping[str, tuple[str, ...]] = {
    "multusNamespace": ("multinetNamespace",),
    "readinessindicatorfile": ("readinessIndicatorFile",),
    "cniDir": ("multusDir",),
    "cniConfigDir": ("agent", "cniConfDir"),
    "multusAutoconfigDir": ("agent", "primaryDir"),
    "multusMasterCNI": ("agent", "primary"),
}

WITHOUT_EFFECT: Mapping[str, str] = {
    "kubeconfig": "the agent uses its pod's service account; 'agent.kubeconfig' names another way",
    "logFile": "the log goes to stderr, to whoever collects it",
    "logToStderr": "the log always goes to stderr",
    "logOptions": "the log goes to stderr, to whoever collects it",
    "retryDeleteOnError": "a DEL that fails always keeps what it needs to be tried again",
    "allowTryDeleteOnErr": "a DEL that fails always keeps what it needs to be tried again",
    "cniConf": "Multus does not read it; 'confDir' is what was meant",
    "chrootDir": "executables are run on the node by the shim",
    "socketDir": "the shim and the agent meet at 'agent.socket'",
    "daemonSocketDir": "the shim and the agent meet at 'agent.socket'",
    "enablePprof": "there is no such interface",
    "perNodeCertificate": "the agent uses its pod's service account, whose token names the node",
    "multusConfigFile": "the configuration is always written by the agent",
    "forceCNIVersion": "files of others are never changed; each plugin is spoken to in its own version",
    "overrideNetworkName": "the network's name is 'agent.networkName'",
}

NOT_SETTINGS = ("type", "name", "runtimeConfig", "prevResult", "ipam", "dns", "args")
"""Of a plugin's configuration: they are the runtime's, or every network brings its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Translated:
    """Settings as ``schema.json`` has them, and what is to be known of the keys that were not merely renamed."""

    settings: Mapping[str, Any]
    notes: tuple[str, ...]


def translate(document: Mapping[str, Any]) -> Translated:
    """Read a configuration of Multus's, or of ours: a key that is not Multus's is left as it is.

    Raises DecodingFailure, InvalidConfig and UnsupportedField.
    """
    conf = _entry(document)
    multus = _is_multus(conf)
    out = _Out({}, [])
    for key, value in conf.items():
        _one(_known(key), value, out)
    if multus and "confDir" not in out.settings:
        out.settings["confDir"] = CONF_DIR
        out.note("confDir", f"{CONF_DIR} is Multus's default, ours is another; it is written out")
    if multus:
        _leave_out(out)
    return Translated(settings=out.settings, notes=tuple(out.notes))


@dataclass(frozen=True, slots=True)
class _Out:
    settings: dict[str, Any]
    notes: list[str]

    def put(self, path: tuple[str, ...], value: Any) -> None:
        folder = self.settings
        for step in path[:-1]:
            folder = folder.setdefault(step, {})
        if isinstance(folder, dict):  # else the schema says what is wrong with it
            folder[path[-1]] = value

    def note(self, key: str, words: str) -> None:
        self.notes.append(f"{key}: {words}")


def _entry(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one plugin of a list, or the document itself."""
    plugins = document.get("plugins")
    if plugins is None:
        return document
    if not isinstance(plugins, list) or len(plugins) != 1:
        raise InvalidConfig(
            "'plugins' is not a list of one: the settings are one plugin's",
            hint="plugins that are to come after it belong into the cluster network's own list",
        )
    if not isinstance(plugins[0], dict):
        raise DecodingFailure("plugins[0]: expected an object")
    return plugins[0]


def _is_multus(conf: Mapping[str, Any]) -> bool:
    if type_ := conf.get("type"):
        return isinstance(type_, str) and type_.startswith("multus")
    return any(_known(key) in MULTUS_ONLY for key in conf)


def _known(key: str) -> str:
    """In Multus's spelling, when it is a key of Multus's."""
    return key if key in OURS else KEYS.get(key.lower(), key)


def _one(key: str, value: Any, out: _Out) -> None:
    if special := SPECIAL.get(key):
        special(key, value, out)
    elif key in WITHOUT_EFFECT:
        if value not in ("", None, False):
            out.note(key, f"has no effect: {WITHOUT_EFFECT[key]}")
    elif key in RENAMED:
        if value not in ("", None):
            out.put(RENAMED[key], _on_the_node(key, value, out))
    elif key in ("clusterNetwork", "confDir", "binDir"):
        out.settings[key] = _on_the_node(key, value, out)
    else:
        out.settings[key] = value


def _on_the_node(key: str, value: Any, out: _Out) -> Any:
    """A path that is written as Multus's container sees it, as the node has it."""
    for root in CONTAINER_ROOTS:
        if isinstance(value, str) and value.startswith(root):
            there = "/" + value.removeprefix(root)
            out.note(key, f"{value} is a path in Multus's container; taken for {there} on the node")
            return there
    return value


def _namespaces(key: str, value: Any, out: _Out) -> None:
    """`globalNamespaces`: a list, or names with commas between them"""
    if isinstance(value, str):
        value = [name.strip() for name in value.split(",") if name.strip()]
    out.settings[key] = value


def _log_level(key: str, value: Any, out: _Out) -> None:
    """`logLevel`: `panic` is called `error`, `verbose` is called `info`"""
    if not isinstance(value, str):
        out.settings[key] = value
        return
    out.settings[key] = ours = LOG_LEVELS.get(value.lower(), value.lower())
    if value.lower() in LOG_LEVELS:
        out.note(key, f"{value} is called {ours}")


def _auxiliary(key: str, value: Any, out: _Out) -> None:
    """refused: put the further plugins into the cluster network's own list"""
    if value:
        raise UnsupportedField(
            f"{key}: {value!r} is not served",
            hint="put the further plugins into the cluster network's own list",
        )


def _metrics(key: str, value: Any, out: _Out) -> None:
    """`agent.metrics`, at the loopback: metrics name pods"""
    if value:
        out.put(("agent", "metrics"), f"127.0.0.1:{value}")
        out.note(key, "Multus serves every address of the node, we the loopback: metrics name pods")


def _connections(key: str, value: Any, out: _Out) -> None:
    """`agent.workers`: further requests wait in a queue"""
    if value:
        out.put(("agent", "workers"), value)
        out.note(
            key, "becomes 'agent.workers': further requests wait in a queue and are told when it is full"
        )


def _leave_out(out: _Out) -> None:
    """What is right in a file of Multus's, and has no place in one of ours, or had better none."""
    for key in NOT_SETTINGS:
        out.settings.pop(key, None)
    delegates = out.settings.get("delegates")
    if isinstance(delegates, list) and len(delegates) == 1 and not out.settings.get("clusterNetwork"):
        out.note(
            "delegates",
            "Multus writes a copy of the cluster's own configuration here; leave it out, and the agent finds "
            "the original and follows its changes",
        )
    if out.settings.pop("capabilities", None):
        out.note("capabilities", "has no effect: what the cluster network takes is declared by the agent")
    if out.settings.pop("cniVersion", None):
        out.note("cniVersion", "has no effect: several are offered, and the runtime takes its newest")
    out.note(
        "statusForAllPods",
        "Multus writes network-status to every pod, we to those that name networks; set it where somebody "
        "reads the others'",
    )


# Each says in its docstring what becomes of the key, for the table in README.md.
SPECIAL: Mapping[str, Callable[[str, Any, _Out], None]] = {
    "globalNamespaces": _namespaces,
    "logLevel": _log_level,
    "auxiliaryCNIChainName": _auxiliary,
    "metricsPort": _metrics,
    "connectionLimit": _connections,
}

OURS = frozenset({"readinessIndicatorFile"})
"""Differs from Multus's key in case only."""

MULTUS_ONLY = (RENAMED.keys() | WITHOUT_EFFECT.keys() | SPECIAL.keys()) - {"globalNamespaces", "logLevel"}

KEYS: Mapping[str, str] = {key.lower(): key for key in (*SAME, *RENAMED, *WITHOUT_EFFECT, *SPECIAL)}
"""Every key of Multus's by its small letters."""
