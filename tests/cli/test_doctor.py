"""``multinet doctor``: each finding names what is wrong and the command that mends it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from delegates.ipam.host_local import pools as host_local
from multinet import __version__
from multinet.cli.checks import agent, configuration, kernel, leftovers, rights
from multinet.cli.checks.finding import Finding, State
from multinet.cli.checks.patient import Patient
from multinet.cli.node import namespaces
from multinet.cli.node.namespaces import Seen
from multinet.config import Settings
from multinet.daemon import conflist, leaving
from multinet.delegate.host_link_users import Ledger, User, Users
from multinet.errors import NotFound
from multinet.kernel.namespace import Namespace
from multinet.view.journal import Journal
from tests.cli.settings_of_a_node import NodeFiles
from tests.support.netns import Netns

Told = list[tuple[str, str, str]]


@pytest.fixture
def node(tmp_path: Path) -> NodeFiles:
    made = NodeFiles(folder=tmp_path)
    made.write()
    return made


def patient(node: NodeFiles) -> Patient:
    settings = Settings.load(node.config)
    return Patient(config=node.config, settings=settings, journal=Journal.read(settings.state_dir))


def told(found: Any) -> Told:
    return [(one.state.value, one.says, one.mend) for one in found]


def restart() -> str:
    label = "app.kubernetes.io/name=multinet"
    return f"kubectl -n kube-system delete pod -l {label} --field-selector spec.nodeName=node-1"


# --- the agent and its program ---


def test_without_an_agent_the_socket_and_the_probes_say_so(node: NodeFiles) -> None:
    there = patient(node)
    run_folder = node.folder / "run"

    assert told(agent.socket(there)) == [
        ("wrong", f"no agent runs: {run_folder}/agent.sock is not there", restart())
    ]
    run_folder.mkdir()
    (run_folder / "agent.sock").touch()
    assert told(agent.socket(there)) == [
        ("wrong", f"nobody listens on {run_folder}/agent.sock: the agent has ended", restart())
    ]
    assert told(agent.probes(there)) == [
        (
            "wrong",
            f"no answer from the agent at unix:{run_folder}/probes.sock: No such file or directory",
            restart(),
        )
    ]


def test_an_agent_that_was_installed_by_hand_is_started_by_hand(node: NodeFiles) -> None:
    node.write(agent={"kubeconfig": "/etc/multinet/kubeconfig"})

    (finding,) = agent.socket(patient(node))
    assert finding.mend == f"python -m multinet.daemon --config {node.config}"


@pytest.mark.parametrize(
    ("says", "state", "words"),
    [
        (f"CNI multinet plugin {__version__}", "ok", f"is of multinet {__version__}"),
        ("CNI multinet plugin 0.0.9", "warning", f"is of multinet 0.0.9, and this is {__version__}"),
        ("multus-shim", "wrong", "is not multinet's: multus-shim"),
    ],
)
def test_the_program_that_the_runtime_executes_is_asked_for_its_release(
    node: NodeFiles, says: str, state: str, words: str
) -> None:
    file = node.folder / "bin" / "multinet"
    file.parent.mkdir()
    file.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    file.chmod(0o755)

    mend = "" if state == "ok" else f"multinet install --bin-dir {node.folder}/bin"
    assert told(agent.program(patient(node))) == [(state, f"{file} {words}", mend)]


def test_a_program_that_is_not_there_is_installed_and_one_out_of_sight_is_not_known(node: NodeFiles) -> None:
    file = node.folder / "bin" / "multinet"
    assert told(agent.program(patient(node))) == [
        (
            "unknown",
            f"{node.folder}/bin can't be seen from here; the runtime executes {file}",
            f"{file} </dev/null",
        )
    ]
    file.parent.mkdir()
    assert told(agent.program(patient(node))) == [
        (
            "wrong",
            f"the program that the runtime is to execute is not there: {file}",
            f"multinet install --bin-dir {node.folder}/bin",
        )
    ]


# --- the runtime's configuration ---


def ours(node: NodeFiles) -> Path:
    file = node.conf_dir / "00-multinet.conflist"
    file.write_bytes(conflist.content(Settings.load(node.config).agent, ()))
    return file


def test_the_runtimes_configuration_is_the_first_and_ours(node: NodeFiles) -> None:
    file = node.conf_dir / "00-multinet.conflist"
    assert told(configuration.chain(patient(node))) == [
        (
            "wrong",
            f"{file} is not there: the runtime does not call multinet. The agent writes it once it can serve",
            restart(),
        )
    ]
    ours(node)
    assert told(configuration.chain(patient(node))) == [
        ("ok", f"{file} is the first of {node.conf_dir}, and calls multinet", "")
    ]
    file.write_text('{"plugins": [{"type": "multus"}]}')
    assert told(configuration.chain(patient(node))) == [
        ("wrong", f"{file} does not call multinet, and nothing else", f"rm {file}")
    ]


def test_a_file_that_comes_before_ours_is_put_aside(node: NodeFiles) -> None:
    ours(node)
    other = node.conf_dir / "00-multi.conf"
    other.write_text("{}")

    assert told(configuration.chain(patient(node))) == [
        (
            "wrong",
            f"{other} comes before 00-multinet.conflist: the runtime uses it, and pods get no further networks",
            f"mv {other} {other}.disabled",
        )
    ]


def test_a_node_that_is_being_left_says_so(node: NodeFiles) -> None:
    leaving.begin(node.folder / "state")

    assert told(configuration.chain(patient(node))) == [
        (
            "wrong",
            "this node is being left, by `multinet uninstall`: new pods get no further networks",
            f"multinet install --config {node.config}",
        )
    ]


def test_the_clusters_own_network_is_named_and_other_meta_plugins_are_told(node: NodeFiles) -> None:
    multus = node.conf_dir / "00-multus.conf"
    multus.write_text('{"cniVersion": "0.3.1", "name": "m", "type": "multus"}')

    assert told(configuration.primary(patient(node))) == [
        (
            "warning",
            f"{multus} is another meta plugin's: multinet passes it over",
            f"mv {multus} {multus}.disabled",
        ),
        ("ok", f"the cluster's own network is pods (bridge), of {node.conf_dir}/10-pods.conflist", ""),
    ]


def test_a_cluster_network_that_is_not_there_is_for_its_own_pods_to_mend(node: NodeFiles) -> None:
    node.write(readinessIndicatorFile="/run/none/ready")
    (node.conf_dir / "10-pods.conflist").unlink()
    look = "kubectl get pods -A -o wide --field-selector spec.nodeName=node-1"

    assert told(configuration.primary(patient(node))) == [
        ("wrong", "the cluster network is not ready: /run/none/ready is not there", look),
        (
            "wrong",
            f"no configuration of the cluster's own network is in {node.conf_dir} (look at the pods of the cluster's "
            "own network on this node)",
            look,
        ),
    ]


# --- rights and folders ---


@pytest.mark.kernel
def test_root_has_what_it_needs(node: NodeFiles) -> None:
    assert [one.state for one in (*rights.capabilities(), *rights.kernel_parameters(patient(node)))] == [
        State.GOOD,
        State.GOOD,
    ]


def test_a_capability_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, "CAPABILITIES", {"NET_ADMIN": 12, "FLYING": 63})

    assert told(rights.capabilities()) == [
        (
            "wrong",
            "this process has not the capability FLYING",
            "kubectl -n kube-system edit daemonset/multinet",
        )
    ]


def test_a_folder_of_kernel_parameters_that_is_none_is_told(node: NodeFiles) -> None:
    node.write(agent={"sysctlDir": "/none"})

    assert told(rights.kernel_parameters(patient(node))) == [
        (
            "wrong",
            "could not find kernel parameters in /none: No such file or directory",
            "kubectl -n kube-system edit daemonset/multinet",
        )
    ]


# --- the kernel ---


@pytest.mark.kernel
def test_what_the_kernel_can_make_is_tried_where_nothing_is_left_of_it(node: NodeFiles, host: Netns) -> None:
    before = (sorted(os.listdir("/sys/class/net")), sorted(os.listdir("/run/netns")))
    found = list(kernel.look(patient(node)))

    good = [one.says for one in found if one.state is State.GOOD]
    assert good[0].startswith("it can make veth, bridge, ")
    assert (sorted(os.listdir("/sys/class/net")), sorted(os.listdir("/run/netns"))) == before


@pytest.mark.kernel
def test_a_kind_that_is_missing_is_wrong_only_where_a_network_of_the_node_needs_it(
    node: NodeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise NotFound("could not make it: Unknown device type")

    def trial(delegate: str) -> kernel.Trial:
        return kernel.Trial(make=fail, delegates=frozenset({delegate}), module=f"{delegate}-module")

    trials = {"bridge": trial("bridge"), "vrf": trial("vrf")}
    monkeypatch.setattr(kernel, "TRIALS", trials)

    assert told(kernel.look(patient(node)))[:2] == [
        (
            "wrong",
            "it can't make bridge, which networks of this node need: could not make it: Unknown device type",
            "modprobe -a bridge-module",
        ),
        (
            "warning",
            "it can't make vrf, for networks of vrf: could not make it: Unknown device type",
            "modprobe -a vrf-module",
        ),
    ]


# --- leftovers ---


@pytest.mark.kernel
def test_what_is_left_of_pods_that_ended_is_told(node: NodeFiles, pod: Netns) -> None:
    node.record("shop/here", "container-1", pod.path)
    node.record("shop/gone", "container-2", "/run/netns/gone")
    damaged = node.folder / "state" / "sandboxes" / "container-3@eth0.json"
    damaged.write_text("{")
    late = node.folder / "state" / "late-status" / "a.json"
    late.parent.mkdir()
    late.write_text("{}")
    there = patient(node)

    assert told(leftovers.records(there)) == [
        (
            "warning",
            "1 sandboxes (shop/gone) ended, and their DEL has not come; the agent clears them, every 300 s",
            restart(),
        ),
        (
            "warning",
            f"{damaged} can't be read: its DEL clears what can be found without",
            f"less {damaged}",
        ),
    ]
    assert told(leftovers.statuses(there)) == [
        (
            "warning",
            "the network-status of 1 pods could not be told yet: the API server did not take it",
            restart(),
        )
    ]


@pytest.mark.kernel
def test_a_link_that_was_made_for_pods_and_that_nobody_uses_is_told(node: NodeFiles) -> None:
    mark = 0x20000001
    there = patient(node)
    subprocess.run(["ip", "link", "add", "made", "group", str(mark), "type", "bridge"], check=True)
    try:
        nobody = told(leftovers.links_on_demand(there))
        ledger = Ledger(there.settings.host_links_dir)
        user = User(container="container-1", ifname="net1", network="lan", netns="/run/netns/gone")
        with ledger.lock(), Namespace.current() as host:
            ledger.write(host, "made", Users(mark=mark, users=(user,)))
        ended = told(leftovers.links_on_demand(there))
        with Namespace.current() as host:
            ledger.write(host, "made", Users(mark=mark, users=(replace(user, netns="/proc/self/ns/net"),)))
        used = told(leftovers.links_on_demand(there))
    finally:
        subprocess.run(["ip", "link", "delete", "made"], check=True)

    assert nobody == [
        ("warning", "the link made was made for pods, and nobody uses it", "ip link delete made")
    ]
    assert ended == [
        (
            "warning",
            "the pods that use the link made are gone; the agent removes it, every 300 s",
            restart(),
        )
    ]
    assert used == []


def test_leaked_addresses_and_full_ranges_are_told(node: NodeFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "look", Seen)  # others on this machine may have such addresses
    monkeypatch.setattr(host_local, "DATA_DIR", "/none")
    for number in range(2, 15):
        node.give("pods", f"10.244.0.{number}", f"gone-{number}\r\neth0")

    assert told(leftovers.addresses(patient(node))) == [
        (
            "wrong",
            "no address is left in 10.244.0.1-10.244.0.14 of pods",
            f"multinet ipam --config {node.config} --all pods",
        ),
        (
            "warning",
            "13 addresses are held for containers that are gone",
            f"multinet ipam --config {node.config} --free",
        ),
    ]


# --- a check that fails ---


def test_a_check_that_fails_is_a_finding_and_no_end() -> None:
    from multinet.cli.checks.finding import run as run_check

    def check() -> list[Finding]:
        raise NotFound("could not look: it is gone")

    assert told(run_check("kernel", check)) == [("wrong", "could not look: it is gone", "")]
