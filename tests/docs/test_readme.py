"""What the README says is true: its commands run, its examples are read, its tables name every key."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from multinet.config import SCHEMA, Settings
from multinet.config.reload import values
from multinet.npwg import nad, selection
from multinet.npwg.annotations import NETWORKS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line.split("#")[0].strip() for line in README.splitlines() if line.startswith("    multinet sandbox ")
]
BIN = Path(sys.executable).parent


def blocks(language: str) -> list[Any]:
    return [yaml.safe_load(text) for kind, text in BLOCKS if kind == language]


def rows(title: str) -> dict[str, str]:
    """The first column's words of a table, with the second column."""
    section = README.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    found = {}
    for line in section.splitlines():
        if line.startswith("| `"):
            first, second = line.split("|")[1:3]
            found |= dict.fromkeys(re.findall(r"`([^`]+)`", first), second.strip())
    return found


def test_the_table_of_settings_has_every_key_of_the_schema_and_no_other() -> None:
    not_ours = {"type", "capabilities", "runtimeConfig", "ipam", "dns", "args"}

    assert set(rows("Configure")) == set(SCHEMA.document["properties"]) - not_ours


def test_the_defaults_in_the_table_are_those_of_the_code() -> None:
    settings = Settings.parse({"clusterNetwork": "x"})
    told = {key: value.strip("`") for key, value in rows("Configure").items() if value.startswith("`")}

    assert told == {
        "confDir": str(settings.conf_dir),
        "stateDir": str(settings.state_dir),
        "multusDir": str(settings.multus_dir),
        "runtimeCacheDir": str(settings.runtime_cache_dir),
        "binDir": settings.bin_dir,
        "deviceInfoDir": str(settings.device_info_dir),
        "namespaceIsolation": json.dumps(settings.namespace_isolation),
        "globalNamespaces": json.dumps(sorted(settings.global_namespaces)),
        "multinetNamespace": settings.multinet_namespace,
        "systemNamespaces": json.dumps(sorted(settings.system_namespaces)),
        "statusForAllPods": json.dumps(settings.status_for_all_pods),
        "disableCheck": json.dumps(settings.disable_check),
        "logLevel": settings.log_level,
    }


def test_the_table_of_the_agents_settings_has_every_key_with_its_default() -> None:
    agent = values(Settings())
    told = rows("Configure the agent")

    assert {f"agent.{key}" for key in told} == {key for key in agent if key.startswith("agent.")}
    for line in README.split("## Configure the agent\n")[1].split("\n## ")[0].splitlines():
        if line.startswith("| `"):
            keys, defaults = (re.findall(r"`([^`]+)`", cell) for cell in line.split("|")[1:3])
            fixed = [agent[f"agent.{key}"] for key in keys if agent[f"agent.{key}"] not in ("", None)]
            assert (
                not fixed or [f"{one:g}" if isinstance(one, float) else str(one) for one in fixed] == defaults
            )


def test_the_table_of_the_annotation_has_every_key() -> None:
    everything = selection.Selection(
        namespace="n",
        name="n",
        interface="i",
        ips=selection.parse('[{"name": "n", "ips": ["10.0.0.1"]}]', home="n")[0].ips,
        mac="02:00:00:00:00:01",
        infiniband_guid="02:00:00:00:00:00:00:01",
        port_mappings=(selection.PortMapping(host_port=1, container_port=1),),
        bandwidth=selection.Bandwidth(),
        device_id="d",
        cni_args={"a": 1},
        default_route=(),
        ipam_claim_reference="c",
    )

    assert set(rows("Ask for networks")) >= set(selection.element(everything))


def test_the_examples_are_read() -> None:
    definition, short, long, agent = blocks("yaml")
    (settings,) = blocks("json")

    assert nad.parse(definition).name == "storage"
    assert [
        one.network for one in selection.parse(short["metadata"]["annotations"][NETWORKS], home="shop")
    ] == [
        "shop/storage",
        "tenants/lan",
    ]
    assert len(selection.parse(long["metadata"]["annotations"][NETWORKS], home="shop")) == 2
    assert Settings.parse(settings["plugins"][0]).folder == Path("/etc/multinet/cluster")
    assert Settings.parse(agent, primary_is_found=True).agent.kubeconfig == Path("/etc/multinet/kubeconfig")


@pytest.mark.kernel
def test_the_commands_of_the_sandbox_run_in_the_order_they_stand(tmp_path: Path) -> None:
    assert COMMANDS[0].startswith("multinet sandbox up")
    assert COMMANDS[-1] == "multinet sandbox down"
    own = ["--node", "readme", "--state", str(tmp_path)]
    try:
        for command in [*COMMANDS[:-1], "multinet sandbox status"]:
            _, sandbox, verb, *words = shlex.split(command)
            done = subprocess.run(
                [BIN / "multinet", sandbox, verb, *own, *words], capture_output=True, text=True, cwd=ROOT
            )
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    finally:
        down = subprocess.run([BIN / "multinet", "sandbox", "down", *own], capture_output=True, text=True)
    assert down.returncode == 0, down.stdout + down.stderr
