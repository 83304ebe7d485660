"""Pod, definitions, settings and devices -> Plan. Pure: what it needs of the world is handed in.

Everything that can be wrong with what a pod asks for is found here, before anything is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from multinet.cni.args import Args
from multinet.config import Settings
from multinet.errors import SelectionError, inside
from multinet.npwg import device, selection
from multinet.npwg.annotations import DEFAULT_NETWORK, NETWORKS
from multinet.npwg.selection import Selection
from multinet.plan import Attachment, Plan, Pod
from multinet.resolve import defaults, ifnames, runtime
from multinet.resolve.defaults import Configurations, Network
from multinet.resolve.devices import Allocated, Devices
from multinet.resolve.networks import Chooser, FindDefinition, definition

MOST_NETWORKS = 128
"""In one annotation. It has room for 15,000, whose ADD would keep a node's other pods waiting for minutes; the
most that is known from the field are some thirty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a request says of a sandbox. ``runtime_config`` is the runtime's own, for the first network
    only.
    """

    container_id: str
    ifname: str
    netns: str
    args: Args
    runtime_config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A network and the selection that asked for it (None: the cluster did)."""

    network: Network
    selection: Selection | None


def resolve(
    asked: Asked,
    pod: Pod | None,
    settings: Settings,
    find: FindDefinition,
    files: Configurations,
    devices: Callable[[], Allocated] | None,
) -> Plan:
    """The whole Plan, or the first reason why there is none. ``pod`` is None for a container without one.

    ``devices`` is asked at most once, when a definition names a resource: it costs a call to the kubelet. None
    where the networks are only asked or cleared, for which no device is needed.
    """
    chosen = choose(pod, settings, find, files)
    names = [asked.ifname, *ifnames.assign(asked.ifname, [wish(one) for one in chosen[1:]])]
    left = Devices(devices)
    attachments = tuple(
        attach(one, name, asked, pod, settings, left) for one, name in zip(chosen, names, strict=True)
    )
    only_one_default_route(attachments)
    return Plan(
        container_id=asked.container_id,
        ifname=asked.ifname,
        netns=asked.netns,
        pod=pod,
        attachments=attachments,
        names_networks=any(one.selection for one in chosen),
    )


def choose(pod: Pod | None, settings: Settings, find: FindDefinition, files: Configurations) -> list[Chosen]:
    """The networks of a pod in order: the first, the cluster's further ones, those of its annotation."""
    said: Mapping[str, str] = pod.annotations if pod else {}
    chosen = []
    if override := said.get(DEFAULT_NETWORK, "").strip():
        one = selection.default_network(override, home=settings.multinet_namespace)
        chosen.append(select(one, pod, settings, find, files))
    else:
        chosen.append(Chosen(defaults.cluster_network(settings, find, files, pod), None))
    chosen += [Chosen(network, None) for network in defaults.default_networks(settings, find, files, pod)]
    if pod is not None and (text := said.get(NETWORKS, "").strip()):
        asked = selection.parse(text, home=pod.namespace)
        if len(asked) > MOST_NETWORKS:
            raise SelectionError(
                f"{NETWORKS} asks for {len(asked)} networks, a pod gets at most {MOST_NETWORKS}",
                hint="spread them over several pods",
            )
        for one in asked:
            chosen.append(select(one, pod, settings, find, files))
    return chosen


def select(
    one: Selection, pod: Pod | None, settings: Settings, find: FindDefinition, files: Configurations
) -> Chosen:
    found = definition(find, settings, pod, one.namespace, one.name, Chooser.POD)
    return Chosen(defaults.of_definition(found, files), one)


def wish(one: Chosen) -> tuple[str, str]:
    return one.network.name, (one.selection.interface or "") if one.selection else ""


def attach(
    one: Chosen, ifname: str, asked: Asked, pod: Pod | None, settings: Settings, devices: Devices
) -> Attachment:
    """One network with all questions answered: its device, its arguments, its interface."""
    network, wanted = one.network, one.selection
    is_default = ifname == asked.ifname
    device_id = ""
    if network.definition is not None:
        device_id = devices.take(network.definition, wanted.device_id if wanted else "")
    info_file = ""
    if device_id:
        info_file = str(settings.device_info_dir / device.cni_file(network.name, asked.container_id, ifname))
    wishes: dict[str, Any] = dict(asked.runtime_config) if is_default else {}
    if device_id:
        wishes |= {"deviceID": device_id, "CNIDeviceInfoFile": info_file}
    if wanted is not None:
        with inside(network.name):
            mine = runtime.capability_args(wanted)
            runtime.require_capabilities(network.conflist, mine)
            wishes |= mine
    return Attachment(
        network=network.name,
        ifname=ifname,
        conflist=network.conflist,
        args=runtime.cni_args(asked.args, pod, asked.container_id, wanted, network.conflist),
        capability_args=wishes,
        cni_args=wanted.cni_args if wanted else {},
        device_id=device_id,
        resource=network.definition.resource_name if network.definition and device_id else "",
        device_info_file=info_file,
        default_route=wanted.default_route if wanted else None,
        is_default=is_default,
        ips=tuple(str(ip) for ip in wanted.ips) if wanted else (),
        mac=wanted.mac if wanted else "",
    )


def only_one_default_route(attachments: Sequence[Attachment]) -> None:
    """At most one attachment carries the default route of a family (multi-net-spec 1.3, 4.1.2.1.9).

    The specification allows the key once; Multus allows one attachment a family, and pods in the field do so.
    """
    holders: dict[int, str] = {}
    for attachment in attachments:
        if attachment.default_route is None:
            continue
        families = {gateway.version for gateway in attachment.default_route} or {4, 6}
        for family in sorted(families):
            if family in holders:
                raise SelectionError(
                    f"both {holders[family]} and {attachment.network} ({attachment.ifname}) are to carry "
                    f"the pod's IPv{family} default route",
                    hint="leave 'default-route' at one of them",
                )
            holders[family] = f"{attachment.network} ({attachment.ifname})"
