"""One pod, studied: each network that is asked for is looked up, named, given its device and read as ADD would.

A fault of one network does not keep the others from being looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from multinet.cli import workloads
from multinet.cli.explain import checks
from multinet.cli.explain.explanation import Explanation, Network, Step
from multinet.cli.findings import Finding, Severity
from multinet.cli.sandbox.manifests import port_mappings
from multinet.cli.surroundings import Requested, Surroundings, Unknown
from multinet.cli.workloads import Workload
from multinet.cni.args import Args
from multinet.delegate.executable import Executable
from multinet.errors import IsolationError, MultinetError, nearest
from multinet.kernel.namespace import Namespace
from multinet.npwg.annotations import DEFAULT_NETWORK, NETWORKS
from multinet.npwg.nad import NetworkAttachmentDefinition
from multinet.npwg.selection import Selection
from multinet.npwg.status import NetworkStatus
from multinet.pipeline import chain
from multinet.pipeline.chain import Chain
from multinet.plan import Attachment
from multinet.resolve import (
    Asked,
    Chosen,
    Wish,
    attach,
    first_network,
    further_networks,
    ifnames,
    naming,
    only_one_default_route,
    own_networks,
)
from multinet.resolve.defaults import FOUND
from multinet.resolve.devices import Devices
from multinet.resolve.networks import Chooser, FindDefinition, permission

IFNAME: Final = "eth0"
"""What runtimes call a pod's first interface."""
CONTAINER: Final = "CONTAINER"
"""Stands where the runtime's id of the sandbox will be."""


@dataclass(slots=True)
class Draft:
    """A network while it is being looked at."""

    wish: Wish | None
    name: str
    source: str
    chosen: Chosen | None = None
    interface: str = ""
    attachment: Attachment | None = None
    chain: Chain | None = None
    unknown: str = ""
    refused: bool = False
    """Is it another namespace's, and that kept apart?"""
    findings: list[Finding] = field(default_factory=list)

    def fault(self, error: MultinetError) -> None:
        self.refused = isinstance(error, IsolationError)
        if isinstance(error, Unknown):
            self.unknown = error.message
        else:
            self.findings.append(Finding.of(error, ""))

    @property
    def selection(self) -> Selection | None:
        return self.wish.selection if self.wish else None

    def is_missing(self, find: FindDefinition) -> bool:
        """Is there no definition of the name that the pod asks for?"""
        one = self.selection
        if one is None or self.chosen is not None or self.refused or not self.findings:
            return False
        with suppress(MultinetError):
            return find(one.namespace, one.name) is None
        return False


def study(
    work: Workload,
    around: Surroundings,
    find: FindDefinition,
    *,
    known: Callable[[], Iterable[str]] = tuple,
    given: Sequence[NetworkStatus] = (),
    host: Namespace | None = None,
) -> Explanation:
    """``known``: all definitions, asked when one is not found. ``given``: what the pod has already. ``host``: the
    node's namespace, where this is the node.
    """
    findings = [replace(one, rule="") for one in workloads.misplaced(work)]
    runs_on = str(work.spec.get("nodeName") or "")
    if around.on_a_node and runs_on not in ("", around.node):
        findings.append(_elsewhere(work, around.node, runs_on))
        around, host = around.of_another_node(), None
    drafts: list[Draft] = []
    if not work.on_host_network:
        drafts = list(_drafts(work, around, find, findings))
        _suggest([one for one in drafts if one.is_missing(find)], around, known)
        _name(drafts, findings)
        _attach(drafts, work, around)
        _settle_routes(drafts, findings)
        for draft in drafts:
            _read(draft, work, around, given, host)
        findings += checks.same_for_all(work, [one.selection for one in drafts if one.selection])
    return Explanation(
        pod=str(work.pod),
        kind=work.origin.kind,
        where=work.origin.where,
        settings=around.told,
        networks=tuple(_told(draft, work, around) for draft in drafts),
        findings=tuple(findings),
    )


