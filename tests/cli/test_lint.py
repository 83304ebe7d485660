"""``multinet lint``: each rule on a definition that breaks it, with the whole of what is said."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from multinet.cli.lint.rules import RULES
from tests.support.lint import GOOD, IPAM, definition, lint
from tests.support.tree import ROOT

pytestmark = pytest.mark.usefixtures("nowhere")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "m"
    made.mkdir()
    monkeypatch.chdir(tmp_path)
    return made


def said(file: Path) -> list[str]:
    """What is found in one file, without the name of its folder and the counts at the end."""
    done = lint(file)
    *lines, summary = done.stdout.splitlines()
    assert re.fullmatch(r"nothing found|(\d+ (error|warning|note)s?(, )?)+", summary)
    assert done.exit_code == int("error" in summary)
    return [line.replace(f"{file.parent}/", "") for line in lines]


def test_what_is_good_has_nothing_said_of_it(folder: Path):
    file = definition(folder, "net-a", f'{{"cniVersion": "1.1.0", "type": "bridge", {IPAM}}}')
    assert lint(file).stdout == "nothing found\n"


def test_our_own_examples_have_nothing_said_of_them():
    examples = sorted((ROOT / "delegates").glob("*/*/example.yaml"))
    assert len(examples) > 15
    for file in examples:
        assert (file, lint(file).stdout) == (file, "nothing found\n")


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
                "    write a cniVersion that the plugin serves: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0",
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


def test_the_readme_has_every_rule():
    rows = [f"| `{rule}` | {what} |" for rule, what in RULES.items()]
    assert "\n".join(rows) in (ROOT / "multinet" / "cli" / "README.md").read_text()


def test_every_rule_is_one_that_is_known_and_none_is_without_use():
    used = set()
    for file in (ROOT / "multinet" / "cli").rglob("*.py"):
        if file.name != "rules.py":
            used |= {word for word in re.findall(r'"([a-z-]+)"', file.read_text()) if word in RULES}
    assert used == set(RULES)


def test_what_the_settings_do_not_allow_is_told_where_it_stands(folder: Path, tmp_path: Path):
    config = tmp_path / "config.yaml"
    config.write_text(
        f"folder: {folder}\nallowedDelegates: [bridge, host-local]\nallowedSysctls: ['net.ipv4.*']\n"
    )
    file = definition(
        folder,
        "net-a",
        '{"cniVersion": "1.1.0", "plugins": [\n'
        '  {"type": "bridge", "ipam": {"type": "host-local", "dataDir": "/etc/cron.d", "subnet": "10.1.0.0/24"}},\n'
        '  {"type": "tuning",\n'
        '   "sysctl": {"net.core.somaxconn": "1"}}\n'
        "]}",
    )
    places = "/var/lib/cni, /run/cni, /var/run/cni, /run/flannel, /var/run/flannel, /etc/resolv.conf, "
    places += "/run/systemd/resolve, /var/run/k8s.cni.cncf.io/devinfo"
    assert [
        line.replace(f"{folder}/", "") for line in lint(file, "--config", config).stdout.splitlines()
    ] == [
        "net-a.yaml:7: error: shop/net-a: '/etc/cron.d' is none of the places that a definition may name "
        "[not-allowed]",
        f"    the setting 'allowedPaths' of the node allows: {places}",
        "net-a.yaml:8: error: shop/net-a: 'tuning' is none of the plugins that definitions of the namespace 'shop' "
        "may run [not-allowed]",
        "    the setting 'allowedDelegates' of the node allows: bridge, host-local",
        "net-a.yaml:9: error: shop/net-a: 'net.core.somaxconn' is none of the kernel parameters that pods and "
        "definitions may set [not-allowed]",
        "    the setting 'allowedSysctls' of the node allows: net.ipv4.*",
        "3 errors",
    ]
