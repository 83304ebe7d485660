"""Which configuration the runtime is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from multinet.cli.sandbox import settings
from multinet.cli.sandbox.ledger import Ledger
from multinet.config import Settings
from multinet.errors import InvalidConfig

Write = Callable[[str, str], Path]

LIST = "cniVersion: 1.1.0\nname: mine\nplugins: [{type: multinet, clusterNetwork: pods}]"


def test_without_a_file_the_built_in_one_is_used_and_is_one_that_multinet_takes(
    write: Write, tmp_path: Path
) -> None:
    chosen = settings.choose(None, [write("pods.yaml", "")])
    assert chosen is settings.BUILT_IN
    (plugin,) = settings.place(chosen, Ledger(tmp_path, "node"))["plugins"]
    read = Settings.parse({**plugin, "name": chosen["name"], "cniVersion": chosen["cniVersion"]})
    assert (read.folder, read.conf_dir) == (tmp_path / "node/cluster", tmp_path / "node/net.d")
    assert read.delegates[0]["name"] == "pods"


def test_the_file_beside_the_manifests_is_used(write: Write) -> None:
    write("multinet.conf", LIST)
    assert settings.choose(None, [write("pods.yaml", "")]) == {
        "cniVersion": "1.1.0",
        "name": "mine",
        "plugins": [{"type": "multinet", "clusterNetwork": "pods"}],
    }


def test_the_one_that_is_named_comes_first_and_may_be_a_single_plugins(write: Write) -> None:
    write("multinet.conf", LIST)
    named = write("other.json", '{"cniVersion": "1.0.0", "name": "other", "type": "multinet"}')
    assert settings.choose(named, [named.parent])["name"] == "other"


def test_two_files_of_which_each_may_be_meant_are_refused(write: Write) -> None:
    one, two = write("a/multinet.conf", LIST), write("b/multinet.conf", LIST)
    with pytest.raises(InvalidConfig) as refused:
        settings.choose(None, [one.parent, two.parent])
    assert str(refused.value) == f"each of {one}, {two} may be meant (choose one by --config)"


def test_other_plugins_have_no_place_beside_multinet(write: Write) -> None:
    file = write("chain.conf", "cniVersion: 1.1.0\nname: x\nplugins: [{type: multinet}, {type: portmap}]")
    with pytest.raises(InvalidConfig) as refused:
        settings.read(file)
    assert str(refused.value) == (
        f"{file}: the plugins are multinet, portmap; the sandbox runs multinet, and it alone"
        " (plugins that are to come after it belong into the cluster network's own list)"
    )


def test_the_sandbox_says_where_things_are(write: Write, tmp_path: Path) -> None:
    own = "cniVersion: 1.1.0\nname: x\nplugins: [{type: multinet, stateDir: /var/x, folder: /y, binDir: /z}]"
    (plugin,) = settings.place(settings.read(write("x.conf", own)), Ledger(tmp_path, "node"))["plugins"]
    assert plugin == {
        "type": "multinet",
        "binDir": "/z",
        "folder": f"{tmp_path}/node/cluster",
        "confDir": f"{tmp_path}/node/net.d",
        "deviceInfoDir": f"{tmp_path}/node/devinfo",
    }
