"""The rules by their ids, which stay as they are: people silence them by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

RULES: Final[Mapping[str, str]] = {
    "unreadable": "a file is not YAML, or what is in it are no objects",
    "definition": "an object is not what the API takes for a NetworkAttachmentDefinition",
    "configuration": "spec.config is not a CNI configuration, or a plugin refuses its part of it",
    "not-allowed": "the settings keep definitions from running that plugin, or naming that path or kernel parameter",
    "meta-plugin": "a network's plugin is Multus or multinet, which call the plugins of networks and are none",
    "plugin": "a plugin's type is probably mistyped, or on a node, its program is not there",
    "unknown-key": "a key that the plugin does not know, and so passes over",
    "cni-version": "cniVersion is missing, or one that a plugin does not serve",
    "no-device": "the plugin needs a device, and nothing gives it one",
    "no-room": "a range holds no address that could be given",
    "gateway-outside": "a gateway is outside of the subnet that it is for",
    "overlapping-ranges": "two networks give out the same addresses, each without knowing of the other",
    "same-name": "two objects have one name: the later replaces the earlier",
    "same-cni-name": "two definitions have one CNI name, by which plugins keep addresses and rules",
    "other-cni-name": "the configuration's name is that of another definition",
    "capability-unknown": "a capability is declared that the plugin does not know",
    "capability-undeclared": "a pod asks for what no plugin of the network declares",
    "parent": "on a node: the link to stand on is not there, or its MTU is smaller than the one that is wanted",
    "annotation-not-on-pods": "an annotation is on what makes the pods, and not on the pods",
    "host-network": "a pod with the node's own network asks for networks",
    "pod": "a pod would not start; `multinet explain` says more",
}
