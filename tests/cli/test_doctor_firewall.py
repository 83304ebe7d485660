"""``multinet doctor`` on a node whose firewall is firewalld's."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from multinet.cli.checks import firewall
from multinet.cli.checks.patient import Patient
from multinet.config import Settings
from multinet.view.journal import Journal
from tests.cli.settings_of_a_node import NodeFiles

pytestmark = pytest.mark.kernel

TABLE = "table inet firewalld { chain filter_FORWARD { type filter hook forward priority filter + 10; }; }"
MEND = "kubectl apply -k OVERLAY  # with deploy/components/firewalld among its components"


@pytest.fixture
def node(tmp_path: Path) -> NodeFiles:
    made = NodeFiles(folder=tmp_path)
    made.write()
    return made


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where D-Bus would be."""
    monkeypatch.setattr(firewall, "BUS", tmp_path / "bus")
    monkeypatch.delenv(firewall.ELSEWHERE, raising=False)
    return tmp_path / "bus"


@pytest.fixture
def firewalld() -> Iterator[None]:
    """Its table, as it makes it."""
    subprocess.run(["nft", TABLE], check=True)
    yield
    subprocess.run(["nft", "delete table inet firewalld"], check=True)


def told(node: NodeFiles) -> list[tuple[str, str, str]]:
    settings = Settings.load(node.config)
    there = Patient(config=node.config, settings=settings, journal=Journal.read(settings.state_dir))
    return [(one.state.value, one.says, one.mend) for one in firewall.look(there)]


def test_a_node_without_firewalld_has_nothing_to_be_told(node: NodeFiles, bus: Path):
    assert told(node) == []


@pytest.mark.usefixtures("firewalld")
def test_firewalld_without_its_bus_is_a_warning_and_wrong_where_a_network_has_the_plugin(
    node: NodeFiles, bus: Path
):
    says = f"firewalld is this node's firewall, and can't be told of pods: there is no {bus}"
    assert told(node) == [("warning", says, MEND)]

    conflist = node.conf_dir / "10-pods.conflist"
    replaced = conflist.read_text().replace('"plugins": [', '"plugins": [{"type": "firewall"}, ')
    assert replaced != conflist.read_text()
    conflist.write_text(replaced)
    assert told(node) == [("wrong", says, MEND)]


@pytest.mark.usefixtures("firewalld")
def test_firewalld_with_its_bus_is_well(node: NodeFiles, bus: Path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(bus))
        assert told(node) == [("ok", "firewalld is this node's firewall, and D-Bus is here", "")]


@pytest.mark.usefixtures("firewalld")
def test_a_bus_that_is_named_is_believed(node: NodeFiles, bus: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(firewall.ELSEWHERE, "unix:path=/somewhere")
    assert [state for state, _, _ in told(node)] == ["ok"]
