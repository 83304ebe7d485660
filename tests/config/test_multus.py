"""Multus's configurations as they are found in the field: translated, and what is different is told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from multinet.cli import main
from multinet.config import Settings, multus
from multinet.errors import InvalidConfig, MultinetError, UnsupportedField

CONTAINER = "is a path in Multus's container; taken for"
CONF_DIR = "confDir: /etc/cni/multus/net.d is Multus's default, ours is another; it is written out"
CNI_VERSION = "cniVersion: has no effect: several are offered, and the runtime takes its newest"
ACCOUNT = "kubeconfig: has no effect: the agent uses its pod's service account; 'agent.kubeconfig' names another way"
COPY = (
    "delegates: Multus writes a copy of the cluster's own configuration here; leave it out, and the agent finds "
    "the original and follows its changes"
)
STATUS = (
    "statusForAllPods: Multus writes network-status to every pod, we to those that name networks; set it where "
    "somebody reads the others'"
)
SOCKET = "has no effect: the shim and the agent meet at 'agent.socket'"
FLANNEL = {
    "cniVersion": "0.3.1",
    "name": "cbr0",
    "plugins": [
        {"type": "flannel", "delegate": {"hairpinMode": True, "isDefaultGateway": True}},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A configuration, what becomes of it, and what is said."""

    what: str
    multus: dict[str, Any]
    ours: dict[str, Any]
    notes: tuple[str, ...]


