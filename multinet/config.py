"""The settings: what the multinet entry of a CNI configuration says, checked once, frozen.

Every default has its name here. A key we don't know is an error with the nearest one we do; Multus's keys are
accepted and translated, so that its configuration can be handed to us as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multinet.errors import InvalidConfig, UnsupportedField
from multinet.schema import Schema

SCHEMA = Schema("multinet", "config.schema.json")

CONF_DIR = "/etc/cni/multinet/net.d"
STATE_DIR = "/var/lib/cni/multinet"
BIN_DIR = "/opt/cni/bin"
DEVICE_INFO_DIR = "/var/run/k8s.cni.cncf.io/devinfo"
NAMESPACE = "kube-system"
GLOBAL_NAMESPACES = ("default",)
SYSTEM_NAMESPACES = ("kube-system",)

MULTUS_NAMES = {
    "cniDir": "stateDir",
    "multusNamespace": "multinetNamespace",
    "readinessindicatorfile": "readinessIndicatorFile",
}
"""Multus's name -> ours, where only the name differs."""

MULTUS_WITHOUT_EFFECT = frozenset(
    {
        "kubeconfig",  # no API server is asked where a folder stands for the cluster
        "logFile",  # the log goes to stderr, to whoever collects it
        "logToStderr",
        "logOptions",
        "retryDeleteOnError",  # a failed DEL always keeps what it needs to be tried again
    }
)

MULTUS_LOG_LEVELS = {"panic": "error", "verbose": "info"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Each field is described in ``config.schema.json``, by its name there; paths are absolute."""

    cluster_network: str = ""
    default_networks: tuple[str, ...] = ()
    delegates: tuple[Mapping[str, Any], ...] = ()
    conf_dir: Path = Path(CONF_DIR)
    state_dir: Path = Path(STATE_DIR)
    bin_dir: str = BIN_DIR
    device_info_dir: Path = Path(DEVICE_INFO_DIR)
    folder: Path | None = None
    namespace_isolation: bool = False
    global_namespaces: frozenset[str] = frozenset(GLOBAL_NAMESPACES)
    multinet_namespace: str = NAMESPACE
    system_namespaces: frozenset[str] = frozenset(SYSTEM_NAMESPACES)
    executables: frozenset[str] = frozenset()
    status_for_all_pods: bool = False
    readiness_indicator_file: Path | None = None
    disable_check: bool = False
    log_level: str = "info"

    @classmethod
    def parse(cls, conf: Mapping[str, Any]) -> Settings:
        """Read the plugin entry as the runtime sent it. Raises InvalidConfig, UnsupportedField."""
        raw = SCHEMA.read(translate(conf))
        if not raw.get("clusterNetwork") and not raw.get("delegates"):
            raise InvalidConfig(
                "neither 'clusterNetwork' nor 'delegates' is given",
                hint="name the network that every pod gets as its first",
            )
        folder, ready = raw.get("folder"), raw.get("readinessIndicatorFile")
        return cls(
            cluster_network=raw.get("clusterNetwork", ""),
            default_networks=tuple(raw.get("defaultNetworks", ())),
            delegates=tuple(raw.get("delegates", ())),
            conf_dir=_path(raw, "confDir", CONF_DIR),
            state_dir=_path(raw, "stateDir", STATE_DIR),
            bin_dir=str(_path(raw, "binDir", BIN_DIR)),
            device_info_dir=_path(raw, "deviceInfoDir", DEVICE_INFO_DIR),
            folder=_path(raw, "folder", "") if folder else None,
            namespace_isolation=raw.get("namespaceIsolation", False),
            global_namespaces=frozenset(raw.get("globalNamespaces") or GLOBAL_NAMESPACES),
            multinet_namespace=raw.get("multinetNamespace") or NAMESPACE,
            system_namespaces=frozenset(raw.get("systemNamespaces", SYSTEM_NAMESPACES)),
            executables=frozenset(raw.get("executables", ())),
            status_for_all_pods=raw.get("statusForAllPods", False),
            readiness_indicator_file=_path(raw, "readinessIndicatorFile", "") if ready else None,
            disable_check=raw.get("disableCheck", False),
            log_level=raw.get("logLevel", "info"),
        )


def translate(conf: Mapping[str, Any]) -> dict[str, Any]:
    """Multus's keys in our words; a key that has no effect here is left out."""
    ours: dict[str, Any] = {}
    for key, value in conf.items():
        if key == "auxiliaryCNIChainName" and value:
            raise UnsupportedField(
                f"auxiliaryCNIChainName: {value!r} is not served",
                hint="put the further plugins into the cluster network's own list",
            )
        if key in MULTUS_WITHOUT_EFFECT or key == "auxiliaryCNIChainName":
            continue
        if key == "globalNamespaces" and isinstance(value, str):
            value = [name.strip() for name in value.split(",") if name.strip()]
        if key == "logLevel" and isinstance(value, str):
            value = MULTUS_LOG_LEVELS.get(value.lower(), value.lower())
        ours[MULTUS_NAMES.get(key, key)] = value
    return ours


def _path(raw: Mapping[str, Any], key: str, default: str) -> Path:
    path = Path(raw.get(key) or default)
    if not path.is_absolute():
        raise InvalidConfig(f"{key}: {str(path)!r} is not an absolute path")
    return path
