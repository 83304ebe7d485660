"""``multinet lint``: each rule on a definition that breaks it, with the whole of what is said."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from multinet.cli import main, sources
from multinet.cli.lint.rules import RULES
from tests.support import kubeobjects
from tests.support.controlplane import ADMIN, ControlPlane
from tests.support.tree import ROOT

GOOD = """\
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: NAME, namespace: shop}
spec:
  config: |
"""


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cluster, and not a node."""
    monkeypatch.setattr(sources, "CONFIG", tmp_path / "no-config.yaml")
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "m"
    made.mkdir()
    monkeypatch.chdir(tmp_path)
    return made


@pytest.fixture
def node_links() -> Iterator[str]:
    """A link of this machine, as macvlan needs one; the whole run is in a namespace of its own."""
    name = f"ln{os.getpid() % 1_000_000}"
    subprocess.run(["ip", "link", "add", name, "type", "veth"], check=True)
    yield name
    subprocess.run(["ip", "link", "del", name], check=True)


def lint(*args: object, stdin: str = "") -> Result:
    return CliRunner().invoke(main, ["lint", *map(str, args)], input=stdin, catch_exceptions=False)


def definition(folder: Path, name: str, config: str, annotations: str = "{}") -> Path:
    file = folder / f"{name}.yaml"
    text = GOOD.replace("NAME", name).replace(
        "namespace: shop", f"namespace: shop, annotations: {annotations}"
    )
    file.write_text(text + "".join(f"    {line}\n" for line in config.splitlines()))
    return file


def said(file: Path) -> list[str]:
    """What is found in one file, without the name of its folder and the counts at the end."""
    done = lint(file)
    *lines, summary = done.stdout.splitlines()
    assert re.fullmatch(r"nothing found|(\d+ (error|warning|note)s?(, )?)+", summary)
    assert done.exit_code == int("error" in summary)
    return [line.replace(f"{file.parent}/", "") for line in lines]


IPAM = '"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.0.0/24"}]]}'


