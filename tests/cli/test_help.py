"""The command line as such: quick help, our errors as sentences."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from multinet import __version__
from multinet.cli import main
from tests.cli.settings_of_a_node import NodeFiles

HEAVY = {"pyroute2", "kubernetes", "jsonschema", "rich", "yaml", "structlog", "multinet.kernel"}


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("events",),
        ("explain",),
        ("lint",),
        ("migrate",),
        ("record",),
        ("replay",),
        ("trace",),
        ("sandbox",),
        ("sandbox", "up"),
        ("sandbox", "graph"),
    ],
)
def test_help_imports_nothing_that_takes_long(command: tuple[str, ...]) -> None:
    """In a process of its own: this one has everything already."""
    script = (
        "import sys; from multinet.cli import main\n"
        f"try: main({[*command, '--help']!r})\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: ")
    assert not HEAVY & set(done.stderr.split())


@pytest.mark.kernel
@pytest.mark.parametrize("command", [["ls"], ["ls", "networks"], ["show", "shop/web-0"]])
def test_who_looks_at_a_node_loads_nothing_that_only_agents_and_clusters_need(
    command: list[str], tmp_path: Path
) -> None:
    node = NodeFiles(folder=tmp_path)
    node.write()
    node.record("shop/web-0", "container-1", "/run/netns/gone")
    script = (
        "import sys; from multinet.cli import main\n"
        f"try: main({[*command, '--config', str(node.config)]!r})\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "pods" in done.stdout
    assert not {"structlog", "rich", "kubernetes", "asyncio", "ssl"} & set(done.stderr.split())


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"multinet {__version__}\n"


def test_an_error_of_ours_is_a_sentence_with_what_to_do_next(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["sandbox", "show", "web-0", "--state", str(tmp_path)])
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"multinet: there is no node multinet-node in {tmp_path} (make one by `multinet sandbox up DIR`)\n"
    )


def test_a_node_has_a_name_that_a_namespace_may_have(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["sandbox", "ls", "--node", "../etc", "--state", str(tmp_path)])
    assert done.exit_code == 2
    assert done.stderr.endswith(
        "Error: Invalid value for '--node': expected a name: lower-case letters, digits and '-'\n"
    )


def test_without_any_node_there_is_nothing_to_list(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    assert CliRunner().invoke(main, ["sandbox", "ls", "--state", nowhere]).stdout == "no pods\n"
    assert (
        CliRunner().invoke(main, ["sandbox", "ls", "--output", "json", "--state", nowhere]).stdout == "[]\n"
    )


def test_taking_down_what_was_never_up_is_no_mistake(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["sandbox", "down", "--state", str(tmp_path / "nowhere")])
    assert (done.exit_code, done.output) == (0, "node multinet-node is not there\n")
    assert list(tmp_path.iterdir()) == []
