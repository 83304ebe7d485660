"""Can the API server be asked, does it know our kind, and may the agent's account do what it does?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from multinet.cli.checks import clock
from multinet.cli.checks.finding import Finding, good, unknown, wrong
from multinet.cli.checks.patient import Patient
from multinet.deadline import Deadline
from multinet.errors import NotAvailable
from multinet.kube.access import Access
from multinet.kube.client import Api
from multinet.kube.errors import ApiError, ApiForbidden, ApiNotFound

ANSWER_SECONDS: Final = 10.0
GROUP: Final = "k8s.cni.cncf.io"
REVIEWS: Final = "/apis/authorization.k8s.io/v1"
RBAC: Final = "kubectl apply -f deploy/manifests/rbac.yaml"
CRD: Final = "kubectl apply -f crds/network-attachment-definition.yaml"


class Right(NamedTuple):
    """As RBAC names it; ``resource`` may have a subresource."""

    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{f'.{self.group}' if self.group else ''}"


RIGHTS: Final = tuple(
    Right(group, resource, verb)
    for group, resource, verbs in (
        (GROUP, "network-attachment-definitions", ("get", "list", "watch")),
        ("", "pods", ("get", "list", "watch")),
        ("", "pods/status", ("patch",)),
        ("", "events", ("create", "patch")),
        ("", "nodes", ("get", "patch")),
        ("resource.k8s.io", "resourceclaims", ("get",)),
        ("resource.k8s.io", "resourceslices", ("list",)),
    )
    for verb in verbs
)
"""Those of deploy/manifests/rbac.yaml."""


def look(patient: Patient) -> Iterator[Finding]:
    """As the agent of this node."""
    yield from clock.kept()
    if patient.settings.folder is not None:
        yield good("API", f"the folder {patient.settings.folder} stands for a cluster")
        return
    kubeconfig = patient.settings.agent.kubeconfig
    try:
        access = Access.of_kubeconfig(kubeconfig) if kubeconfig else Access.in_cluster()
    except NotAvailable as error:
        yield unknown("API", error.sentence, "kubectl -n kube-system exec ds/multinet -- multinet doctor")
        return
    api = Api(access)
    try:
        yield from reach(api)
        yield from clock.beside(access)
        yield from kind(api)
        yield from rights(api)
    except ApiError as error:
        by = f" --kubeconfig {kubeconfig}" if kubeconfig else ""
        yield wrong("API", str(error), f"kubectl{by} get --raw /readyz")
    finally:
        api.close()


def reach(api: Api) -> Iterator[Finding]:
    """Raises ApiError where it can't be reached: then nothing else of it can be asked."""
    version = api.get("/version", deadline=Deadline(ANSWER_SECONDS))
    yield good(
        "API", f"{api.server} answers: Kubernetes {version.get('gitVersion', 'of an unknown version')}"
    )


def kind(api: Api) -> Iterator[Finding]:
    try:
        found = api.get(f"/apis/{GROUP}/v1", deadline=Deadline(ANSWER_SECONDS))
    except ApiNotFound:
        yield wrong("definitions", "the API server does not know NetworkAttachmentDefinitions", CRD)
        return
    names = {str(one.get("name")) for one in found.get("resources") or ()}
    if "network-attachment-definitions" in names:
        yield good("definitions", "the API server knows NetworkAttachmentDefinitions")
    else:
        yield wrong("definitions", "the API server does not know NetworkAttachmentDefinitions", CRD)


def rights(api: Api, *, account: str = "") -> Iterator[Finding]:
    """Ours, or those of the ``account``, for whoever may ask for another's."""
    review = "subjectaccessreviews" if account else "selfsubjectaccessreviews"
    whose = f"the account {account}" if account else "the agent's account"
    missing = []
    for right in RIGHTS:
        try:
            answer = api.post(
                f"{REVIEWS}/{review}", _review(right, account), deadline=Deadline(ANSWER_SECONDS)
            )
        except ApiForbidden:
            yield unknown(
                "rights at the API", f"the rights of {whose} may not be asked for with this kubeconfig"
            )
            return
        if not (answer.get("status") or {}).get("allowed"):
            missing.append(str(right))
    if missing:
        yield wrong("rights at the API", f"{whose} may not {', '.join(missing)}", RBAC)
    else:
        yield good("rights at the API", f"{whose} may do all that the agent does")


def _review(right: Right, account: str) -> Mapping[str, Any]:
    resource, _, subresource = right.resource.partition("/")
    asked = {"group": right.group, "resource": resource, "subresource": subresource, "verb": right.verb}
    spec: dict[str, Any] = {"resourceAttributes": asked}
    if account:
        spec |= {"user": account}
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview" if account else "SelfSubjectAccessReview",
        "spec": spec,
    }
