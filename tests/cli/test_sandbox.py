"""Pods of a sandbox on the real kernel: up, looked at, used, down."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Commands
from tests.support.world import Traces

pytestmark = pytest.mark.kernel

Write = Callable[[str, str], Path]

DEMO = Path(__file__).parents[2] / "crds/examples/demo"

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, annotations: {{k8s.v1.cni.cncf.io/networks: "{networks}"}}}}
---
"""
DEFINITION = """
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {{name: {name}}}
spec: {{config: '{{"cniVersion": "1.1.0", "type": "{type}"}}'}}
---
"""
SEGMENT = DEFINITION.format(name="segment", type="bridge")


def definition(type_: str) -> str:
    return DEFINITION.format(name=type_, type=type_)


def pod(name: str, networks: str = "") -> str:
    return POD.format(name=name, networks=networks)


def test_the_demo_comes_up_and_its_networks_carry_traffic(sandbox: Commands) -> None:
    assert sandbox.lines("up", DEMO) == [
        "default/web-0 is up, 10.244.0.2/16",
        "default/web-1 is up, 10.244.0.3/16",
    ]
    web = sandbox.namespace("default.web-0")
    for interface, other in (("eth0", "10.244.0.3"), ("storage", "10.10.0.11"), ("net2", "192.0.2.101")):
        web.run("ping", "-c1", "-W5", "-I", interface, other)
    sandbox.namespace("lan").run("ping", "-c1", "-W5", "192.0.2.100")
    assert sandbox.lines("check") == ["default/web-0 is as it was made", "default/web-1 is as it was made"]


def test_ls_and_show_tell_what_the_kernel_has_and_whose_it_is(sandbox: Commands) -> None:
    sandbox("up", DEMO)
    first, second = sandbox.json("ls")
    assert first == sandbox.json("show", "web-0")
    assert (second["name"], second["phase"], second["node"]) == ("web-1", "up", sandbox.node)
    assert first["netns"] == sandbox.namespace("default.web-0").path
    links = {link["ifname"]: link for link in sandbox.namespace("default.web-0").json("ip", "-j", "link")}
    told = {interface["name"]: interface for interface in first["interfaces"]}
    assert {name: (link["address"], link["mtu"]) for name, link in links.items()} == {
        name: (interface["mac"], interface["mtu"]) for name, interface in told.items()
    }
    host = {
        link["ifname"]
        for link in sandbox.namespace().json("ip", "-j", "link", "show", "master", "br-storage")
    }
    assert told["storage"].pop("host") in host
    assert [address for address in told["storage"].pop("addresses") if ":" not in address] == [
        "10.10.0.10/24"
    ]
    assert told["storage"] == {
        "name": "storage",
        "kind": "veth",
        "mac": "02:00:0a:0a:00:0a",
        "mtu": 9000,
        "up": True,
        "bridge": "br-storage",
        "network": "default/storage",
        "plugins": ["bridge"],
        "default": False,
    }
    assert (told["net2"]["host"], told["net2"]["bridge"], told["net2"]["plugins"]) == (
        "eth0",
        "",
        ["macvlan"],
    )
    assert (told["lo"]["network"], told["lo"]["up"]) == ("", True)
    assert first["routes"][0] == {
        "dst": "default",
        "gateway": "10.244.0.1",
        "interface": "eth0",
        "source": "",
        "metric": 0,
        "table": 254,
        "mtu": 0,
    }
    assert [(entry["name"], entry["interface"], entry["ips"]) for entry in first["networkStatus"]] == [
        ("pods", "eth0", ["10.244.0.2"]),
        ("default/storage", "storage", ["10.10.0.10"]),
        ("default/lan", "net2", ["192.0.2.100"]),
    ]


def test_the_tables_say_the_same(sandbox: Commands) -> None:
    sandbox("up", DEMO)
    (first, _) = sandbox.json("ls")
    macs = {interface["name"]: interface["mac"] for interface in first["interfaces"]}
    table = [re.split(r"  +", line.strip()) for line in sandbox.lines("ls")[:4]]
    assert table == [
        ["NODE", "POD", "STATE", "INTERFACE", "NETWORK", "ADDRESSES", "MAC"],
        [sandbox.node, "default/web-0", "up", "eth0", "pods (default)", "10.244.0.2/16", macs["eth0"]],
        ["storage", "default/storage", "10.10.0.10/24", macs["storage"]],
        ["net2", "default/lan", "192.0.2.100/24", macs["net2"]],
    ]
    page = sandbox("show", "default/web-0").stdout
    assert f"container  {first['containerID']}\n" in page
    (host,) = [interface["host"] for interface in first["interfaces"] if interface["name"] == "storage"]
    assert re.search(r"^storage +veth +up +9000 +02:00:0a:0a:00:0a +10\.10\.0\.10/24 *$", page, re.MULTILINE)
    assert re.search(rf"^storage +default/storage +bridge +{host} on br-storage *$", page, re.MULTILINE)
    assert re.search(r"^default +10\.244\.0\.1 +eth0 +main *$", page, re.MULTILINE)