def test_what_is_good_has_nothing_said_of_it(folder: Path):
    file = definition(folder, "net-a", f'{{"cniVersion": "1.1.0", "type": "bridge", {IPAM}}}')
    assert lint(file).stdout == "nothing found\n"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param(
            '{"type": "bridge"}',
            [
                "net-a.yaml:6: warning: shop/net-a: cniVersion is missing, which means 0.1.0: no CHECK, and "
                "results that tell little [cni-version]",
                '    write "cniVersion": "1.1.0", or the newest that its plugins serve',
            ],
            id="no version",
        ),
        pytest.param(
            '{"cniVersion": "2.0.0",\n "type": "bridge"}',
            [
                "net-a.yaml:6: error: shop/net-a: incompatible CNI versions [cni-version]",
                '    config is "2.0.0", plugin supports ["0.1.0" "0.2.0" "0.3.0" "0.3.1" "0.4.0" "1.0.0" "1.1.0"]',
            ],
            id="a version that is not served",
        ),
        pytest.param(
            '{"cniVersion": "1.0.0", "type": "bridge",}',
            [
                "net-a.yaml:6: error: shop/net-a.spec.config: error parsing configuration list: expected a key "
                "in double quotes (line 1, column 42) [configuration]",
                '    ersion": "1.0.0", "type": "bridge",}',
                "                                       ^",
            ],
            id="no JSON",
        ),
        pytest.param(
            '{"cniVersion": "1.0.0",\n "type": "bridge",\n "mtu": "1500"}',
            [
                "net-a.yaml:8: error: shop/net-a: mtu: expected a whole number, got the text '1500' [configuration]",
                "    MTU of both ends of the pair and of a bridge that is made; 0 leaves it to the kernel",
            ],
            id="a plugin refuses it",
        ),
        pytest.param(
            '{"cniVersion": "1.0.0", "plugins": [\n {"type": "bridge"},\n {"type": "tuning", "mtuu": 1}]}',
            [
                "net-a.yaml:8: warning: shop/net-a: the key 'mtuu' is not known, and passed over [unknown-key]",
                "    did you mean 'mtu'?",
            ],
            id="an unknown key",
        ),
        pytest.param(
            '{"cniVersion": "1.0.0", "plugins": [{"type": "bridge"}],\n "disableChek": true}',
            [
                "net-a.yaml:7: warning: shop/net-a: the key 'disableChek' is not known, and passed over "
                "[unknown-key]",
                "    did you mean 'disableCheck'?",
            ],
            id="an unknown key of a list",
        ),
        pytest.param(
            '{"cniVersion": "1.0.0", "type": "bridge", "x": 1, "dev.shop/note": 1, "_comment": "",\n "ipam": {'
            '"type": "host-local",\n "ranges": [[{"subnet": "10.1.0.0/24", "gatway": "10.1.0.1"}]]}}',
            [
                "net-a.yaml:6: warning: shop/net-a: the key 'x' is not known, and passed over [unknown-key]",
                "    remove it, or see the plugin's README for its keys",
                "net-a.yaml:8: warning: shop/net-a: the key 'ipam.ranges[0][0].gatway' is not known, and passed "
                "over [unknown-key]",
                "    did you mean 'gateway'?",
            ],
            id="an unknown key deep down, and notes of people's own",
        ),
        pytest.param(
            '{"cniVersion": "1.0.0", "type": "ovs", "anything": 1, "ipam": {"type": "whereabouts", "range": 1}}',
            [],
            id="keys of programs are theirs",
        ),
        pytest.param(
            '{"cniVersion": "1.0.0", "type": "macvaln"}',
            [
                "net-a.yaml:6: warning: shop/net-a: the plugin 'macvaln' is none that comes with multinet, and has "
                "to be on each node [plugin]",
                "    did you mean 'macvlan'?",
            ],
            id="a mistyped plugin",
        ),
        pytest.param(
            '{"cniVersion": "1.0.0", "type": "multus"}',
            [
                "net-a.yaml:6: error: shop/net-a: multus is a meta plugin, which calls the plugins of networks and "
                "is none itself [meta-plugin]",
                "    name the plugin that makes the interface as the configuration's 'type'",
            ],
            id="Multus within",
        ),
        pytest.param(
            '{"cniVersion": "1.0.0", "type": "sriov"}',
            [
                "net-a.yaml:6: error: shop/net-a: sriov needs a device, and neither the configuration nor a "
                "resource gives one [no-device]",
                "    name the device plugin's resource in the annotation k8s.v1.cni.cncf.io/resourceName of "
                "the definition",
            ],
            id="no device",
        ),
        pytest.param(
            '{"cniVersion": "1.0.0", "type": "bridge",\n "capabilities": {"ip": true, "mac": true}}',
            [
                "net-a.yaml:7: warning: shop/net-a: the capability 'ip' is declared, but bridge does not know "
                "it [capability-unknown]",
                "    remove it, or declare it at the plugin that does",
            ],
            id="a capability that the plugin lacks",
        ),
        pytest.param(
            '{"cniVersion": "1.0.0", "type": "bridge", "ipam": {"type": "host-local", "ranges":\n'
            ' [[{"subnet": "10.1.0.0/24",\n "gateway": "10.2.0.1"}]]}}',
            [
                "net-a.yaml:8: warning: shop/net-a: the gateway 10.2.0.1 is outside of 10.1.0.0/24: no pod can "
                "reach it [gateway-outside]",
                "    correct one of the two",
            ],
            id="a gateway outside",
        ),
        pytest.param(
            '{"cniVersion": "1.0.0", "type": "bridge", "ipam": {"type": "static", "addresses":\n'
            ' [{"address": "10.1.0.5/24", "gateway": "10.2.0.1"}]}}',
            [
                "net-a.yaml:7: warning: shop/net-a: the gateway 10.2.0.1 is outside of 10.1.0.5/24: no pod can "
                "reach it [gateway-outside]",
                "    correct one of the two",
            ],
            id="a gateway outside, of a static address",
        ),
        pytest.param(
            '{"cniVersion": "1.0.0", "type": "bridge", "ipam": {"type": "host-local", "subnet": "10.1.0.0/24",'
            ' "rangeStart": "10.1.0.1", "rangeEnd": "10.1.0.1"}}',
            [
                "net-a.yaml:6: error: shop/net-a: the range 10.1.0.1-10.1.0.1 holds no address but the "
                "gateway's [no-room]",
                "    widen it",
            ],
            id="a range without room",
        ),
        pytest.param(
            '{"cniVersion": "1.0.0", "type": "bridge", "ipam": {"type": "host-local",\n'
            ' "ranges": [[{"subnet": "10.1.0.0/31"}]]}}',
            [
                "net-a.yaml:6: error: shop/net-a: [host-local]: invalid range set 0: Network 10.1.0.0/31 too small "
                "to allocate from [configuration]",
                "    /30 is the smallest",
            ],
            id="a subnet without room",
        ),
    ],
)
def test_a_rule_says_where_what_and_how_to_mend_it(folder: Path, config: str, expected: list[str]):
    assert said(definition(folder, "net-a", config)) == expected


