"""Every way to say where the API server is and who we are, used on a real one."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from multinet import log
from multinet.deadline import Deadline
from multinet.errors import InvalidConfig, NotAvailable
from multinet.kube.access import Access
from multinet.kube.client import Api
from multinet.kube.errors import ApiError, ApiUnavailable
from tests.support.controlplane import ADMIN, ControlPlane

SECRETS = "/api/v1/secrets"
"""Which only the administrator may list."""


def kubeconfig(
    folder: Path, *, user: dict[str, Any] | None = None, cluster: dict[str, Any] | None = None
) -> Path:
    file = folder / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "other", "cluster": {"server": "https://192.0.2.1"}},
            {"name": "c", "cluster": {"server": "https://192.0.2.2:6443"} | (cluster or {})},
        ],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    file.write_text(yaml.safe_dump(content))
    return file


def at(plane: ControlPlane) -> dict[str, Any]:
    return {"server": plane.server, "certificate-authority": str(plane.ca_file)}


def data(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def works(access: Access) -> bool:
    api = Api(access)
    try:
        return api.get(SECRETS, deadline=Deadline(10))["kind"] == "SecretList"
    finally:
        api.close()


@pytest.mark.cluster
def test_in_a_pod_the_kubelet_says_everything(control_plane: ControlPlane, tmp_path: Path):
    (tmp_path / "ca.crt").write_bytes(control_plane.ca_file.read_bytes())
    (tmp_path / "token").write_text(control_plane.token(ADMIN))
    env = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(control_plane.port)}
    assert works(Access.in_cluster(env, tmp_path))


def test_an_ipv6_service_address_is_put_in_brackets(tmp_path: Path):
    env = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    assert Access.in_cluster(env, tmp_path).server == "https://[fd00::1]:443"


def test_outside_of_a_pod_there_is_no_access_without_a_kubeconfig():
    with pytest.raises(NotAvailable) as outside:
        Access.in_cluster({})
    assert str(outside.value) == (
        "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is not a pod"
        " (name a kubeconfig in the settings: agent.kubeconfig)"
    )


def test_a_token_that_is_not_there_says_which(tmp_path: Path):
    api = Api(Access(server="http://127.0.0.1:1", token=tmp_path / "token"))
    with pytest.raises(ApiUnavailable) as missing:
        api.get(SECRETS, deadline=Deadline(1))
    assert str(missing.value) == (
        f"could not read {tmp_path / 'token'}, needed for the API server: No such file or directory"
    )


@pytest.mark.cluster
def test_a_kubeconfig_may_hold_a_token(control_plane: ControlPlane, tmp_path: Path):
    user = {"token": control_plane.token(ADMIN)}
    assert works(Access.of_kubeconfig(kubeconfig(tmp_path, cluster=at(control_plane), user=user)))
    assert works(Access.of_kubeconfig(control_plane.kubeconfig(ADMIN)))


@pytest.mark.cluster
def test_a_kubeconfig_may_name_files_from_where_it_lies(control_plane: ControlPlane, tmp_path: Path):
    (tmp_path / "ca").write_bytes(control_plane.ca_file.read_bytes())
    (tmp_path / "my-token").write_text(control_plane.token(ADMIN))
    cluster = {"server": control_plane.server, "certificate-authority": "ca"}
    user = {"tokenFile": "my-token", "token": "goes second"}
    assert works(Access.of_kubeconfig(kubeconfig(tmp_path, cluster=cluster, user=user)))


@pytest.mark.cluster
@pytest.mark.parametrize("as_data", [False, True], ids=["files", "data"])
def test_a_kubeconfig_may_hold_a_certificate(control_plane: ControlPlane, tmp_path: Path, as_data: bool):
    certificate, key = control_plane.client_certificate(ADMIN)
    if as_data:
        cluster = {"server": control_plane.server, "certificate-authority-data": data(control_plane.ca_file)}
        user = {"client-certificate-data": data(certificate), "client-key-data": data(key)}
    else:
        cluster = at(control_plane)
        user = {"client-certificate": str(certificate), "client-key": str(key)}
    assert works(Access.of_kubeconfig(kubeconfig(tmp_path, cluster=cluster, user=user)))


@pytest.mark.cluster
def test_a_kubeconfig_may_name_a_program_that_says_who_we_are(control_plane: ControlPlane, tmp_path: Path):
    program = tmp_path / "login"
    program.write_text(
        "#!/bin/sh\n"
        'echo \'{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",'
        f' "status": {{"token": "{control_plane.token(ADMIN)}"}}}}\'\n'
    )
    program.chmod(0o755)
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": str(program),
        "interactiveMode": "Never",
    }
    file = kubeconfig(tmp_path, cluster=at(control_plane), user={"exec": plugin})
    assert works(Access.of_kubeconfig(file))


def test_who_names_a_program_where_nothing_can_ask_it_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("kubernetes", "kubernetes.client"):
        monkeypatch.setitem(sys.modules, name, None)  # as in the image
    cluster = {"server": "https://192.0.2.1:6443"}
    file = kubeconfig(tmp_path, cluster=cluster, user={"exec": {"command": "login"}})

    with pytest.raises(InvalidConfig) as refused:
        Access.of_kubeconfig(file)

    assert str(refused.value).endswith(
        "a program is to be asked for the credentials, which takes the Python package kubernetes "
        "(install that, or let it name a token's file or a certificate's)"
    )


@pytest.mark.cluster
def test_the_name_in_the_servers_certificate_may_be_told(control_plane: ControlPlane, tmp_path: Path):
    user = {"token": control_plane.token(ADMIN)}
    named = at(control_plane) | {"tls-server-name": "kubernetes.default.svc"}
    assert works(Access.of_kubeconfig(kubeconfig(tmp_path, cluster=named, user=user)))
    wrong = named | {"tls-server-name": "example.org"}
    with pytest.raises(ApiError) as refused:
        works(Access.of_kubeconfig(kubeconfig(tmp_path, cluster=wrong, user=user)))
    assert "Hostname mismatch" in str(refused.value)


@pytest.mark.cluster
def test_no_certificate_is_asked_for_where_the_kubeconfig_says_so(
    control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    said: list[str] = []
    monkeypatch.setattr(log, "warn", lambda event, **_: said.append(event))
    cluster = {"server": control_plane.server, "insecure-skip-tls-verify": True}
    file = kubeconfig(tmp_path, cluster=cluster, user={"token": control_plane.token(ADMIN)})
    assert works(Access.of_kubeconfig(file))
    assert said == ["the API server's certificate is not verified"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a: [", "it is not YAML: "),
        ("- a", "it is not an object"),
        ("{}", "current-context: expected a text"),
        ("current-context: x", "contexts: there is none named 'x'"),
        ("{current-context: x, contexts: 5}", "contexts: there is none named 'x'"),
        ("[" * 100_000, "it is not YAML: more than 64 lists and objects inside each other (line 1, column "),
        *(
            ({"cluster": {"server": server}}, f"server: {server!r} is no address (write it like ")
            for server in (
                "10.0.0.1:6443",
                "https://h:99999",
                "https://h:x",
                "https://[::1",
                "unix:///s",
                "https:",
            )
        ),
        ({"cluster": {"server": ""}}, "server: expected a text"),
        ({"cluster": {"proxy-url": "http://p"}}, "proxy-url: proxies are not supported"),
        ({"user": {"username": "me"}}, "username: Kubernetes has no passwords any more"),
        ({"user": {"as": "you"}}, "as: acting as somebody else is not supported"),
        (
            {"user": {"client-key-data": "%"}},
            "client-key-data: expected PEM in base64",
        ),
    ],
)
def test_a_kubeconfig_that_is_wrong_says_where(tmp_path: Path, content: Any, sentence: str):
    if isinstance(content, str):
        file = tmp_path / "kubeconfig"
        file.write_text(content)
    else:
        file = kubeconfig(tmp_path, **content)
    with pytest.raises(InvalidConfig) as wrong:
        Access.of_kubeconfig(file)
    assert str(wrong.value).startswith(f"kubeconfig {file}: {sentence}")


def test_a_kubeconfig_that_is_not_there_says_so(tmp_path: Path):
    with pytest.raises(InvalidConfig) as missing:
        Access.of_kubeconfig(tmp_path / "none")
    assert (
        str(missing.value) == f"kubeconfig {tmp_path / 'none'}: could not read it: No such file or directory"
    )