def _elsewhere(work: Workload, here: str, there: str) -> Finding:
    return Finding(
        where="",
        severity=Severity.NOTE,
        message=f"it runs on the node {there}, and this is {here}: what only a node knows is not told",
        remedy=f"ask on {there}",
    )


def _drafts(
    work: Workload, around: Surroundings, find: FindDefinition, findings: list[Finding]
) -> Iterator[Draft]:
    """Every network that is asked for, looked up where that can be done."""
    doors = (work.pod, around.settings, find, around.configurations)
    groups: Sequence[tuple[str, Callable[[], Iterable[Wish]]]] = (
        (DEFAULT_NETWORK, lambda: [first_network(*doors)]),
        ("", lambda: further_networks(*doors)),
        (NETWORKS, lambda: own_networks(*doors)),
    )
    for source, group in groups:
        try:
            wishes = list(group())
        except MultinetError as error:
            findings.append(Finding.of(error, ""))
            if source == DEFAULT_NETWORK:
                yield Draft(wish=None, name="", source=source)
            continue
        for wish in wishes:
            draft = Draft(
                wish=wish, name=wish.selection.network if wish.selection else "", source=wish.source
            )
            try:
                draft.chosen = wish.choose()
                draft.name = draft.chosen.network.name
            except MultinetError as error:
                draft.fault(error)
            yield draft


def _suggest(missing: Sequence[Draft], around: Surroundings, known: Callable[[], Iterable[str]]) -> None:
    """A definition that was probably meant, for those that there are none of. Of other namespaces nothing is told
    where pods are kept apart.
    """
    if not missing:
        return
    try:
        names = list(known())
    except MultinetError:
        return  # who may ask for one need not be allowed to list them
    for draft in missing:
        one = draft.selection
        assert one is not None
        meant = nearest(one.network, [name for name in names if name.startswith(f"{one.namespace}/")])
        if not meant and not around.settings.namespace_isolation:
            meant = next((name for name in names if name.endswith(f"/{one.name}")), "")
        if meant:
            draft.findings = [replace(found, remedy=f"did you mean {meant}?") for found in draft.findings]


def _name(drafts: Sequence[Draft], findings: list[Finding]) -> None:
    if not drafts:
        return
    asked = [
        naming(draft.chosen)
        if draft.chosen
        else (draft.name, (draft.selection.interface or "") if draft.selection else "")
        for draft in drafts
    ]
    try:
        names = ifnames.assign(IFNAME, asked[1:])
    except MultinetError as error:
        findings.append(Finding.of(error, ""))
        names = [wanted or ifnames.FORMAT.format(place) for place, (_, wanted) in enumerate(asked[1:], 1)]
    for draft, name in zip(drafts, [IFNAME, *names], strict=True):
        draft.interface = name


def _attach(drafts: Sequence[Draft], work: Workload, around: Surroundings) -> None:
    runtime: dict[str, Any] = {}
    with suppress(AttributeError, KeyError, TypeError):  # the API server has an opinion of such a pod
        runtime = {"portMappings": port_mappings(work.spec)} if port_mappings(work.spec) else {}
    asked = Asked(
        container_id=CONTAINER, ifname=IFNAME, netns="", args=Args.parse(""), runtime_config=runtime
    )
    devices = Devices(_allocated(work, around))
    for draft in drafts:
        if draft.chosen is None:
            continue
        try:
            draft.attachment = attach(
                draft.chosen, draft.interface, asked, work.pod, around.settings, devices
            )
        except MultinetError as error:
            draft.fault(error)


def _allocated(work: Workload, around: Surroundings) -> Callable[[], Mapping[str, Sequence[str] | None]]:
    """Those of a running pod are known on its node; else as many as its containers ask for."""
    if around.devices is not None and work.pod.uid and work.spec.get("nodeName"):
        known = around.devices
        return lambda: known(work.pod)
    return Requested(work.spec).allocated