def test_a_definition_with_a_resource_has_its_device(folder: Path):
    resource = "{k8s.v1.cni.cncf.io/resourceName: intel.com/sriov}"
    assert said(definition(folder, "net-a", '{"cniVersion": "1.0.0", "type": "sriov"}', resource)) == []


def test_the_object_around_a_configuration_is_looked_at_too(folder: Path):
    file = folder / "net-a.yaml"
    file.write_text(GOOD.replace("NAME", "Net_A") + "    {}\n")
    assert said(file) == [
        "net-a.yaml:3: error: NetworkAttachmentDefinition.metadata.name: expected a name: lower-case letters, "
        "digits, '-' and '.' [definition]"
    ]
    file.write_text(GOOD.replace("NAME", "net-a").replace("config: |", 'confg: "{}"'))
    assert said(file) == [
        "net-a.yaml:5: error: shop/net-a.spec.confg: unknown key [definition]",
        '    did you mean "config"?',
    ]


def test_a_configuration_in_one_line_has_the_line_of_its_key(folder: Path):
    file = folder / "net-a.yaml"
    config = '{"cniVersion": "1.0.0", "type": "multus"}'
    file.write_text(GOOD.replace("NAME", "net-a").replace("|\n", f"'{config}'\n"))
    assert said(file)[0].startswith("net-a.yaml:5: error: shop/net-a: multus is a meta plugin")


def test_definitions_are_compared_with_each_other(folder: Path):
    bridge = '{"cniVersion": "1.0.0", %s"type": "bridge", %s}'
    definition(folder, "a", bridge % ("", IPAM))
    definition(folder, "b", bridge % ("", IPAM.replace("10.1.0.0/24", "10.1.0.128/25")))
    definition(folder, "c", bridge % ('"name": "a", ', IPAM.replace("10.1", "10.2")))
    definition(folder, "d", bridge % ('"name": "other", ', IPAM.replace("10.1", "10.3")))
    definition(folder, "e", bridge % ('"name": "d", ', IPAM.replace("10.1", "10.4")))
    definition(folder, "f", bridge % ('"name": "other", ', IPAM.replace("10.1", "10.3")))
    done = lint("m")
    assert done.stdout.splitlines() == [
        "m/b.yaml:6: warning: shop/b: its addresses 10.1.0.129-10.1.0.254 overlap with 10.1.0.1-10.1.0.254 of "
        "shop/a: both may give out the same [overlapping-ranges]",
        "    keep the ranges apart, or give both definitions one CNI name, if they are one network",
        "m/c.yaml:6: warning: shop/c: its CNI name 'a' is that of shop/a, too: they share addresses and what "
        "else plugins keep by it [same-cni-name]",
        "    give one of them another 'name', or make their plugins the same",
        "m/e.yaml:6: warning: shop/e: its CNI name is 'd', which is the name of shop/d [other-cni-name]",
        "    call it as the definition is called, or leave 'name' out",
        "m/f.yaml:6: note: shop/f: its CNI name 'other' is that of shop/d, too: they share addresses and what "
        "else plugins keep by it [same-cni-name]",
        "3 warnings, 1 note",
    ]
    assert done.exit_code == 0
    assert lint("m", "--strict").exit_code == 1


