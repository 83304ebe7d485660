"""Pod, definitions, settings and devices -> Plan. Pure: what it needs of the world is handed in.

Everything that can be wrong with what a pod asks for is found here, before anything is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

from multinet.cni.args import Args
from multinet.config import Settings
from multinet.errors import SelectionError, inside
from multinet.npwg import device, selection
from multinet.npwg.annotations import DEFAULT_NETWORK, NETWORKS
from multinet.npwg.selection import Selection
from multinet.plan import Attachment, Plan, Pod
from multinet.resolve import allowed, defaults, ifnames, runtime
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
    names = [asked.ifname, *ifnames.assign(asked.ifname, [naming(one) for one in chosen[1:]])]
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
    wishes = chain(
        (first_network(pod, settings, find, files),),
        further_networks(pod, settings, find, files),
        own_networks(pod, settings, find, files),
    )
    return [one.choose() for one in wishes]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """A network that is asked for, not looked up yet."""

    source: str
    """The setting or annotation that asks for it."""
    selection: Selection | None = None
    """None: the cluster asks."""
    find: Callable[[], Network]

    def choose(self) -> Chosen:
        """Raises what stands against it."""
        return Chosen(self.find(), self.selection)


def first_network(pod: Pod | None, settings: Settings, find: FindDefinition, files: Configurations) -> Wish:
    """The annotation's, else the cluster's. Raises SelectionError."""
    said = pod.annotations.get(DEFAULT_NETWORK, "").strip() if pod else ""
    if not said:
        return Wish(
            source=defaults.source_of_cluster_network(settings),
            find=partial(defaults.cluster_network, settings, find, files, pod),
        )
    one = selection.default_network(said, home=settings.multinet_namespace)
    return Wish(
        source=DEFAULT_NETWORK, selection=one, find=partial(selected, one, pod, settings, find, files)
    )


def further_networks(
    pod: Pod | None, settings: Settings, find: FindDefinition, files: Configurations
) -> Iterator[Wish]:
    """Those that the cluster gives every pod beside the first."""
    for source, look_up in defaults.default_networks(settings, find, files, pod):
        yield Wish(source=source, find=look_up)


def own_networks(
    pod: Pod | None, settings: Settings, find: FindDefinition, files: Configurations
) -> Iterator[Wish]:
    """Those that the pod's annotation asks for. Raises SelectionError."""
    if pod is None or not (text := pod.annotations.get(NETWORKS, "").strip()):
        return
    asked = selection.parse(text, home=pod.namespace)
    if len(asked) > MOST_NETWORKS:
        raise SelectionError(
            f"{NETWORKS} asks for {len(asked)} networks, a pod gets at most {MOST_NETWORKS}",
            hint="spread them over several pods",
        )
    for one in asked:
        yield Wish(source=NETWORKS, selection=one, find=partial(selected, one, pod, settings, find, files))


def selected(
    one: Selection, pod: Pod | None, settings: Settings, find: FindDefinition, files: Configurations
) -> Network:
    found = definition(find, settings, pod, one.namespace, one.name, Chooser.POD)
    return defaults.of_definition(found, files, settings)


def naming(one: Chosen) -> tuple[str, str]:
    """The network, and the interface name that was asked for."""
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
            allowed.refuse_cni_args(settings, wanted.cni_args)
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
