"""The settings: what the agent's file, or the multinet entry of a CNI configuration, says.

Every default has its name here. A key we don't know is an error with the nearest one we do; Multus's keys are
accepted and translated, so that its configuration can be handed to us as it stands.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from multinet.config import multus
from multinet.config.agent import AgentSettings
from multinet.config.values import absolute, absolute_or_none, all_absolute, in_file
from multinet.errors import DecodingFailure, InvalidConfig, IOFailure
from multinet.schema import Schema

SCHEMA = Schema("multinet.config")

CONF_DIR = "/etc/cni/multinet/net.d"
STATE_DIR = "/var/lib/cni/multinet"
MULTUS_DIR = "/var/lib/cni/multus"
RUNTIME_CACHE_DIR = "/var/lib/cni"
BIN_DIR = "/opt/cni/bin"
DEVICE_INFO_DIR = "/var/run/k8s.cni.cncf.io/devinfo"
NAMESPACE = "kube-system"
GLOBAL_NAMESPACES = ("default",)
SYSTEM_NAMESPACES = ("kube-system",)
HOST_LINKS = ("vlan", "vxlan")
"""Who may write a definition may have any link of the host already, and by ``type: vlan`` any VLAN of it."""
ALLOWED = ("*",)
"""Delegates and kernel parameters, where nothing is said: as Multus and the reference have it."""
ALLOWED_PATHS = (
    "/var/lib/cni", "/run/cni", "/var/run/cni", "/run/flannel", "/var/run/flannel",
    "/etc/resolv.conf", "/run/systemd/resolve",
)  # fmt: skip
"""Where plugins keep and find things by themselves, and what the agent's pod has mounted of the node: what is
written elsewhere there is lost with the agent, and an address that was forgotten is given twice."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Each field is described in ``schema.json``, by its name there; paths are absolute."""

    cluster_network: str = ""
    default_networks: tuple[str, ...] = ()
    delegates: tuple[Mapping[str, Any], ...] = ()
    conf_dir: Path = Path(CONF_DIR)
    state_dir: Path = Path(STATE_DIR)
    multus_dir: Path = Path(MULTUS_DIR)
    runtime_cache_dir: Path = Path(RUNTIME_CACHE_DIR)
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
    host_links: frozenset[str] = frozenset(HOST_LINKS)
    allowed_delegates: tuple[str, ...] = ALLOWED
    allowed_delegates_by_namespace: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    allowed_paths: tuple[str, ...] = ALLOWED_PATHS
    allowed_sysctls: tuple[str, ...] = ALLOWED
    log_level: str = "info"
    agent: AgentSettings = field(default_factory=AgentSettings)

    @property
    def host_links_dir(self) -> Path:
        """Who uses which link that was made on demand."""
        return self.state_dir / "host-links"

    def delegates_for(self, namespace: str) -> tuple[str, ...]:
        """Patterns of the plugins that definitions of that namespace may run."""
        return self.allowed_delegates_by_namespace.get(namespace, self.allowed_delegates)

    @classmethod
    def load(cls, path: Path, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the agent's file, in YAML or JSON. The agent finds the first network itself, so it need not
        be named. Every error names the file. Raises IOFailure, DecodingFailure, InvalidConfig,
        UnsupportedField.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise IOFailure(f"could not read the settings {path}: {error.strerror}") from error
        with in_file(path):
            return cls.parse(decode(content), primary_is_found=True, environ=environ)

    @classmethod
    def parse(
        cls,
        conf: Mapping[str, Any],
        *,
        primary_is_found: bool = False,
        environ: Mapping[str, str] = os.environ,
    ) -> Settings:
        """Read the settings, or the plugin entry as the runtime sent it. ``primary_is_found``: where they name
        no first network, somebody looks for it. Raises InvalidConfig, UnsupportedField.
        """
        raw = SCHEMA.read(multus.translate(conf).settings)
        if not primary_is_found and not raw.get("clusterNetwork") and not raw.get("delegates"):
            raise InvalidConfig(
                "neither 'clusterNetwork' nor 'delegates' is given",
                hint="name the network that every pod gets as its first",
            )
        return cls(
            cluster_network=raw.get("clusterNetwork", ""),
            default_networks=tuple(raw.get("defaultNetworks", ())),
            delegates=tuple(raw.get("delegates", ())),
            conf_dir=absolute(raw, "confDir", CONF_DIR),
            state_dir=absolute(raw, "stateDir", STATE_DIR),
            multus_dir=absolute(raw, "multusDir", MULTUS_DIR),
            runtime_cache_dir=absolute(raw, "runtimeCacheDir", RUNTIME_CACHE_DIR),
            bin_dir=str(absolute(raw, "binDir", BIN_DIR)),
            device_info_dir=absolute(raw, "deviceInfoDir", DEVICE_INFO_DIR),
            folder=absolute_or_none(raw, "folder"),
            namespace_isolation=raw.get("namespaceIsolation", False),
            global_namespaces=frozenset(raw.get("globalNamespaces") or GLOBAL_NAMESPACES),
            multinet_namespace=raw.get("multinetNamespace") or NAMESPACE,
            system_namespaces=frozenset(raw.get("systemNamespaces", SYSTEM_NAMESPACES)),
            executables=frozenset(raw.get("executables", ())),
            status_for_all_pods=raw.get("statusForAllPods", False),
            readiness_indicator_file=absolute_or_none(raw, "readinessIndicatorFile"),
            disable_check=raw.get("disableCheck", False),
            host_links=frozenset(raw.get("hostLinks", HOST_LINKS)),
            allowed_delegates=tuple(raw.get("allowedDelegates", ALLOWED)),
            allowed_delegates_by_namespace={
                namespace: tuple(patterns)
                for namespace, patterns in raw.get("allowedDelegatesByNamespace", {}).items()
            },
            allowed_paths=all_absolute(raw, "allowedPaths", ALLOWED_PATHS),
            allowed_sysctls=tuple(raw.get("allowedSysctls", ALLOWED)),
            log_level=raw.get("logLevel", "info"),
            agent=AgentSettings.parse(raw.get("agent", {}), environ),
        )


def decode(content: bytes) -> Mapping[str, Any]:
    """The object that a file holds, in JSON or YAML. Raises DecodingFailure."""
    try:
        document: Any = json.loads(content)
    except (ValueError, RecursionError):
        document = _yaml(content)
    if document is None:
        return {}  # an empty file, or one that only has comments
    if not isinstance(document, dict) or not _has_words_for_keys(document):
        raise DecodingFailure("expected an object whose keys are words", hint="write it as 'key: value'")
    return document


def _has_words_for_keys(value: Any) -> bool:
    """So it is in JSON; in YAML a key may be a number, a date or nothing."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _has_words_for_keys(member) for key, member in value.items())
    return not isinstance(value, list) or all(map(_has_words_for_keys, value))


def _yaml(content: bytes) -> Any:
    import yaml  # JSON is what most have, and needs none of it

    from multinet import yamls

    try:
        return yamls.load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DecodingFailure(
            f"it is neither JSON nor YAML: {yamls.told(error)}", hint="correct the file"
        ) from error
