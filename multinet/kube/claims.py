"""The devices that ResourceClaims (``resource.k8s.io/v1``, DRA) gave to a pod.

pod -> its claims -> what was allocated for each request -> the device in its driver's ResourceSlices, whose
attributes ``k8s.cni.cncf.io/resourceName`` and ``k8s.cni.cncf.io/deviceID`` say for which definitions it is and
what their plugins call it. The attributes are Multus's, so that the drivers that serve it serve us.

A device without them is no network's (a GPU, say) and no fault by itself; ``Claimed`` keeps what to say about it
in case that a definition finds no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from multinet.deadline import Deadline
from multinet.errors import InvalidConfig, TryAgain
from multinet.kube import paths
from multinet.kube.answers import of_a_known_form
from multinet.kube.client import Api
from multinet.kube.errors import ApiNotFound
from multinet.kube.slices import Attributes, Device, Slices
from multinet.plan import Pod

DEVICE_ID: Final = "k8s.cni.cncf.io/deviceID"
RESOURCE_NAME: Final = "k8s.cni.cncf.io/resourceName"

SECONDS: Final = 20.0
"""For one pod's claims, the client's retries included. The runtime asks again, and other pods need the worker."""

MIRROR: Final = "kubernetes.io/config.mirror"
"""On a static pod at the API, which has a UID of its own. Static pods have no claims."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """What was found. ``devices``: resource -> device ids, in the order of the pod's claims and their requests."""

    devices: dict[str, list[str]] = field(default_factory=dict)
    faults: dict[str, InvalidConfig] = field(default_factory=dict)
    """resource -> what is wrong with a device that was allocated for it."""
    others: list[str] = field(default_factory=list)
    """Devices of no resource that we could tell, each with claim, request and driver."""
    requested: frozenset[str] = frozenset()
    """The resources that the pod's containers ask for by number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """A device that was allocated for a request of a claim. ``resource`` is the one that it stands in for: such
    a claim was made by the scheduler for containers that ask for an extended resource.
    """

    claim: str
    request: str
    device: Device
    resource: str = ""

    def __str__(self) -> str:
        return f"{self.device}, which the claim {self.claim} has for its request {self.request!r}"


class Claims:
    """``node_name``: the node whose slices are looked at first."""

    def __init__(self, api: Api, node_name: str) -> None:
        self._api = api
        self._slices = Slices(api, node_name)

    def of_pod(self, pod: Pod, deadline: Deadline) -> Claimed:
        """One GET of the pod; one of each claim; a list of slices for each driver.

        Raises TryAgain for what is still being allocated, and ApiError.
        """
        deadline = Deadline(deadline.limit(SECONDS))
        with of_a_known_form(f"the devices of the pod {pod}"):
            return self._of_pod(pod, deadline)

    def _of_pod(self, pod: Pod, deadline: Deadline) -> Claimed:
        manifest = self._manifest(pod, deadline)
        metadata = manifest["metadata"]
        claimed = Claimed(requested=requested_by(manifest["spec"]))
        if MIRROR in metadata.get("annotations", {}):
            return claimed
        if pod.uid and metadata["uid"] != pod.uid:
            raise TryAgain(
                f"the pod {pod} has the UID {metadata['uid']} at the API server, not {pod.uid}",
                hint="it was replaced by another of its name; the runtime will try again",
            )
        given = [
            one
            for name, mapped in claims_of(manifest, pod)
            for one in self._given(pod, name, mapped, deadline)
        ]
        attributes = self._slices.attributes({one.device for one in given}, deadline)
        for one in given:
            sort_in(one, attributes.get(one.device), claimed)
        if not all(isinstance(one, str) for name, ids in claimed.devices.items() for one in (name, *ids)):
            raise TypeError("resources and devices are texts")
        return claimed

    def _manifest(self, pod: Pod, deadline: Deadline) -> Mapping[str, Any]:
        try:
            return self._api.get(paths.pod(pod.namespace, pod.name), deadline=deadline)
        except ApiNotFound as error:
            raise TryAgain(
                f"the API server does not know the pod {pod}, whose ResourceClaims are wanted",
                hint="it was deleted, or is not visible yet; the runtime will try again if it still wants it",
            ) from error

    def _given(
        self, pod: Pod, name: str, mapped: Mapping[str, Sequence[str]] | None, deadline: Deadline
    ) -> Iterator[Given]:
        """``mapped``: request -> the extended resources it stands for; None for a claim of the pod's own."""
        claim = self._api.get(paths.resource_claim(pod.namespace, name), deadline=deadline)
        allocation = claim.get("status", {}).get("allocation")
        if allocation is None:
            raise TryAgain(
                f"nothing is allocated to the ResourceClaim {pod.namespace}/{name} of the pod {pod}",
                hint="look at the claim's events; the runtime will try again",
            )
        for result in allocation.get("devices", {}).get("results", ()):
            if result.get("adminAccess"):
                continue  # to look at, beside whoever has it
            device = Device(driver=result["driver"], pool=result["pool"], name=result["device"])
            request = result["request"]
            for resource in [""] if mapped is None else mapped.get(request, ()):
                yield Given(
                    claim=f"{pod.namespace}/{name}", request=request, device=device, resource=resource
                )


