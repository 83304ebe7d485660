"""A whole cluster, by its API: an agent on every node, ready; nodes and pods that wait for one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from multinet.cli import attached
from multinet.cli.checks import api as checks
from multinet.cli.checks.finding import Finding, good, warning, wrong
from multinet.cli.checks.patient import DAEMON_SET, NAMESPACE, POD_LABEL
from multinet.cli.clusters import Live
from multinet.cli.objects import Object
from multinet.daemon.startup import TAINT
from multinet.deadline import Deadline
from multinet.errors import MultinetError
from multinet.kube.client import Api
from multinet.kube.errors import ApiError
from multinet.npwg import selection
from multinet.npwg.annotations import NETWORKS
from multinet.view.attached import Attached

ANSWER_SECONDS: Final = 20.0
MOST_NAMED: Final = 20
INSTALL: Final = "kubectl apply -k deploy/overlays/containerd"

Document = Mapping[str, Any]


def look(api: Api) -> Iterator[Finding]:
    try:
        yield from checks.reach(api)
        yield from checks.kind(api)
        yield from daemon_set(api)
        yield from taints(api)
        yield from pods(api)
    except ApiError as error:
        yield wrong("API", str(error), "kubectl get --raw /readyz")


def daemon_set(api: Api) -> Iterator[Finding]:
    sets = _list(api, "/apis/apps/v1/daemonsets", {"labelSelector": POD_LABEL})
    if not sets:
        says = f"no DaemonSet has the label {POD_LABEL}: multinet is not installed, or by hand"
        yield wrong("agents", says, INSTALL)
        yield from checks.rights(api, account=_account(NAMESPACE, DAEMON_SET))
        return
    for one in sets:
        yield from _agents(api, one)


def _agents(api: Api, one: Document) -> Iterator[Finding]:
    metadata, status = one["metadata"], one.get("status") or {}
    namespace, name = metadata["namespace"], metadata["name"]
    wanted = int(status.get("desiredNumberScheduled") or 0)
    running = _list(api, f"/api/v1/namespaces/{namespace}/pods", {"labelSelector": POD_LABEL})
    running = [pod for pod in running if _is_of(pod, metadata)]
    unready = [pod for pod in running if not _is_ready(pod)]
    for pod in unready:
        node = (pod.get("spec") or {}).get("nodeName") or "no node"
        says = f"the agent on {node} is not ready: {_why(pod)}"
        yield wrong("agents", says, f"kubectl -n {namespace} describe pod {pod['metadata']['name']}")
    if len(running) < wanted:
        says = f"{wanted - len(running)} of {wanted} nodes have no agent"
        yield wrong("agents", says, f"kubectl -n {namespace} describe daemonset {name}")
    elif not unready:
        yield good("agents", f"{len(running)} of {wanted} are ready ({namespace}/{name})")
    spec = ((one.get("spec") or {}).get("template") or {}).get("spec") or {}
    yield from checks.rights(api, account=_account(namespace, spec.get("serviceAccountName") or "default"))


def taints(api: Api) -> Iterator[Finding]:
    """Of nodes whose agent has not taken it away."""
    left = [
        str(node["metadata"]["name"])
        for node in _list(api, "/api/v1/nodes", {})
        if any(taint.get("key") == TAINT for taint in (node.get("spec") or {}).get("taints") or ())
    ]
    for name in left:
        says = (
            f"{name} has the taint {TAINT}, which the agent takes away once it can serve: no pod is put there"
        )
        yield wrong("taints", says, f"kubectl taint node {name} {TAINT}-")
    if not left:
        yield good("taints", f"no node has the taint {TAINT}")


def pods(api: Api) -> Iterator[Finding]:
    """Those that run without what they ask for: whoever set them up did not call multinet, or their annotation has
    been changed since.
    """
    running = [
        pod for pod in Live(api).pods() if (pod.document.get("status") or {}).get("phase") == "Running"
    ]
    found = [(one, says) for pod in running for one in [attached.of_pod(pod)] if (says := _lacks(pod, one))]
    for one, says in found[:MOST_NAMED]:
        yield warning("pods", says, f"kubectl -n {one.namespace} delete pod {one.name}")
    if len(found) > MOST_NAMED:
        yield warning("pods", f"and {len(found) - MOST_NAMED} more", "multinet ls pods")
    if not found:
        yield good("pods", "every pod that runs was told what it has of what it asks for")


def _lacks(pod: Object, one: Attached) -> str:
    """What a pod that runs lacks of what it asks for, "" where it lacks nothing."""
    runs = f"{one} on {one.node or 'no node'} runs"
    if one.state == "asked":
        return f"{runs}, and nothing is told of the networks that it asks for"
    if one.state == "unreadable":
        return f"{one}: {one.problem}"
    try:
        asked = selection.parse((pod.metadata.get("annotations") or {}).get(NETWORKS, ""), home=one.namespace)
    except MultinetError as error:
        return f"{one}: {error.message}"
    missing = Counter(each.network for each in asked) - Counter(entry.name for entry in one.interfaces)
    if not missing:
        return ""
    names = ", ".join(sorted(missing))
    return f"{runs} without {names}, which its annotation names by now: networks are given when a pod is made"


def _list(api: Api, path: str, query: Mapping[str, str]) -> list[Document]:
    return list(api.get(path, query=query, deadline=Deadline(ANSWER_SECONDS)).get("items") or ())


def _account(namespace: str, name: str) -> str:
    return f"system:serviceaccount:{namespace}:{name}"


def _is_of(pod: Document, owner: Document) -> bool:
    references = pod["metadata"].get("ownerReferences") or ()
    return any(one.get("uid") == owner.get("uid") for one in references)


def _is_ready(pod: Document) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def _why(pod: Document) -> str:
    """What the kubelet says of its containers, else of the pod."""
    status = pod.get("status") or {}
    for key in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(key) or ():
            waiting = (container.get("state") or {}).get("waiting") or {}
            if waiting.get("reason"):
                return f"{waiting['reason']}: {waiting.get('message') or container.get('name')}"
    for condition in status.get("conditions") or ():
        if condition.get("status") != "True" and condition.get("message"):
            return str(condition["message"])
    return str(status.get("message") or status.get("phase") or "nothing is told of it")