def _settle_routes(drafts: Sequence[Draft], findings: list[Finding]) -> None:
    try:
        only_one_default_route([one.attachment for one in drafts if one.attachment])
    except MultinetError as error:
        findings.append(Finding.of(error, ""))


def _read(
    draft: Draft,
    work: Workload,
    around: Surroundings,
    given: Sequence[NetworkStatus],
    host: Namespace | None,
) -> None:
    attachment = draft.attachment
    if attachment is None:
        return
    try:
        draft.chain = chain.read(attachment, around.find_delegate)
    except MultinetError as error:
        draft.fault(error)
        return
    draft.findings += checks.unheard(draft.chain, around.find_delegate)
    draft.findings += checks.addresses(draft.chain, work, given, known=around.on_a_node)
    if host is not None:
        draft.findings += checks.on_this_node(draft.chain, host)


def _told(draft: Draft, work: Workload, around: Surroundings) -> Network:
    attachment, selection = draft.attachment, draft.selection
    definition = draft.chosen.network.definition if draft.chosen else None
    wanted = Network(
        name=draft.name,
        interface=draft.interface,
        source=draft.source,
        why=why(work, draft, definition),
        isolation=_isolation(draft, work, around, definition),
        cni_name=draft.chosen.network.conflist.name if draft.chosen else "",
        resource=definition.resource_name if definition else "",
        ips=tuple(str(ip) for ip in selection.ips) if selection else (),
        mac=selection.mac if selection else "",
        default_route=_routes(selection),
        unknown=draft.unknown,
        findings=tuple(draft.findings),
    )
    if attachment is None:
        return wanted
    return replace(
        wanted,
        device=attachment.device_id if around.devices and work.pod.uid else "",
        args=attachment.args,
        steps=tuple(_steps(attachment, around, draft.chain)),
        ranges=tuple(checks.ranges(draft.chain, known=around.on_a_node)) if draft.chain else (),
    )


def why(work: Workload, draft: Draft, definition: NetworkAttachmentDefinition | None) -> str:
    """Which definition is meant, and by what rule."""
    selection = draft.selection
    if selection is None:
        if draft.wish is None:
            return ""
        if definition is not None:
            return f"every pod gets it: {draft.source} names the definition {definition.network}"
        named = draft.source != FOUND
        return f"every pod gets it: {draft.source} names it" if named else "every pod gets the cluster's own"
    if draft.source == DEFAULT_NETWORK:
        return f"the pod wants {selection.network} instead of the cluster's own network"
    if selection.namespace == work.pod.namespace:
        return f"{selection.name} in the pod's namespace, {work.pod.namespace}"
    return f"{selection.name} in the namespace {selection.namespace}, which the annotation names"


def _isolation(
    draft: Draft, work: Workload, around: Surroundings, definition: NetworkAttachmentDefinition | None
) -> str:
    if draft.selection is not None:
        return permission(around.settings, work.pod, draft.selection.namespace, Chooser.POD).value
    namespace = definition.namespace if definition else ""
    return permission(around.settings, work.pod, namespace, Chooser.CLUSTER).value


def _routes(selection: Selection | None) -> tuple[str, ...] | None:
    if selection is None or selection.default_route is None:
        return None
    return tuple(map(str, selection.default_route))


def _steps(attachment: Attachment, around: Surroundings, read: Chain | None) -> Iterator[Step]:
    """As ``chain.read`` makes them; also those of a chain that could not be read."""
    for index in range(len(attachment.conflist.plugins)):
        try:
            conf = attachment.conflist.plugin_request(
                index, capability_args=attachment.capability_args, extra=attachment.extra()
            )
            delegate = read.plugins[index].delegate if read else around.find_delegate(conf.type)
        except MultinetError:
            continue  # it is among the findings
        yield Step(
            type=conf.type,
            by="program" if isinstance(delegate, Executable) else "delegate",
            ipam=conf.ipam_type,
            configuration=conf.raw,
        )
