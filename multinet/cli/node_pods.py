"""A pod on each node that has an agent, which runs ``multinet uninstall`` there.

Its mounts, its image and its rights on the node are those that the DaemonSet's own containers have, so that whatever
the agent was told of the node's folders holds here, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from multinet.deadline import Deadline
from multinet.errors import InvalidConfig, MultinetError, TryAgain
from multinet.kube import paths
from multinet.kube.client import Api
from multinet.kube.errors import ApiError, ApiNotFound

LABEL: Final = "app.kubernetes.io/name"
NAME: Final = "multinet-uninstall"
INSTALL: Final = "install"
"""The DaemonSet's init container, whose command says where programs and settings are."""
KEPT_OPTIONS: Final = ("--bin-dir", "--config")
KEPT_OF_POD: Final = ("hostNetwork", "imagePullSecrets", "priorityClassName", "securityContext", "volumes")

ASK_SECONDS: Final = 30.0
ROUND_SECONDS: Final = 2.0
MARGIN_SECONDS: Final = 45.0
"""Beyond the waiting: to start a pod on a busy node, and to remove what is there. With the default of the waiting it
is less than the five minutes that Helm gives a hook."""
ENDED: Final = ("Succeeded", "Failed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Errand:
    namespace: str
    daemon_set: str
    options: tuple[str, ...]
    """For the command on the node, beyond those that say where things are."""
    seconds: float
    """How long it may take there."""


def run_everywhere(api: Api, errand: Errand, say: Callable[[str], None]) -> None:
    """Each node's words are said as it ends, behind its name. Raises ApiError; TryAgain that names the nodes on which
    it did not go well.
    """
    agents = _get(api, paths.daemon_set(errand.namespace, errand.daemon_set))
    nodes = sorted(_nodes(api, errand.namespace, agents["spec"]["selector"]["matchLabels"]))
    pods = paths.pods(errand.namespace)
    _delete(api, errand)  # of an earlier call that was cut short
    sent: dict[str, str] = {}
    try:
        for node in nodes:
            try:
                made = api.post(pods, pod_for(agents, node, errand), deadline=Deadline(ASK_SECONDS))
            except ApiError as error:  # the others need not stay for it
                say(f"{node}: {error}")
            else:
                sent[made["metadata"]["name"]] = node
        failed = {*nodes} - _well(api, errand, sent, say)
    finally:
        _delete(api, errand)
    if failed:
        raise TryAgain(
            f"multinet is still on {len(failed)} of {len(nodes)} nodes: {', '.join(sorted(failed))}",
            hint="what each of them said is above; mend that and call this again",
        )
    say(f"multinet is off all of {len(nodes)} nodes; delete the DaemonSet {errand.daemon_set} now")


def pod_for(agents: Mapping[str, Any], node: str, errand: Errand) -> dict[str, Any]:
    """The pod for ``node``, made of the agents' DaemonSet. Raises InvalidConfig for one that is not as it was
    delivered.
    """
    template = agents["spec"]["template"]["spec"]
    install = [one for one in template.get("initContainers", ()) if one["name"] == INSTALL]
    if not install:
        raise InvalidConfig(
            f"the DaemonSet {errand.daemon_set} has no init container {INSTALL!r}, so it is not known where "
            "things are on the nodes",
            hint="run `multinet uninstall` on each node by hand",
        )
    agent = template["containers"][0]
    mounts = {mount["mountPath"]: mount for one in (install[0], agent) for mount in one["volumeMounts"]}
    container = {
        **{key: agent[key] for key in ("image", "imagePullPolicy", "env", "resources", "securityContext")},
        "name": "uninstall",
        "command": [
            *("multinet", "uninstall"),
            *(word for word in install[0]["command"] if word.startswith(KEPT_OPTIONS)),
            *errand.options,
        ],
        "volumeMounts": list(mounts.values()),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{NAME}-",
            "namespace": errand.namespace,
            "labels": {LABEL: NAME},
        },
        "spec": {
            **{key: template[key] for key in KEPT_OF_POD if key in template},
            "nodeName": node,
            "serviceAccountName": template["serviceAccountName"],
            "automountServiceAccountToken": False,
            "tolerations": [{"operator": "Exists"}],
            "restartPolicy": "Never",
            "containers": [container],
        },
    }


def _well(api: Api, errand: Errand, sent: Mapping[str, str], say: Callable[[str], None]) -> set[str]:
    """Wait until each pod of ``sent`` (its node by its name) has ended, or the time is over. The nodes on which it
    went well.
    """
    waiting = dict(sent)
    well: set[str] = set()
    until = time.monotonic() + errand.seconds + MARGIN_SECONDS
    while waiting and time.monotonic() < until:
        for pod in _ours(api, errand):
            name, phase = pod["metadata"]["name"], pod.get("status", {}).get("phase")
            if name not in waiting or phase not in ENDED:
                continue
            node = waiting.pop(name)
            for line in _words(api, errand, name):
                say(f"{node}: {line}")
            if phase == "Succeeded":
                well.add(node)
        if waiting:
            time.sleep(ROUND_SECONDS)
    for node in sorted(waiting.values()):
        say(f"{node}: no answer; is its kubelet well?")
    return well


def _words(api: Api, errand: Errand, name: str) -> list[str]:
    log = f"{paths.pod(errand.namespace, name)}/log"
    try:
        return api.text(log, deadline=Deadline(ASK_SECONDS)).splitlines()
    except ApiError as error:
        return [f"what it said is not known: {error}"]


def _ours(api: Api, errand: Errand) -> list[dict[str, Any]]:
    return _list(api, errand.namespace, {LABEL: NAME})


def _nodes(api: Api, namespace: str, labels: Mapping[str, str]) -> set[str]:
    """Where the agents are."""
    return {pod["spec"]["nodeName"] for pod in _list(api, namespace, labels) if pod["spec"].get("nodeName")}


def _delete(api: Api, errand: Errand) -> None:
    for pod in _ours(api, errand):
        with suppress(ApiNotFound):
            path = paths.pod(errand.namespace, pod["metadata"]["name"])
            api.delete(path, deadline=Deadline(ASK_SECONDS))


def _list(api: Api, namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    query = {"labelSelector": ",".join(f"{key}={value}" for key, value in labels.items())}
    found: list[dict[str, Any]] = api.get(paths.pods(namespace), deadline=Deadline(ASK_SECONDS), query=query)[
        "items"
    ]
    return found


def _get(api: Api, path: str) -> dict[str, Any]:
    try:
        return api.get(path, deadline=Deadline(ASK_SECONDS))
    except ApiNotFound as error:
        raise MultinetError(
            f"could not find the agents: {error}", hint="--namespace and --daemonset say which they are"
        ) from error