def test_a_program_runs_in_the_pods_namespace_and_its_status_is_ours(sandbox: Commands) -> None:
    sandbox("up", DEMO)

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        start = [sys.executable, "-c", "from multinet.cli import main; main()", "sandbox", "exec"]
        own = ["--state", str(sandbox.state), "--node", sandbox.node]
        return subprocess.run([*start, *own, "web-1", "--", *command], capture_output=True, text=True)

    listed = run("ip", "-j", "addr", "show", "dev", "storage")
    assert json.loads(listed.stdout)[0]["addr_info"][0]["local"] == "10.10.0.11"
    assert run("ls", "/sys/class/net").stdout.split() == ["eth0", "lo", "net2", "storage"]
    assert run("sh", "-c", "exit 7").returncode == 7
    assert (
        run("no-such-program").stderr
        == "multinet: could not run no-such-program: No such file or directory\n"
    )


def test_down_leaves_nothing_and_may_be_repeated(sandbox: Commands, tmp_path: Path) -> None:
    before = Traces.now(), sorted(tmp_path.iterdir())
    sandbox("up", DEMO)
    assert Traces.now().since(before[0]) != []
    assert sandbox.lines("down") == [
        "default/web-1 is down",
        "default/web-0 is down",
        f"node {sandbox.node} is down",
    ]
    assert (Traces.now().since(before[0]), sorted(tmp_path.iterdir())) == ([], before[1])
    assert sandbox.lines("down") == [f"node {sandbox.node} is not there"]
    assert not Path("/var/lib/cni/networks/pods").exists()


def test_one_pod_may_go_and_come_again(sandbox: Commands) -> None:
    sandbox("up", DEMO)
    assert sandbox.lines("down", "web-0", "web-9") == ["default/web-0 is down"]
    assert [one["name"] for one in sandbox.json("ls")] == ["web-1"]
    assert sandbox.lines("up", DEMO) == ["default/web-0 is up, 10.244.0.4/16", "default/web-1 is up already"]


def test_when_one_pod_fails_it_is_told_as_a_runtime_would_and_the_others_come_up(
    sandbox: Commands, write: Write
) -> None:
    file = write("pods.yaml", pod("good") + pod("bad", "nowhere") + pod("late"))
    done = sandbox("up", file, fails=1)
    assert done.stdout.splitlines() == [
        "default/good is up, 10.244.0.2/16",
        "default/late is up, 10.244.0.3/16",
    ]
    assert done.stderr == (
        'default/bad: plugin type="multinet" failed (add): there is no NetworkAttachmentDefinition default/nowhere;'
        " create it, or correct what an annotation of the pod says\n"
    )
    assert [one["name"] for one in sandbox.json("ls")] == ["good", "late"]
    assert not Path(sandbox.namespace("default.bad").path).exists()


def test_nothing_comes_up_when_the_files_are_wrong(sandbox: Commands, write: Write, tmp_path: Path) -> None:
    write("a.yaml", pod("one"))
    file = write("b.yaml", "kind: Pod\nmetadata: {name: '-'}")
    done = sandbox("up", file.parent, fails=1)
    assert done.stderr == (
        f"multinet: {file}: a Pod named default/-: expected a name: lower-case letters, digits, '-' and '.'\n"
    )
    empty = write("empty/none.yaml", SEGMENT)
    assert sandbox("up", empty, fails=1).stderr == f"multinet: there is no Pod in {empty}\n"
    assert not sandbox.state.exists()


