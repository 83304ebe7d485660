"""What the annotation asks of a network, as its plugins are told: runtimeConfig and CNI_ARGS.

multi-net-spec 1.3, 4.1.2.1.3 to 4.1.2.1.8: an attachment whose plugins can't do what is asked must fail. Port
mappings, bandwidth and an InfiniBand GUID only travel as capabilities, so a list in which no plugin
declares the capability is refused before anything is made. Addresses and the MAC also travel in CNI_ARGS,
as Multus sends them and as definitions in the field rely on; whether they took effect is seen in the result
(``pipeline``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from multinet.cni.args import Args
from multinet.cni.netconf import NetConfList
from multinet.errors import InvalidConfig
from multinet.npwg.selection import Selection, element
from multinet.plan import Pod

CAPABILITIES = {
    "ips": "ips",
    "mac": "mac",
    "infinibandGUID": "infiniband-guid",
    "portMappings": "portMappings",
    "bandwidth": "bandwidth",
}
"""Capability -> the key of the annotation that asks for it."""

ONLY_BY_CAPABILITY = frozenset(CAPABILITIES) - {"ips", "mac"}


def capability_args(selection: Selection) -> dict[str, Any]:
    """The selection's wishes by the name of the capability that carries each."""
    asked = element(selection)
    return {capability: asked[key] for capability, key in CAPABILITIES.items() if key in asked}


def require_capabilities(conflist: NetConfList, wishes: Mapping[str, Any]) -> None:
    """Raise InvalidConfig for a wish that could not reach any plugin of the list."""
    for capability in sorted(ONLY_BY_CAPABILITY & wishes.keys()):
        if capability not in conflist.capabilities():
            raise InvalidConfig(
                f"{CAPABILITIES[capability]!r} is asked for, but no plugin of the network takes it",
                hint=f'add "capabilities": {{"{capability}": true}} to the plugin that is to do it',
            )


def cni_args(
    given: Args, pod: Pod | None, container_id: str, selection: Selection | None, conflist: NetConfList
) -> str:
    """CNI_ARGS for a network: who the pod is, what else the runtime said, and the wishes as Multus sends
    them.

    Several addresses are not in it where a capability carries them: host-local, the reference's too, refuses
    ``IP=a,b``, which Multus sends all the same.
    """
    pairs: dict[str, str] = {"IgnoreUnknown": "true"}
    if pod is not None:
        pairs |= {
            "K8S_POD_NAMESPACE": pod.namespace,
            "K8S_POD_NAME": pod.name,
            "K8S_POD_INFRA_CONTAINER_ID": container_id,
        }
        if pod.uid:
            pairs["K8S_POD_UID"] = pod.uid
    pairs |= {key: value for key, value in given.pairs.items() if key not in pairs}
    if selection is not None:
        if selection.mac:
            pairs["MAC"] = selection.mac
        if selection.ips and not (len(selection.ips) > 1 and "ips" in conflist.capabilities()):
            pairs["IP"] = ",".join(str(ip) for ip in selection.ips)
    return ";".join([f"{key}={value}" for key, value in pairs.items()])