def test_one_name_twice_and_a_file_that_can_t_be_read(folder: Path):
    text = definition(folder, "a", '{"cniVersion": "1.0.0", "type": "loopback"}').read_text()
    (folder / "b.yaml").write_text(f"{text}---\na: [")
    (folder / "c.yaml").write_text(text)
    assert lint("m").stdout.splitlines() == [
        "m/b.yaml: error: it is not YAML: did not find expected node content (line 9, column 1) [unreadable]",
        "    correct the file",
        "m/c.yaml:1: error: there is a NetworkAttachmentDefinition shop/a at m/a.yaml:1, too [same-name]",
        "    give one of them another name",
        "2 errors",
    ]


PODS = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cart
  namespace: shop
  annotations: {k8s.v1.cni.cncf.io/networks: a}
spec:
  template: {metadata: {}, spec: {containers: []}}
---
apiVersion: v1
kind: Pod
metadata: {name: till, namespace: shop, annotations: {k8s.v1.cni.cncf.io/networks: b}}
spec: {hostNetwork: true}
---
apiVersion: v1
kind: Pod
metadata:
  name: stock
  namespace: shop
  annotations:
    k8s.v1.cni.cncf.io/networks: '[{"name": "a", "mac": "02:00:00:00:00:01"}, {"name": "c"}]'
