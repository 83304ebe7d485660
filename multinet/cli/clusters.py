"""The two kinds of cluster that ``multinet.cli.sources`` opens: one with an API server, and a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from multinet.cli import objects
from multinet.cli.objects import Object
from multinet.config import Settings
from multinet.config.settings import NAMESPACE, decode
from multinet.deadline import Deadline
from multinet.errors import InvalidConfig, inside
from multinet.folder.cluster import STATUS_SUFFIX
from multinet.kube import paths
from multinet.kube.client import Api
from multinet.kube.errors import ApiError, ApiForbidden, ApiNotFound
from multinet.kube.events import COMPONENT
from multinet.npwg import nad
from multinet.npwg.annotations import NETWORK_STATUS
from multinet.npwg.nad import NetworkAttachmentDefinition

ANSWER_SECONDS: Final = 20.0
"""A person waits for it."""
CONFIG_MAP: Final = "multinet"
CONFIG_KEY: Final = "config.yaml"
"""Where the DaemonSet has its settings from."""
PAGE: Final = 500
"""Objects that are asked for at once, as kubectl does."""

_HINTS: Final[Mapping[int, str]] = {
    0: "see whether it runs, and is to be reached from here: kubectl get --raw /readyz",
    401: "the credentials of the kubeconfig are not accepted: see whether they have expired",
    403: "the user of the kubeconfig may not do that: it takes a role that lists pods and definitions",
}
"""The agent's own are about its service account."""


class Live:
    """A cluster behind an API server."""

    def __init__(self, api: Api) -> None:
        self.api = api

    @property
    def told(self) -> str:
        return f"the cluster {self.api.server}"

    def pods(self, namespace: str = "", *, node: str = "") -> Sequence[Object]:
        query = {"fieldSelector": f"spec.nodeName={node}"} if node else {}
        return list(objects.of_api(self._list(paths.pods(namespace), query), "Pod", "v1"))

    def pod(self, namespace: str, name: str) -> Object | None:
        found = self._get(paths.pod(namespace, name))
        return Object(document=found) if found is not None else None

    def definitions(self, namespace: str = "") -> Sequence[Object]:
        try:
            found = self._list(paths.nads(namespace), {})
        except ApiNotFound as error:
            error.hint = "it does not know NetworkAttachmentDefinitions: apply their CustomResourceDefinition"
            raise
        return list(objects.of_api(found, nad.KIND, nad.API_VERSION))

    def definition(self, namespace: str, name: str) -> NetworkAttachmentDefinition | None:
        found = self._get(paths.nad(namespace, name))
        return nad.parse(found) if found is not None else None

    def events(self, pod: Object) -> Sequence[Mapping[str, Any]]:
        about = {"involvedObject.kind": "Pod", "involvedObject.name": pod.name}
        if uid := str(pod.metadata.get("uid", "")):
            about["involvedObject.uid"] = uid
        selector = ",".join(f"{key}={value}" for key, value in about.items())
        try:
            found = self._list(paths.events(pod.namespace), {"fieldSelector": selector})
        except ApiForbidden:
            return []
        return sorted(found, key=when)

    def said(self, namespace: str = "", pod: str = "") -> Sequence[Mapping[str, Any]]:
        """The events of multinet's agents, the oldest first: all, or of one namespace, or about one pod there."""
        about = {"reportingComponent": COMPONENT}
        if pod:
            about |= {"involvedObject.kind": "Pod", "involvedObject.name": pod}
        selector = ",".join(f"{key}={value}" for key, value in about.items())
        return sorted(self._list(paths.events(namespace), {"fieldSelector": selector}), key=when)

    def settings(self) -> Settings | None:
        """Those of the DaemonSet's ConfigMap; None where there is none, or this user may not see it. Raises
        MultinetError for settings that can't be used.
        """
        try:
            found = self._get(paths.config_map(NAMESPACE, CONFIG_MAP))
        except ApiForbidden:
            return None
        text = ((found or {}).get("data") or {}).get(CONFIG_KEY)
        if text is None:
            return None
        with inside(f"ConfigMap {NAMESPACE}/{CONFIG_MAP}"):
            return Settings.parse(decode(text.encode()), primary_is_found=True, environ={})

    def _get(self, path: str) -> dict[str, Any] | None:
        try:
            return self.api.get(path, deadline=Deadline(ANSWER_SECONDS))
        except ApiNotFound:
            return None
        except ApiError as error:
            raise _for_people(error) from error.__cause__

    def _list(self, path: str, query: Mapping[str, str]) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        page = {**query, "limit": str(PAGE)}
        while True:
            try:
                answer = self.api.get(path, query=page, deadline=Deadline(ANSWER_SECONDS))
            except ApiError as error:
                raise _for_people(error) from error.__cause__
            found += answer.get("items") or ()
            more = (answer.get("metadata") or {}).get("continue")
            if not more:
                return found
            page["continue"] = more


