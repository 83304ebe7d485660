"""plane     a real API server with the kinds, the account, its rules and the policy, as a user has applied them
agent_on  an Api with the token that the kubelet of a node gets for the agent's pod there
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from multinet.deadline import Deadline
from multinet.kube import paths
from multinet.kube.client import Access, Api
from multinet.kube.errors import ApiForbidden
from tests.deploy import rendering
from tests.deploy.applying import apply
from tests.support import kubeobjects
from tests.support.controlplane import ControlPlane
from tests.support.wait import until

NODES = ("node-1", "node-2")


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Not the other tests' own: with the policy, a token that no node got may write nothing."""
    with ControlPlane(tmp_path_factory.mktemp("deploy") / "plane") as made:
        kubeobjects.install(made)
        for node in NODES:
            kubeobjects.node(made, node)
        yield made


@pytest.fixture(scope="session")
def agent_on(plane: ControlPlane) -> Iterator[Callable[[str], Api]]:
    apply(plane, *rendering.overlay("containerd"))
    with ExitStack() as stack:
        known: dict[str, Api] = {}

        def api(node: str) -> Api:
            if node not in known:
                access = Access(server=plane.server, ca=plane.ca_file, token=_token(plane, node))
                known[node] = Api(access)
                stack.callback(known[node].close)
            return known[node]

        _in_force(plane, api(NODES[0]))
        yield api


def _token(plane: ControlPlane, node: str) -> str:
    """As a kubelet asks for it."""
    pod = kubeobjects.pod(
        plane, "kube-system", f"multinet-{node}", node=node, spec={"serviceAccountName": "multinet"}
    )
    bound = {"kind": "Pod", "apiVersion": "v1", "name": f"multinet-{node}", "uid": pod["metadata"]["uid"]}
    path = "/api/v1/namespaces/kube-system/serviceaccounts/multinet/token"
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"boundObjectRef": bound},
    }
    token: str = plane.ask("POST", path, body)["status"]["token"]
    return token


def _in_force(plane: ControlPlane, api: Api) -> None:
    """The API server takes up a policy a moment after it is made."""
    kubeobjects.pod(plane, "default", "elsewhere", node="node-2")

    def refused() -> bool:
        try:
            body = {"metadata": {"annotations": {"k8s.v1.cni.cncf.io/network-status": "[]"}}}
            api.patch(paths.pod_status("default", "elsewhere"), body, deadline=Deadline(10))
        except ApiForbidden:
            return True
        return False

    until(refused, seconds=60, what="the policy to be in force")