ROWS = [
    Row(
        what="thin, as its entrypoint writes it",
        multus={
            "cniVersion": "0.3.1",
            "name": "multus-cni-network",
            "type": "multus",
            "logToStderr": True,
            "kubeconfig": "/etc/cni/net.d/multus.d/multus.kubeconfig",
            "delegates": [FLANNEL],
        },
        ours={"delegates": [FLANNEL], "confDir": "/etc/cni/multus/net.d"},
        notes=(
            "logToStderr: has no effect: the log always goes to stderr",
            ACCOUNT,
            CONF_DIR,
            COPY,
            CNI_VERSION,
        ),
    ),
    Row(
        what="thin, as a list",
        multus={
            "cniVersion": "1.0.0",
            "name": "multus-cni-network",
            "plugins": [
                {
                    "type": "multus",
                    "capabilities": {"portMappings": True},
                    "clusterNetwork": "/host/etc/cni/net.d/10-calico.conflist",
                    "defaultNetworks": ["storage"],
                    "confDir": "/etc/cni/multus/net.d",
                    "namespaceIsolation": True,
                    "globalNamespaces": "default, shared ,",
                    "systemNamespaces": ["kube-system", "monitoring"],
                    "multusNamespace": "kube-system",
                    "retryDeleteOnError": True,
                    "logLevel": "panic",
                }
            ],
        },
        ours={
            "clusterNetwork": "/etc/cni/net.d/10-calico.conflist",
            "defaultNetworks": ["storage"],
            "confDir": "/etc/cni/multus/net.d",
            "namespaceIsolation": True,
            "globalNamespaces": ["default", "shared"],
            "systemNamespaces": ["kube-system", "monitoring"],
            "multinetNamespace": "kube-system",
            "logLevel": "error",
        },
        notes=(
            f"clusterNetwork: /host/etc/cni/net.d/10-calico.conflist {CONTAINER} "
            "/etc/cni/net.d/10-calico.conflist on the node",
            "retryDeleteOnError: has no effect: a DEL that fails always keeps what it needs to be tried again",
            "logLevel: panic is called error",
            "capabilities: has no effect: what the cluster network takes is declared by the agent",
        ),
    ),
    Row(
        what="thick, as the project's manifest has it",
        multus={
            "chrootDir": "/hostroot",
            "cniVersion": "0.3.1",
            "logLevel": "verbose",
            "logToStderr": True,
            "cniConfigDir": "/host/etc/cni/net.d",
            "multusAutoconfigDir": "/host/etc/cni/net.d",
            "multusConfigFile": "auto",
            "socketDir": "/host/run/multus/",
        },
        ours={
            "confDir": "/etc/cni/multus/net.d",
            "logLevel": "info",
            "agent": {"cniConfDir": "/etc/cni/net.d", "primaryDir": "/etc/cni/net.d"},
        },
        notes=(
            "chrootDir: has no effect: executables are run on the node by the shim",
            "logLevel: verbose is called info",
            "logToStderr: has no effect: the log always goes to stderr",
            f"cniConfigDir: /host/etc/cni/net.d {CONTAINER} /etc/cni/net.d on the node",
            f"multusAutoconfigDir: /host/etc/cni/net.d {CONTAINER} /etc/cni/net.d on the node",
            "multusConfigFile: has no effect: the configuration is always written by the agent",
            f"socketDir: {SOCKET}",
            CONF_DIR,
            CNI_VERSION,
        ),
    ),
    Row(
        what="thick, with every key",
        multus={
            "multusMasterCNI": "10-calico.conflist",
            "metricsPort": 9091,
            "enablePprof": True,
            "connectionLimit": 20,
            "perNodeCertificate": {"enabled": True, "certDuration": "24h"},
            "daemonSocketDir": "/run/multus/",
            "forceCNIVersion": True,
            "overrideNetworkName": True,
            "logFile": "/var/log/multus.log",
            "logOptions": {"maxSize": 100},
            "kubeconfig": "/etc/kubernetes/kubelet.conf",
            "cniDir": "/var/lib/cni/multus",
            "binDir": "/opt/cni/bin",
            "confDir": "/etc/net.d",
            "cniConf": "/host/etc/cni/multus/net.d",
            "allowTryDeleteOnErr": True,
            "auxiliaryCNIChainName": "",
            "readinessindicatorfile": "",
        },
        ours={
            "confDir": "/etc/net.d",
            "multusDir": "/var/lib/cni/multus",
            "binDir": "/opt/cni/bin",
            "agent": {"primary": "10-calico.conflist", "metrics": "127.0.0.1:9091", "workers": 20},
        },
        notes=(
            "metricsPort: Multus serves every address of the node, we the loopback: metrics name pods",
            "enablePprof: has no effect: there is no such interface",
            "connectionLimit: becomes 'agent.workers': further requests wait in a queue and are told when it is full",
            "perNodeCertificate: has no effect: the agent uses its pod's service account, whose token names the node",
            f"daemonSocketDir: {SOCKET}",
            "forceCNIVersion: has no effect: files of others are never changed; "
            "each plugin is spoken to in its own version",
            "overrideNetworkName: has no effect: the network's name is 'agent.networkName'",
            "logFile: has no effect: the log goes to stderr, to whoever collects it",
            "logOptions: has no effect: the log goes to stderr, to whoever collects it",
            ACCOUNT,
            "cniConf: has no effect: Multus does not read it; 'confDir' is what was meant",
            "allowTryDeleteOnErr: has no effect: a DEL that fails always keeps what it needs to be tried again",
        ),
    ),
    Row(
        what="as OpenShift has it",
        multus={
            "cniVersion": "0.3.1",
            "chrootDir": "/hostroot",
            "logToStderr": False,
            "logLevel": "verbose",
            "binDir": "/var/lib/cni/bin",
            "cniConfigDir": "/host/etc/cni/net.d",
            "multusConfigFile": "auto",
            "multusAutoconfigDir": "/host/run/multus/cni/net.d",
            "namespaceIsolation": True,
            "globalNamespaces": "default,openshift-multus,openshift-sriov-network-operator",
            "readinessindicatorfile": "/host/run/multus/cni/net.d/10-ovn-kubernetes.conf",
            "daemonSocketDir": "/run/multus/socket",
            "socketDir": "/host/run/multus/socket",
        },
        ours={
            "confDir": "/etc/cni/multus/net.d",
            "binDir": "/var/lib/cni/bin",
            "namespaceIsolation": True,
            "globalNamespaces": ["default", "openshift-multus", "openshift-sriov-network-operator"],
            "readinessIndicatorFile": "/run/multus/cni/net.d/10-ovn-kubernetes.conf",
            "logLevel": "info",
            "agent": {"cniConfDir": "/etc/cni/net.d", "primaryDir": "/run/multus/cni/net.d"},
        },
        notes=(
            "chrootDir: has no effect: executables are run on the node by the shim",
            "logLevel: verbose is called info",
            f"cniConfigDir: /host/etc/cni/net.d {CONTAINER} /etc/cni/net.d on the node",
            "multusConfigFile: has no effect: the configuration is always written by the agent",
            f"multusAutoconfigDir: /host/run/multus/cni/net.d {CONTAINER} /run/multus/cni/net.d on the node",
            f"readinessindicatorfile: /host/run/multus/cni/net.d/10-ovn-kubernetes.conf {CONTAINER} "
            "/run/multus/cni/net.d/10-ovn-kubernetes.conf on the node",
            f"daemonSocketDir: {SOCKET}",
            f"socketDir: {SOCKET}",
            CONF_DIR,
            CNI_VERSION,
        ),
    ),
    Row(
        what="as rke2 and k3s have it, in another case",
        multus={
            "CniVersion": "0.3.1",
            "cniconfigdir": "/var/lib/rancher/k3s/agent/etc/cni/net.d",
            "multusAutoConfigDir": "/var/lib/rancher/k3s/agent/etc/cni/net.d",
            "bindir": "/var/lib/rancher/k3s/data/cni",
            "multusConfigFile": "auto",
            "GlobalNamespaces": "default",
        },
        ours={
            "confDir": "/etc/cni/multus/net.d",
            "binDir": "/var/lib/rancher/k3s/data/cni",
            "globalNamespaces": ["default"],
            "agent": {
                "cniConfDir": "/var/lib/rancher/k3s/agent/etc/cni/net.d",
                "primaryDir": "/var/lib/rancher/k3s/agent/etc/cni/net.d",
            },
        },
        notes=(
            "multusConfigFile: has no effect: the configuration is always written by the agent",
            CONF_DIR,
            CNI_VERSION,
        ),
    ),
]

