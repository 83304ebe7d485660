"""The client against a real API server: answers, refusals, renewed tokens, and a server that goes away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from multinet.deadline import Deadline
from multinet.errors import TryAgain
from multinet.kube import paths
from multinet.kube.client import METADATA_ONLY, Access, Api, Stream
from multinet.kube.errors import (
    ApiConflict,
    ApiError,
    ApiForbidden,
    ApiGone,
    ApiNotFound,
    ApiUnavailable,
)
from tests.support import kubeobjects
from tests.support.controlplane import ADMIN, AGENT, ControlPlane
from tests.support.proxy import Proxy
from tests.support.wait import until

pytestmark = pytest.mark.cluster

MakeApi = Callable[..., Api]


def soon(seconds: float = 20) -> Deadline:
    return Deadline(seconds)


@pytest.fixture
def stopped(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """The control plane with its API server stopped until the test starts it, at its end at the latest."""
    control_plane.stop_apiserver()
    yield control_plane
    if not control_plane.running:
        control_plane.start_apiserver()


def test_objects_are_made_read_changed_and_deleted(make_api: MakeApi, kube_namespace: str):
    api = make_api(user=ADMIN)
    path = f"/api/v1/namespaces/{kube_namespace}/configmaps"
    body = {"metadata": {"name": "c"}, "data": {"a": "1"}}
    assert api.post(path, body, deadline=soon())["data"] == {"a": "1"}
    assert api.patch(f"{path}/c", {"data": {"b": "2"}}, deadline=soon())["data"] == {"a": "1", "b": "2"}
    assert api.get(f"{path}/c", deadline=soon())["data"] == {"a": "1", "b": "2"}
    assert [item["metadata"]["name"] for item in api.get(path, deadline=soon())["items"]] == ["c"]
    assert api.delete(f"{path}/c", deadline=soon())["status"] == "Success"
    with pytest.raises(ApiNotFound):
        api.get(f"{path}/c", deadline=soon())


def test_refusals_are_sentences_with_a_type_of_their_own(api: Api, make_api: MakeApi, kube_namespace: str):
    admin = make_api(user=ADMIN)
    with pytest.raises(ApiNotFound) as missing:
        api.get(paths.pod(kube_namespace, "web"), deadline=soon())
    assert str(missing.value) == (
        f'the API server refused to get pods {kube_namespace}/web: pods "web" not found (404)'
    )
    assert (missing.value.status, missing.value.reason, missing.value.cni_code) == (404, "NotFound", 999)

    with pytest.raises(ApiForbidden) as forbidden:
        api.get("/api/v1/secrets", deadline=soon())
    assert str(forbidden.value) == (
        'the API server refused to list secrets: secrets is forbidden: User "'
        + AGENT
        + '" cannot list resource "secrets" in API group "" at the cluster scope (403)'
        " (the agent's service account needs the rules of the ClusterRole multinet)"
    )

    config_map = {"metadata": {"name": "c"}}
    admin.post(f"/api/v1/namespaces/{kube_namespace}/configmaps", config_map, deadline=soon())
    with pytest.raises(ApiConflict) as conflict:
        admin.post(f"/api/v1/namespaces/{kube_namespace}/configmaps", config_map, deadline=soon())
    assert str(conflict.value) == (
        f"the API server refused to create configmaps in {kube_namespace}:"
        ' configmaps "c" already exists (409)'
    )
    assert conflict.value.reason == "AlreadyExists"

    with pytest.raises(ApiError) as invalid:
        admin.post(f"/api/v1/namespaces/{kube_namespace}/configmaps", {}, deadline=soon())
    assert (type(invalid.value), invalid.value.status) == (ApiError, 422)


def test_a_list_that_can_no_longer_be_continued_is_gone(
    control_plane: ControlPlane, api: Api, kube_namespace: str
):
    for name in ("one", "two", "three"):
        kubeobjects.pod(control_plane, kube_namespace, name)
    path = f"/api/v1/namespaces/{kube_namespace}/pods"
    page = api.get(path, deadline=soon(), query={"limit": "1"})
    kubeobjects.annotate(control_plane, kube_namespace, "one", {"changed": "since"})
    control_plane.compact()
    control_plane.restart_apiserver()  # its cache would know a little longer what was
    with pytest.raises(ApiGone) as gone:
        api.get(path, deadline=soon(), query={"limit": "1", "continue": page["metadata"]["continue"]})
    assert (gone.value.status, gone.value.reason) == (410, "Expired")


def test_metadata_alone_can_be_asked_for(control_plane: ControlPlane, api: Api, kube_namespace: str):
    kubeobjects.pod(control_plane, kube_namespace, "web", {"a": "1"})
    found = api.get(paths.pod(kube_namespace, "web"), deadline=soon(), accept=METADATA_ONLY)
    assert (found["kind"], found["metadata"]["annotations"]) == ("PartialObjectMetadata", {"a": "1"})
    assert "spec" not in found


def test_a_watch_tells_what_happens_and_can_be_cut_from_outside(
    control_plane: ControlPlane, api: Api, kube_namespace: str
):
    path = f"/api/v1/namespaces/{kube_namespace}/pods"
    version = api.get(path, deadline=soon())["metadata"]["resourceVersion"]
    kubeobjects.pod(control_plane, kube_namespace, "web")
    seen: list[str] = []
    query = {"watch": "1", "resourceVersion": version}
    with api.stream(path, query=query, read_seconds=20) as stream:

        def see(stream: Stream) -> None:
            for event in stream:
                name = event["object"]["metadata"]["name"]
                seen.append(f"{event['type']} {name}")

        def cut_later() -> None:
            until(lambda: seen)
            stream.cut()

        cutter = threading.Thread(target=cut_later)
        cutter.start()
        with pytest.raises(ApiUnavailable) as cut:
            see(stream)
        cutter.join()
    assert seen == ["ADDED web"]
    assert cut.value.cni_code == 11


def test_requests_are_counted_here_as_the_server_counts_them(
    control_plane: ControlPlane, api: Api, kube_namespace: str
):
    kubeobjects.pod(control_plane, kube_namespace, "web")
    before = control_plane.count(AGENT)
    api.get(paths.pod(kube_namespace, "web"), deadline=soon())
    api.get(paths.PODS, deadline=soon())
    api.patch(paths.pod_status(kube_namespace, "web"), {}, deadline=soon())
    assert api.requests == {("get", "pods"): 1, ("list", "pods"): 1, ("patch", "pods/status"): 1}
    asked = [f"{one.verb} {one.resource}" for one in control_plane.requests(AGENT)[before:]]
    assert asked == ["get pods", "list pods", "patch pods/status"]


def test_a_token_that_was_renewed_a_moment_ago_is_used_at_once(
    control_plane: ControlPlane, make_api: MakeApi, tmp_path: Path
):
    file = tmp_path / "token"
    file.write_text("expired")
    api = make_api(token=file)
    with pytest.raises(ApiError) as refused:
        api.get(paths.PODS, deadline=soon())
    assert str(refused.value) == (
        "the API server refused to list pods: Unauthorized (401) (the agent's token is not accepted:"
        " see whether it has expired or its service account is gone)"
    )
    # As the kubelet does it: another file takes the place of the first.
    (tmp_path / "next").write_text(control_plane.token(AGENT))
    (tmp_path / "next").rename(file)
    assert api.get(paths.PODS, deadline=soon())["kind"] == "PodList"
    assert api.requests == {("list", "pods"): 4}


def test_a_token_that_is_renewed_is_noticed_before_the_old_one_is_refused(
    control_plane: ControlPlane, make_api: MakeApi, tmp_path: Path
):
    file = tmp_path / "token"
    file.write_text(control_plane.token(AGENT))
    api = make_api(token=file)
    api.get(paths.PODS, deadline=soon())
    file.write_text(control_plane.token(ADMIN) + "\n")
    secrets = "/api/v1/secrets"

    def is_the_other() -> bool:
        try:
            return bool(api.get(secrets, deadline=soon()))
        except ApiForbidden:
            return False

    until(is_the_other)
    file.unlink()  # for a moment there may be none
    assert is_the_other()


def test_a_token_that_the_server_no_longer_accepts_is_replaced_by_the_next(
    control_plane: ControlPlane, make_api: MakeApi, tmp_path: Path
):
    file = tmp_path / "token"
    file.write_text(control_plane.account_token())
    api = make_api(token=file)
    before = control_plane.count(AGENT)
    api.get(paths.PODS, deadline=soon())
    assert control_plane.count(AGENT) == before + 1
    control_plane.revoke_account_tokens()
    with pytest.raises(ApiError) as revoked:
        api.get(paths.PODS, deadline=soon())
    assert revoked.value.status == 401
    file.write_text(control_plane.account_token())
    assert api.get(paths.PODS, deadline=soon())["kind"] == "PodList"
    assert control_plane.count(AGENT) == before + 2  # who was refused was nobody


def test_a_ca_that_is_renewed_is_used_and_another_is_not_believed(
    control_plane: ControlPlane, tmp_path: Path
):
    ca = tmp_path / "ca.crt"
    ca.write_text(OTHER_CA)
    api = Api(Access(server=control_plane.server, ca=ca, token=control_plane.token(AGENT)))
    with pytest.raises(ApiUnavailable) as refused:
        api.get(paths.PODS, deadline=soon())
    assert str(refused.value).startswith(
        f"the API server {control_plane.server} did not answer to list pods:"
        " TLS: [SSL: CERTIFICATE_VERIFY_FAILED]"
    )
    ca.write_text(control_plane.ca_file.read_text())

    def works() -> bool:
        try:
            return bool(api.get(paths.PODS, deadline=soon()))
        except ApiUnavailable:
            return False

    until(works)
    api.close()


def test_without_an_api_server_the_deadline_is_kept_and_afterwards_all_is_well(
    stopped: ControlPlane, api: Api
):
    deadline = Deadline(1.5)
    with pytest.raises(ApiUnavailable) as away:
        api.get(paths.PODS, deadline=deadline)
    assert str(away.value) == (
        f"the API server {stopped.server} did not answer to list pods: Connection refused"
    )
    assert isinstance(away.value, TryAgain)
    assert api.requests["list", "pods"] > 1
    stopped.start_apiserver()
    assert api.get(paths.PODS, deadline=soon())["kind"] == "PodList"


def test_a_request_waits_for_an_api_server_that_comes_back(control_plane: ControlPlane, make_api: MakeApi):
    with Proxy(control_plane.port) as proxy:
        api = make_api(port=proxy.port)
        proxy.refuse()

        def come_back() -> None:
            until(lambda: api.requests["list", "pods"] > 2)
            proxy.open()

        meanwhile = threading.Thread(target=come_back)
        meanwhile.start()
        assert api.get(paths.PODS, deadline=soon())["kind"] == "PodList"
        meanwhile.join()


def test_connections_that_died_when_the_api_server_was_killed_are_not_used_again(
    control_plane: ControlPlane, api: Api, kube_namespace: str
):
    kubeobjects.pod(control_plane, kube_namespace, "web")
    path = paths.pod(kube_namespace, "web")
    api.get(path, deadline=soon())
    control_plane.restart_apiserver()
    sent = api.requests["get", "pods"]
    assert api.get(path, deadline=soon())["metadata"]["name"] == "web"
    assert api.requests["get", "pods"] == sent + 1


def test_kept_connections_that_lead_nowhere_cost_one_try_and_not_the_deadline(
    control_plane: ControlPlane, make_api: MakeApi
):
    with Proxy(control_plane.port) as proxy:
        api = make_api(port=proxy.port)
        threads = [
            threading.Thread(target=api.get, args=[paths.PODS], kwargs={"deadline": soon()}) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        proxy.freeze()
        before = api.requests["list", "pods"]
        assert api.get(paths.PODS, deadline=Deadline(4))["kind"] == "PodList"
        assert api.requests["list", "pods"] == before + 2


def test_an_api_server_that_is_frozen_is_given_up_in_time(control_plane: ControlPlane, api: Api):
    control_plane.freeze_apiserver()
    try:
        with pytest.raises(ApiUnavailable) as frozen:
            api.get(paths.PODS, deadline=Deadline(1.5))
    finally:
        control_plane.thaw_apiserver()
    assert str(frozen.value) == (
        f"the API server {control_plane.server} did not answer to list pods: it is silent"
    )


def test_a_deadline_that_is_over_asks_nothing(api: Api):
    with pytest.raises(TryAgain) as over:
        api.get(paths.PODS, deadline=Deadline(0))
    assert str(over.value) == (
        "gave up before asking the API server to list pods: the request has taken its 0 seconds"
        " (the runtime will try again)"
    )
    assert api.requests == {}


OTHER_CA = """\
-----BEGIN CERTIFICATE-----
MIIBgjCCASegAwIBAgIUOn8xubmWxHTkC8BZvXc//Oe93VYwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKYW5vdGhlciBDQTAgFw0yNjExMjExMzMxNTNaGA8yMTI2MTAy
ODEzMzE1M1owFTETMBEGA1UEAwwKYW5vdGhlciBDQTBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABLbCC6eskLq9NHBJFJJViWgEAidPJeAKJceeymDdaR20ZaALEGiE
IYIH7V6v9CCnt8xia6xFVoLzFcuXXG4FrXyjUzBRMB0GA1UdDgQWBBRm22jV99X9
qLYKCxnDY/vbfumL7jAfBgNVHSMEGDAWgBRm22jV99X9qLYKCxnDY/vbfumL7jAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCVCQ1wvJEB1YEmJIKx
PhjbxwDVF17na0ZG+3Cu0cQw3QIhAP1Z//10646yvb4sDUquM4nxbMMFTPnE1+x9
EgB8xzaV
-----END CERTIFICATE-----
"""
