"""The agent's token is in no line, answer, event, metric or file of its own, whatever fails and at any level."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from multinet.kube.access import Access
from tests.daemon.conftest import MakeNode, MakeSandbox
from tests.support import kubeobjects
from tests.support.controlplane import AGENT, ControlPlane
from tests.support.node import AgentNode
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]

CHATTY = """#!/bin/sh
env >&2
cat >&2
echo '{"cniVersion": "1.1.0", "code": 100, "msg": "no luck"}'
exit 1
"""
"""A program that tells all that it is told. What the agent has of its own must not be among it."""


@pytest.fixture
def kubeconfig(control_plane: ControlPlane, tmp_path: Path) -> Callable[..., Path]:
    """One that holds the token itself: there it may be in any value that somebody prints."""

    def write(token: str, **cluster: str) -> Path:
        content = json.loads(control_plane.kubeconfig(AGENT).read_text())
        content["users"][0]["user"] = {"token": token}
        content["clusters"][0]["cluster"] |= cluster
        file = tmp_path / "with-token.kubeconfig"
        file.write_text(json.dumps(content))
        return file

    return write


def told(node: AgentNode, but: Path) -> Iterator[tuple[str, str]]:
    """All that there is of an agent's: by where it is. ``but``: the file that it has the token from."""
    yield "metrics", node.probe("metrics")[1]
    for probe in ("livez", "readyz", "startz"):
        yield probe, node.probe(probe)[1]
    for file in node.folder.rglob("*"):
        if file.is_file() and file != but:
            yield str(file), file.read_text(errors="replace")


def found(secret: str, node: AgentNode, but: Path, *answers: str) -> list[str]:
    places = [where for where, text in told(node, but) if secret in text]
    return places + [answer for answer in answers if secret in answer]


def test_the_token_is_told_nowhere_while_requests_succeed_and_fail(
    make_node: MakeNode,
    sandbox: MakeSandbox,
    control_plane: ControlPlane,
    kube_namespace: str,
    kubeconfig: Callable[..., Path],
    tmp_path: Path,
):
    token = control_plane.token(AGENT)
    file = kubeconfig(token)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "chatty").write_text(CHATTY)
    (programs / "chatty").chmod(0o755)
    node = make_node(agent={"kubeconfig": str(file)}, settings={"logLevel": "debug"}, bin_dir=programs)
    kubeobjects.nad(control_plane, kube_namespace, "chatty", {"cniVersion": "1.1.0", "type": "chatty"})
    kubeobjects.nad(
        control_plane, kube_namespace, "lan", {"cniVersion": "1.1.0", "type": "bridge", "bridge": "b"}
    )
    node.start()

    good = sandbox("lan")
    answers = []
    node.call("ADD", good).ok()
    node.call("CHECK", good).ok()
    node.call("DEL", good).ok()
    for networks in ("chatty", "nowhere", "[{", "lan@eth0"):
        said = node.call("ADD", sandbox(networks))
        assert said.code == 1
        answers += [said.stdout.decode(), said.stderr.decode()]
    until(lambda: len(kubeobjects.events(control_plane, kube_namespace)) >= 4)
    answers += [json.dumps(event) for event in kubeobjects.events(control_plane, kube_namespace)]

    assert "MULTINET_SOCKET" in node.log  # what the program said is there, so this would see it
    assert found(token, node, file, *answers) == []
    assert found(token, node, tmp_path / "no such file") == [str(file)]


@pytest.mark.parametrize("wrong", ["a server that is not there", "a certificate that is not believed", "401"])
def test_the_token_is_told_nowhere_while_the_api_server_does_not_answer(
    make_node: MakeNode,
    sandbox: MakeSandbox,
    kubeconfig: Callable[..., Path],
    wrong: str,
):
    token = secrets.token_hex(16)
    cluster = {
        "a server that is not there": {"server": "https://127.0.0.1:1"},
        "a certificate that is not believed": {"tls-server-name": "somebody.else"},
        "401": {},
    }[wrong]
    file = kubeconfig(token, **cluster)
    node = make_node(agent={"kubeconfig": str(file), "requestSeconds": 2}, settings={"logLevel": "debug"})
    node.start(ready=False)
    until(lambda: node.probe("readyz")[0] == 503 and "API server" in node.probe("readyz")[1])
    said = node.call("ADD", sandbox("lan"), annotations=False)

    assert said.code == 1
    assert found(token, node, file, said.stdout.decode(), said.stderr.decode()) == []


@pytest.mark.parametrize(
    "text",
    [
        'users: [{{name: u, user: {{token: "{}}}}}]',
        "users: [{{name: u, user: {{token: [{}]}}}}]",
        '{{"users": [{{"name": "u", "user": {{"token": {}}}}}]}}',
    ],
)
def test_a_kubeconfig_that_cant_be_read_is_not_shown(make_node: MakeNode, tmp_path: Path, text: str):
    token = f"t{secrets.token_hex(16)}"
    file = tmp_path / "broken.kubeconfig"
    file.write_text(text.format(token))
    node = make_node(agent={"kubeconfig": str(file)})
    node.start(ready=False)
    assert node.process is not None
    assert node.process.wait(20) == 1
    assert str(file) in node.log
    assert found(token, node, file) == []
    node.process = None


def test_who_prints_where_the_api_is_prints_no_secret():
    shown = repr(Access(server="https://x", token="t0ken", key="pr1vate", certificate="c3rt"))
    assert shown == (
        "Access(server='https://x', ca='', server_name='', insecure=False, authorization=None, namespace='')"
    )