def requested_by(spec: Mapping[str, Any]) -> frozenset[str]:
    containers = [*spec.get("initContainers", ()), *spec.get("containers", ())]
    return frozenset(
        resource for one in containers for resource in one.get("resources", {}).get("limits", {})
    )


def claims_of(
    manifest: Mapping[str, Any], pod: Pod
) -> Iterator[tuple[str, Mapping[str, Sequence[str]] | None]]:
    """The names of the pod's claims: those it names itself, those made for it from templates, and at last the
    one that the scheduler made for its extended resources, with what its requests stand for.
    """
    status = manifest.get("status", {})
    made = {one["name"]: one.get("resourceClaimName") for one in status.get("resourceClaimStatuses", ())}
    for entry in manifest["spec"].get("resourceClaims", ()):
        if named := entry.get("resourceClaimName"):
            yield named, None
        elif entry["name"] not in made:
            raise TryAgain(
                f"no ResourceClaim has been made yet for {entry['name']!r} of the pod {pod}",
                hint="the runtime will try again",
            )
        elif (generated := made[entry["name"]]) is not None:
            yield generated, None
    if extended := status.get("extendedResourceClaimStatus"):
        mapped: dict[str, list[str]] = {}
        for mapping in extended["requestMappings"]:
            known = mapped.setdefault(mapping["requestName"], [])
            if mapping["resourceName"] not in known:
                known.append(mapping["resourceName"])
        yield extended["resourceClaimName"], mapped


def sort_in(given: Given, attributes: Attributes | None, claimed: Claimed) -> None:
    """Put a device where it belongs in ``claimed``. ``attributes`` is None for one that is in no slice."""
    if attributes is None:
        fault = f"no ResourceSlice has the device {given}"
        hint = f"see whether the DRA driver {given.device.driver} runs on this node"
        if given.resource:
            claimed.faults[given.resource] = InvalidConfig(fault, hint=hint)
        else:
            claimed.others.append(fault)
        return
    said, device_id = attributes.get(RESOURCE_NAME, ""), attributes.get(DEVICE_ID, "")
    resource = given.resource or said
    if not resource:
        claimed.others.append(f"no attribute {RESOURCE_NAME} has the device {given}")
    elif said not in ("", resource):
        claimed.faults[resource] = InvalidConfig(
            f"the attribute {RESOURCE_NAME} says {said!r}, but {resource!r} was asked for: device {given}",
            hint=f"correct the DeviceClass of {resource} or the DRA driver {given.device.driver}",
        )
    elif not device_id:
        claimed.faults[resource] = InvalidConfig(
            f"the attribute {DEVICE_ID} is missing: device {given}",
            hint=f"the DRA driver {given.device.driver} must tell it, for example the PCI address",
        )
    else:
        known = claimed.devices.setdefault(resource, [])
        if device_id not in known:
            known.append(device_id)