every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)


@every_row
def test_it_is_printed_as_ours_with_what_is_to_be_known(row: Row, tmp_path: Path) -> None:
    file = tmp_path / "multus.conf"
    file.write_text(json.dumps(row.multus))
    done = CliRunner().invoke(main, ["migrate", str(file)])

    assert yaml.safe_load(done.stdout) == row.ours
    assert done.stderr.splitlines() == [f"multinet: {note}" for note in (*row.notes, STATUS)]
    assert done.exit_code == 0


@every_row
def test_the_agent_reads_it_as_it_reads_the_translation(row: Row, tmp_path: Path) -> None:
    theirs, ours = tmp_path / "multus.conf", tmp_path / "ours.yaml"
    theirs.write_text(json.dumps(row.multus))
    ours.write_text(yaml.safe_dump(row.ours))

    assert Settings.load(theirs, {}) == Settings.load(ours, {})


@every_row
def test_what_is_ours_already_stays_as_it_is(row: Row) -> None:
    assert multus.translate(row.ours) == multus.Translated(settings=row.ours, notes=())


def test_every_key_of_multus_is_in_a_row() -> None:
    seen = {
        key.lower() for row in ROWS for one in (row.multus, *row.multus.get("plugins", ())) for key in one
    }

    assert {key.lower() for key in multus.KEYS.values()} - seen == {"runtimeconfig", "ipam", "dns", "args"}


@pytest.mark.parametrize(
    ("document", "kind", "message"),
    [
        (
            {"type": "multus", "auxiliaryCNIChainName": "vendor-cni-chain"},
            UnsupportedField,
            "auxiliaryCNIChainName: 'vendor-cni-chain' is not served "
            "(put the further plugins into the cluster network's own list)",
        ),
        (
            {"type": "multus", "delegate": []},
            InvalidConfig,
            "the key 'delegate' is not known here (did you mean 'delegates'?)",
        ),
        (
            {"chrootDir": "/hostroot", "metricsPort": "http"},
            InvalidConfig,
            "agent.metrics: '127.0.0.1:http' is neither a unix socket nor a port of the loopback "
            "(write unix:/run/multinet/metrics.sock or 127.0.0.1:9097)",
        ),
        (
            {"name": "x", "plugins": [{"type": "multus"}, {"type": "portmap"}]},
            InvalidConfig,
            "'plugins' is not a list of one: the settings are one plugin's "
            "(plugins that are to come after it belong into the cluster network's own list)",
        ),
        (
            {"type": "multus", "delegates": True},
            InvalidConfig,
            "delegates: expected a list, got true (Configurations (or lists) written here instead of clusterNetwork; "
            "the first is the cluster network, the others go to every pod)",
        ),
        (
            {"type": "multus", "agent": 5, "metricsPort": 9091},
            InvalidConfig,
            "agent: expected an object, got the number 5 "
            "(What only the node agent needs; a run without an agent does not look at it)",
        ),
    ],
)
def test_what_cannot_be_served_is_refused(
    tmp_path: Path, document: Any, kind: type[MultinetError], message: str
) -> None:
    file = tmp_path / "multus.conf"
    file.write_text(json.dumps(document))
    done = CliRunner().invoke(main, ["migrate", str(file)])

    assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"multinet: {file}: {message}\n")
    with pytest.raises(kind):
        Settings.load(file, {})


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["migrate", str(tmp_path / "nowhere")])

    assert done.exit_code == 1
    assert done.stderr == f"multinet: could not read {tmp_path}/nowhere: No such file or directory\n"