@pytest.mark.parametrize("then", ["up", "down"])
def test_what_a_crash_left_is_cleared(sandbox: Commands, write: Write, tmp_path: Path, then: str) -> None:
    """The third network's plugin kills multinet and the sandbox the first time that it is called."""
    died = tmp_path / "died"
    killer = write(
        "bin/killer",
        f"""#!/bin/sh
        [ $CNI_COMMAND = DEL ] && exit
        [ -e {died} ] && echo '{{"cniVersion": "1.1.0"}}' && exit
        touch {died}
        kill -9 $(cut -d' ' -f4 /proc/$PPID/stat) $PPID
        """,
    )
    killer.chmod(0o755)
    file = write("pods.yaml", SEGMENT + definition("killer") + pod("web", "segment, killer"))
    up = ["up", "--state", sandbox.state, "--node", sandbox.node, "--cni-path", killer.parent, file]
    start = [sys.executable, "-c", "from multinet.cli import main; main()", "sandbox"]
    assert subprocess.run([*start, *up]).returncode == -9
    (left,) = sandbox.json("ls")
    assert (left["phase"], [one["name"] for one in left["interfaces"]]) == ("begun", ["lo", "eth0", "net1"])
    if then == "up":
        assert sandbox.lines("up", "--cni-path", killer.parent, file) == ["default/web is up, 10.244.0.3/16"]
    else:
        assert sandbox.lines("down") == ["default/web is down", f"node {sandbox.node} is down"]
        assert not sandbox.state.exists()


def test_a_node_that_is_gone_is_made_anew(sandbox: Commands, write: Write) -> None:
    file = write("pods.yaml", pod("web"))
    sandbox("up", file)
    for name in ("", "lan", "default.web"):
        subprocess.run(["ip", "netns", "delete", sandbox.namespace(name).name], check=True)
    assert sandbox.json("ls")[0]["phase"] == "gone"
    assert sandbox.lines("up", file) == ["default/web is up, 10.244.0.2/16"]
    subprocess.run(["ip", "netns", "delete", sandbox.namespace().name], check=True)
    assert sandbox.lines("down") == ["default/web is down", f"node {sandbox.node} is down"]


def test_a_namespace_of_somebody_else_is_not_taken_for_the_node(sandbox: Commands, write: Write) -> None:
    subprocess.run(["ip", "netns", "add", sandbox.node], check=True)
    try:
        done = sandbox("up", write("pods.yaml", pod("web")), fails=1)
    finally:
        subprocess.run(["ip", "netns", "delete", sandbox.node], check=True)
    assert done.stderr == (
        f"multinet: there is a network namespace {sandbox.node} that is not of this sandbox"
        f" (choose another --node, or remove it by `ip netns delete {sandbox.node}`)\n"
    )
    assert not sandbox.state.exists()


def printed(plugin: str) -> str:
    return f"what it printed stands in the agent's log; look at {plugin}'s own log, too"


def test_what_can_not_be_removed_is_told_and_stays_until_it_is_forced(
    sandbox: Commands, write: Write
) -> None:
    plugin = write(
        "bin/stubborn", '#!/bin/sh\n[ "$CNI_COMMAND" = ADD ] && echo \'{"cniVersion": "1.1.0"}\'\n'
    )
    plugin.chmod(0o755)
    sandbox(
        "up", write("pods.yaml", definition("stubborn") + pod("web", "stubborn")), "--cni-path", plugin.parent
    )
    done = sandbox("down", fails=1)
    refused = 'plugin type="multinet" failed (delete): default/stubborn[stubborn]: stubborn failed'
    assert done.stderr == (
        f"default/web: {refused} without an error message (exit status 1); {printed('stubborn')}\n"
        f"node {sandbox.node}: stays, for default/web; try again, or use --force\n"
    )
    forced = sandbox("down", "--force", fails=1)
    assert forced.stdout.splitlines() == [
        "default/web is forgotten: what its DEL left is left",
        f"node {sandbox.node} is down",
    ]
    assert not sandbox.state.exists()


def test_what_can_not_be_cleared_after_a_failure_is_told_and_down_tries_again(
    sandbox: Commands, write: Write, tmp_path: Path
) -> None:
    well = tmp_path / "well"
    broken = write("bin/broken", f"#!/bin/sh\n[ -e {well} ]\n")
    broken.chmod(0o755)
    file = write("pods.yaml", definition("broken") + pod("web", "broken"))
    done = sandbox("up", file, "--cni-path", broken.parent, fails=1)
    why = "default/broken[broken]: broken failed without an error message (exit status 1)"
    undoing, mend = (
        "could not run broken DEL: broken failed without an error message (exit status 1)",
        printed("broken"),
    )
    assert done.stderr.splitlines() == [
        f'default/web: plugin type="multinet" failed (add): {why}; {mend}',
        f"while undoing: {undoing} ({mend})",
        f'while clearing up: plugin type="multinet" failed (delete): {why}; {mend}',
    ]
    assert sandbox.json("ls")[0]["phase"] == "begun"
    well.touch()
    assert sandbox.lines("down") == ["default/web is down", f"node {sandbox.node} is down"]


