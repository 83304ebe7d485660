"""The networks a pod gets without asking: the cluster's own first, then the default networks.

The first is what ``clusterNetwork`` names, else what ``delegates`` holds, else what was found on the node.
``clusterNetwork`` and ``defaultNetworks`` are looked up as Multus does: a plain name is a definition of
``multinetNamespace``, else a configuration of that name in ``confDir``; what holds a slash is a path.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from multinet.cni.netconf import NetConfList
from multinet.config import Settings
from multinet.errors import InvalidConfig, inside
from multinet.npwg import confdir, nad
from multinet.npwg.confdir import ConfDir
from multinet.npwg.nad import NetworkAttachmentDefinition
from multinet.plan import Pod
from multinet.resolve import allowed
from multinet.resolve.networks import Chooser, FindDefinition, permit

FOUND: Final = "found on the node"
"""Where no setting names the first network."""


class Configurations(Protocol):
    """CNI configurations in files of the node."""

    @property
    def folder(self) -> ConfDir:
        """The files of ``confDir``."""

    def at(self, path: str) -> NetConfList:
        """The one in that file, or the first of that folder. Raises InvalidConfig, IOFailure."""

    def primary(self) -> NetConfList:
        """The cluster's own, found on the node. Raises TryAgain while it is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """A network that was found: its name for network-status, and what its plugins are told."""

    name: str
    conflist: NetConfList
    definition: NetworkAttachmentDefinition | None = None


def of_definition(found: NetworkAttachmentDefinition, files: Configurations, settings: Settings) -> Network:
    """The network a definition means: what it says, if the settings allow that; or the configuration of its name in
    ``confDir``.
    """
    conflist = nad.netconf_list(found, files.folder)
    if found.config:
        with inside(found.network):
            allowed.refuse(settings, found, conflist)
    return Network(name=found.network, conflist=conflist, definition=found)


def look_up(
    value: str, find: FindDefinition, files: Configurations, settings: Settings, pod: Pod | None
) -> Network:
    """What one entry of ``clusterNetwork`` or ``defaultNetworks`` means."""
    if "/" in value:
        conflist = files.at(value)
        return Network(name=conflist.name, conflist=conflist)
    permit(settings, pod, settings.multinet_namespace, value, Chooser.CLUSTER)
    if (found := find(settings.multinet_namespace, value)) is not None:
        return of_definition(found, files, settings)
    try:
        there = confdir.find(value, files.folder)
    except InvalidConfig as error:
        raise InvalidConfig(
            f"there is no NetworkAttachmentDefinition {settings.multinet_namespace}/{value}, and in "
            f"{settings.conf_dir} {error.message}",
            hint=error.hint or "create one of them, or correct the settings",
        ) from error
    return Network(name=there.name, conflist=there)


def cluster_network(
    settings: Settings, find: FindDefinition, files: Configurations, pod: Pod | None
) -> Network:
    """The first network of every pod that does not ask for another. ``clusterNetwork`` wins over
    ``delegates``, and both over what is found.
    """
    if settings.cluster_network:
        with inside("clusterNetwork"):
            return look_up(settings.cluster_network, find, files, settings, pod)
    if settings.delegates:
        return _inline(settings, 0)
    conflist = files.primary()
    return Network(name=conflist.name, conflist=conflist)


def default_networks(
    settings: Settings, find: FindDefinition, files: Configurations, pod: Pod | None
) -> Iterator[tuple[str, Callable[[], Network]]]:
    """The further networks every pod gets, but for pods of the system's namespaces: where each is named, and how it
    is looked up. Where ``delegates`` hold the cluster's, they hold these as well.
    """
    if settings.delegates and not settings.cluster_network:
        for index in range(1, len(settings.delegates)):
            yield f"delegates[{index}]", partial(_inline, settings, index)
    elif pod is None or pod.namespace not in settings.system_namespaces:
        for index, value in enumerate(settings.default_networks):
            yield (
                f"defaultNetworks[{index}]",
                partial(_default_network, settings, find, files, pod, index, value),
            )


def _default_network(
    settings: Settings, find: FindDefinition, files: Configurations, pod: Pod | None, index: int, value: str
) -> Network:
    with inside(f"defaultNetworks[{index}]"):
        return look_up(value, find, files, settings, pod)


def source_of_cluster_network(settings: Settings) -> str:
    """What names the first network of a pod that does not ask for another."""
    if settings.cluster_network:
        return "clusterNetwork"
    return "delegates[0]" if settings.delegates else FOUND


def _inline(settings: Settings, index: int) -> Network:
    with inside(f"delegates[{index}]"):
        conflist = NetConfList.parse(json.dumps(settings.delegates[index]))
    return Network(name=conflist.name, conflist=conflist)