class Folder:
    """A folder with manifests, as ``multinet.folder`` serves it: a pod's status is in a file beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._objects: list[Object] | None = None

    @property
    def told(self) -> str:
        return f"the folder {self.folder}"

    def pods(self, namespace: str = "", *, node: str = "") -> Sequence[Object]:
        """A folder is one node's, so that its name tells nothing apart."""
        return [self._with_status(one) for one in self._of("Pod", namespace)]

    def pod(self, namespace: str, name: str) -> Object | None:
        found = self._one("Pod", namespace, name)
        return self._with_status(found) if found else None

    def definitions(self, namespace: str = "") -> Sequence[Object]:
        return self._of(nad.KIND, namespace)

    def definition(self, namespace: str, name: str) -> NetworkAttachmentDefinition | None:
        found = self._one(nad.KIND, namespace, name)
        if found is None:
            return None
        with inside(found.file):
            return found.definition()

    def events(self, pod: Object) -> Sequence[Mapping[str, Any]]:
        return []

    def _of(self, kind: str, namespace: str) -> list[Object]:
        if self._objects is None:
            self._objects = objects.read_all([self.folder])
        return [one for one in self._objects if one.kind == kind and namespace in ("", one.namespace)]

    def _one(self, kind: str, namespace: str, name: str) -> Object | None:
        found = [one for one in self._of(kind, namespace) if one.name == name]
        if len(found) > 1:
            raise InvalidConfig(
                f"{found[0].file} and {found[1].file} both hold the {kind} {namespace}/{name}",
                hint="remove one of them",
            )
        return found[0] if found else None

    def _with_status(self, pod: Object) -> Object:
        """As an API server would have merged it."""
        file = self.folder / f"{pod.namespace}.{pod.name}{STATUS_SUFFIX}"
        try:
            written = json.loads(file.read_bytes())["metadata"]["annotations"][NETWORK_STATUS]
        except (OSError, ValueError, KeyError, TypeError):
            return pod
        annotations = {**(pod.metadata.get("annotations") or {}), NETWORK_STATUS: written}
        metadata = {**pod.metadata, "annotations": annotations}
        return Object(document={**pod.document, "metadata": metadata}, file=pod.file, node=pod.node)


class Nothing:
    """No cluster at all: what is looked at has to bring everything with it."""

    told: Final = "no cluster"

    def pods(self, namespace: str = "", *, node: str = "") -> Sequence[Object]:
        return []

    def pod(self, namespace: str, name: str) -> Object | None:
        return None

    def definitions(self, namespace: str = "") -> Sequence[Object]:
        return []

    def definition(self, namespace: str, name: str) -> NetworkAttachmentDefinition | None:
        return None

    def events(self, pod: Object) -> Sequence[Mapping[str, Any]]:
        return []


def _for_people(error: ApiError) -> ApiError:
    error.hint = _HINTS.get(error.status, error.hint)
    return error


def when(event: Mapping[str, Any]) -> str:
    """RFC 3339 sorts as text."""
    metadata = event.get("metadata") or {}
    return str(
        event.get("lastTimestamp") or event.get("eventTime") or metadata.get("creationTimestamp") or ""
    )