def test_a_damaged_record_is_left_for_del_to_find(sandbox: Commands, write: Write) -> None:
    """Looking must not put it aside: then DEL would think that there is nothing to do."""
    sandbox("up", write("pods.yaml", pod("web")))
    (record,) = (sandbox.state / sandbox.node / "cni/multinet/sandboxes").iterdir()
    record.write_text("{}")
    assert [one["network"] for one in sandbox.json("show", "web")["interfaces"]] == ["", ""]
    assert record.exists()
    assert sandbox.lines("down", "web") == ["default/web is down"]
    assert not (sandbox.state / sandbox.node / "cni/networks/pods/10.244.0.2").exists()


def test_the_picture_is_written_where_it_is_wanted(sandbox: Commands, write: Write, tmp_path: Path) -> None:
    sandbox("up", write("pods.yaml", pod("web")))
    assert sandbox("graph", "--file", tmp_path / "node.svg").output == ""
    assert (tmp_path / "node.svg").read_text() == sandbox("graph", "--output", "svg").stdout
    document = json.loads(sandbox("graph", "--output", "json").stdout)
    assert [link["name"] for link in document["links"]][:2] == ["lo", "eth0"]
    assert document["pods"] == sandbox.json("ls")


def test_a_program_that_outlives_its_pod_is_told(sandbox: Commands, write: Write) -> None:
    sandbox("up", write("pods.yaml", pod("web")))
    command = sandbox.namespace("default.web").command("sleep", "60")
    with subprocess.Popen(command) as sleeper:
        try:
            words = f"default/web its namespace lives until these end: {sleeper.pid} sleep"
            while not os.readlink(f"/proc/{sleeper.pid}/exe").endswith("sleep"):
                os.sched_yield()
            assert words in sandbox.lines("down")
        finally:
            sleeper.kill()


def test_status_and_gc_ask_the_plugin(sandbox: Commands, write: Write) -> None:
    sandbox("up", write("pods.yaml", pod("web")))
    assert sandbox.lines("status") == ["ready"]
    leaked = sandbox.state / sandbox.node / "cni/networks/pods/10.244.0.77"
    leaked.write_text("somebody\r\neth0")
    assert sandbox.lines("gc") == []
    assert not leaked.exists()
    assert (leaked.parent / "10.244.0.2").exists()


def test_check_tells_what_was_changed(sandbox: Commands, write: Write) -> None:
    sandbox("up", write("pods.yaml", pod("web")))
    sandbox.namespace("default.web").ip("addr", "flush", "dev", "eth0", "scope", "global")
    done = sandbox("check", fails=1)
    assert done.stderr.startswith('default/web: plugin type="multinet" failed (check): pods[bridge]: ')


def test_what_the_plugin_logs_is_shown_when_asked_for(sandbox: Commands, write: Write) -> None:
    line = json.loads(sandbox("up", write("pods.yaml", pod("web")), "--verbose").stderr)
    assert (line["event"], line["verb"], line["pod"]) == ("verb done", "ADD", "default/web")
    assert line["networks"] == ["pods"]


def test_a_pod_on_the_nodes_network_gets_none(sandbox: Commands, write: Write) -> None:
    file = write("pods.yaml", "kind: Pod\nmetadata: {name: proxy}\nspec: {hostNetwork: true}")
    assert sandbox.lines("up", file) == ["default/proxy uses the node's network: nothing to do"]
    assert sandbox.lines("ls") == ["no pods"]


def test_the_namespace_of_the_command_can_be_the_node(sandbox: Commands, write: Write, host: object) -> None:
    """In a world of the test's own, so that its bridge goes with it."""
    file = write("pods.yaml", pod("web"))
    start = [sys.executable, "-c", "from multinet.cli import main; main()", "sandbox"]
    own = ["--state", str(sandbox.state), "--node", sandbox.node]
    script = " && ".join(
        " ".join([*start[:2], f"'{start[2]}'", "sandbox", command, *own])
        for command in (f"up --here {file}", "graph", "down")
    )
    done = subprocess.run(
        ["unshare", "--net", "sh", "-ec", f"{script}; ip -br link"], capture_output=True, text=True
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "default/web is up, 10.244.0.2/16"
    assert lines[2].startswith("├── mn0  bridge  10.244.0.1/16  (pods)") or lines[2].startswith(
        "└── mn0  bridge"
    )
    assert f"node {sandbox.node} is down" in lines
    assert [line.split()[0] for line in lines[-2:]] == ["lo", "mn0"]