spec: {containers: []}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: empty, namespace: shop}
spec: {}
"""


def test_pods_beside_definitions_are_looked_at_too(folder: Path):
    definition(folder, "a", '{"cniVersion": "1.0.0", "type": "bridge"}')
    (folder / "b-pods.yaml").write_text(PODS)
    assert lint("m").stdout.splitlines() == [
        "m/b-pods.yaml:6: warning: k8s.v1.cni.cncf.io/networks is on the Deployment and not on its pods, which "
        "get nothing by it [annotation-not-on-pods]",
        "    move it to spec.template.metadata.annotations",
        "m/b-pods.yaml:12: warning: k8s.v1.cni.cncf.io/networks has no effect: hostNetwork is true, and no CNI "
        "plugin is called for such a pod [host-network]",
        "    remove hostNetwork, or the annotation",
        "m/b-pods.yaml:21: error: Pod shop/stock: there is no NetworkAttachmentDefinition shop/c [pod]",
        "    did you mean shop/a?",
        "m/b-pods.yaml:21: warning: Pod shop/stock asks shop/a for 'mac', and no plugin of it declares that "
        "capability: only what reads CNI_ARGS hears of it [capability-undeclared]",
        '    add "capabilities": {"mac": true} to the plugin that is to do it',
        "m/b-pods.yaml:24: error: spec.template is not an object: there is no pod in it [unreadable]",
        "2 errors, 3 warnings",
    ]


def test_programs_read_the_findings_as_json_and_yaml(folder: Path):
    file = definition(folder, "net-a", '{"cniVersion": "1.0.0", "type": "multus"}')
    expected = [
        {
            "severity": "error",
            "rule": "meta-plugin",
            "where": f"{file}:6",
            "message": "shop/net-a: multus is a meta plugin, which calls the plugins of networks and is none itself",
            "remedy": "name the plugin that makes the interface as the configuration's 'type'",
        }
    ]
    assert json.loads(lint(file, "-o", "json").stdout) == expected
    assert yaml.safe_load(lint(file, "-o", "yaml").stdout) == expected
    assert lint(file, "-o", "json").exit_code == 1


def test_stdin_is_a_file(folder: Path):
    text = definition(folder, "net-a", '{"cniVersion": "1.0.0", "type": "multus"}').read_text()
    assert lint("-", stdin=text).stdout.startswith("stdin:6: error: shop/net-a: multus is a meta plugin")


def test_a_name_is_looked_up_in_the_cluster_and_compared_with_its_others(folder: Path):
    for name in ("a", "b"):
        definition(folder, name, f'{{"cniVersion": "1.0.0", "name": "x", "type": "{name}ridge", {IPAM}}}')
    assert lint("shop/b", "--folder", "m").stdout.splitlines() == [
        "m/b.yaml:6: warning: shop/b: its CNI name 'x' is that of shop/a, too: they share addresses and what "
        "else plugins keep by it [same-cni-name]",
        "    give one of them another 'name', or make their plugins the same",
        "1 warning",
    ]
    wrong = lint("shop/c", "--folder", "m")
    assert (wrong.exit_code, wrong.stderr) == (
        1,
        "multinet: there is neither a file shop/c nor a NetworkAttachmentDefinition shop/c (did you mean shop/b?)\n",
    )
    assert lint("--folder", "m", "-n", "till").stdout == "nothing found\n"


def test_without_a_cluster_names_mean_nothing():
    wrong = lint("shop/c")
    assert (wrong.exit_code, wrong.stderr) == (
        1,
        "multinet: no cluster is named: there is no kubeconfig, and this is not a pod"
        " (--kubeconfig names one, or --folder a folder with manifests)\n",
    )


@pytest.mark.kernel
def test_on_a_node_links_and_full_ranges_are_looked_at(folder: Path, tmp_path: Path, node_links: str):
    data = tmp_path / "addresses"
    (data / "full").mkdir(parents=True)
    (data / "full" / "10.1.0.2").write_text("cafe\r\neth1")
    ipam = f'"ipam": {{"type": "host-local", "dataDir": "{data}", "ranges": [[{{"subnet": "10.1.0.0/30"}}]]}}'
    definition(folder, "full", f'{{"cniVersion": "1.0.0", "type": "bridge", {ipam}}}')
    definition(folder, "gone", '{"cniVersion": "1.0.0", "type": "macvlan", "master": "nowhere0"}')
    definition(folder, "late", '{"cniVersion": "1.0.0", "type": "macvlan", "master": "nowhere0.7"}')
    definition(
        folder, "mtu", f'{{"cniVersion": "1.0.0", "type": "macvlan", "master": "{node_links}", "mtu": 9000}}'
    )
    config = tmp_path / "config.yaml"
    config.write_text(f"folder: {tmp_path / 'm'}")
    assert lint("m", "--config", config).stdout.splitlines() == [
        "m/full.yaml:6: warning: shop/full: no address is left in 10.1.0.1-10.1.0.2 on this node: all 1 are "
        "taken [no-room]",
        "    free some (`multinet ipam` shows whose they are), or widen the range",
        'm/gone.yaml:6: error: shop/gone: the master "nowhere0" was not found: Link not found [parent]',
        "    correct the key 'master', or make that link on this node",
        "m/mtu.yaml:6: error: shop/mtu: invalid MTU 9000, must be [0, master MTU(1500)] [parent]",
        f"    the master is {node_links}",
        "2 errors, 1 warning",
    ]


@pytest.mark.cluster
def test_a_real_clusters_definitions(control_plane: ControlPlane, kube_namespace: str):
    kubeobjects.nad(control_plane, kube_namespace, "net-a", {"cniVersion": "1.0.0", "type": "multus"})
    done = lint("--kubeconfig", control_plane.kubeconfig(ADMIN), "-n", kube_namespace)
    where = f"NetworkAttachmentDefinition {kube_namespace}/net-a"
    assert done.stdout.splitlines() == [
        f"{where}: error: {kube_namespace}/net-a: multus is a meta plugin, which calls the plugins of networks and "
        "is none itself [meta-plugin]",
        "    name the plugin that makes the interface as the configuration's 'type'",
        "1 error",
    ]


def test_the_readme_has_every_rule():
    rows = [f"| `{rule}` | {what} |" for rule, what in RULES.items()]
    assert "\n".join(rows) in (ROOT / "README.md").read_text()


def test_every_rule_is_one_that_is_known_and_none_is_without_use():
    used = set()
    for file in (ROOT / "multinet" / "cli").rglob("*.py"):
        if file.name != "rules.py":
            used |= {word for word in re.findall(r'"([a-z-]+)"', file.read_text()) if word in RULES}
    assert used == set(RULES)
