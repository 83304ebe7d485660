"""A NetworkAttachmentDefinition, and the CNI configuration it means (multi-net-spec 1.3, section 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from multinet.cni.jsonkeys import at, mapping, string
from multinet.cni.netconf import NetConfList
from multinet.errors import InvalidConfig, inside, nearest
from multinet.npwg import confdir, values
from multinet.npwg.annotations import RESOURCE_NAME
from multinet.npwg.confdir import ConfDir

API_VERSION = "k8s.cni.cncf.io/v1"
KIND = "NetworkAttachmentDefinition"


LONGEST_CONFIG = 64 << 10
"""Characters of a configuration. Those of the field have hundreds; each of its pods has it in its record."""
MOST_PLUGINS = 32
"""In one list. Those of the field have up to six; each is called for each of the pods."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkAttachmentDefinition:
    """What the object says, its configuration unread."""

    namespace: str
    name: str
    config: str = ""
    """JSON; "" where the definition leaves it to a file on the node."""
    resource_name: str = ""
    """The extended resource whose devices serve its attachments; "" for none."""

    @property
    def network(self) -> str:
        return f"{self.namespace}/{self.name}"


def parse(obj: Mapping[str, Any], *, home: str = "default") -> NetworkAttachmentDefinition:
    """Read the object as the API or a manifest has it. Raises InvalidConfig with the path of the fault.

    ``home`` is the namespace of a manifest that names none.
    """
    with inside(KIND):
        for key, only in ("apiVersion", API_VERSION), ("kind", KIND):
            if string(obj, key) != only:
                raise at(key, InvalidConfig(f'expected "{only}"'))
        metadata = mapping(obj, "metadata") or {}
        with inside(".metadata"):
            name = _ruled(metadata, "name", values.subdomain)
            namespace = _ruled(metadata, "namespace", values.label, default=home)
            annotations = mapping(metadata, "annotations") or {}
            with inside(".annotations"):
                resource_name = string(annotations, RESOURCE_NAME)
    with inside(f"{namespace}/{name}"):
        config = _config(mapping(obj, "spec") or {})
    return NetworkAttachmentDefinition(
        namespace=namespace, name=name, config=config, resource_name=resource_name
    )


def netconf_list(definition: NetworkAttachmentDefinition, files: ConfDir) -> NetConfList:
    """The configuration to run (sections 3.4.1 and 3.4.2). Raises InvalidConfig or DecodingFailure.

    It is the one in the definition, a single plugin or a list; or, where it has none, the one of the
    definition's name in the node's folder. One without a name gets the definition's. A plugin that knows the
    rest itself needs no more than ``cniVersion`` and ``type``.
    """
    with inside(definition.network):
        if not definition.config:
            with inside("the configuration folder"):
                return _of_folder(definition.name, files)
        with inside(".spec.config"):
            _refuse_size(len(definition.config), LONGEST_CONFIG, "characters")
            found = NetConfList.parse(definition.config, default_name=definition.name)
            _refuse_size(len(found.plugins), MOST_PLUGINS, "plugins")
            return found


def _refuse_size(size: int, most: int, what: str) -> None:
    if size > most:
        hint = "spread them over several definitions, or put the configuration into a file on the nodes"
        raise InvalidConfig(f"it has {size} {what}, a definition may have {most}", hint=hint)


def _of_folder(name: str, files: ConfDir) -> NetConfList:
    try:
        return confdir.find(name, files)
    except InvalidConfig as error:
        error.hint = (
            error.hint or "write one into spec.config of the definition, or put one of that name there"
        )
        raise


def _config(spec: Mapping[str, Any]) -> str:
    with inside(".spec"):
        if isinstance(spec.get("config"), Mapping):
            hint = "in YAML, write it after 'config: |'"
            raise at("config", InvalidConfig("expected a string that holds JSON, got an object", hint=hint))
        config = string(spec, "config").strip()
        if not config:
            _refuse_lookalike(spec)
        return config


def _refuse_lookalike(spec: Mapping[str, Any]) -> None:
    """A mistyped ``config`` would silently mean "the file of that name"."""
    for key in spec:
        if key != "config" and nearest(key, ["config"]):
            raise at(key, InvalidConfig("unknown key", hint='did you mean "config"?'))


def _ruled(obj: Mapping[str, Any], key: str, rule: Callable[[str], str], *, default: str = "") -> str:
    try:
        return rule(string(obj, key) or default)
    except ValueError as error:
        raise at(key, InvalidConfig(str(error))) from None
