"""The cluster's own network is found as the runtime would find it, or where the settings say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from multinet.errors import InvalidConfig, NotAvailable, TryAgain
from multinet.folder.configurations import ConfigurationFiles
from tests.daemon.primary.conftest import Logged, Open
from tests.daemon.primary.runtime import ANNOTATIONS, OURS, Folder, conflist, read


def test_the_first_file_by_name_is_taken_whatever_its_kind(folder: Folder, make: Open) -> None:
    folder.write("30-c.conflist", conflist("c"))
    folder.write("20-b.json", '{"cniVersion": "1.0.0", "name": "b", "type": "ptp"}')
    folder.write("10-a.conf", '{"cniVersion": "0.4.0", "name": "a", "type": "bridge"}')
    primary = make()

    assert primary.path == folder.path / "10-a.conf"
    assert primary.current().to_dict() == {
        "cniVersion": "0.4.0",
        "name": "a",
        "plugins": [{"cniVersion": "0.4.0", "name": "a", "type": "bridge"}],
    }
    assert (primary.problem, primary.missing) == ("", "")


def test_what_others_renamed_away_and_folders_are_not_taken(folder: Folder, make: Open) -> None:
    for name in ("05-x.conflist.cilium_bak", "06-x.conf.multus_bak", "07-x.conflist.old", "08-x.conf.tmp"):
        folder.write(name, conflist("gone"))
    (folder.path / "09-folder.conf").mkdir()
    folder.write("10-a.conflist", conflist("a"))

    assert make().current().name == "a"


@pytest.mark.parametrize("type_", ["multus", "multus-shim", "multus-cni", "multinet", "danm", "genie"])
def test_another_meta_plugins_file_is_passed_over_which_is_said_once(
    folder: Folder, make: Open, logged: Logged, type_: str
) -> None:
    folder.write("00-multus.conf", json.dumps({"name": "m", "type": type_, "delegates": [{"type": "ptp"}]}))
    folder.write("05-chain.conflist", conflist("chained", "ptp", type_))
    folder.write("10-a.conflist", conflist("a"))
    primary = make()
    primary.poll()

    assert primary.current().name == "a"
    assert [line for line in logged() if "passed over" in line["event"]] == [
        {
            "event": "files of other meta plugins are passed over",
            "files": ["00-multus.conf", "05-chain.conflist"],
            "level": "info",
        }
    ]


def test_multuss_own_file_may_be_empty(folder: Folder, make: Open) -> None:
    folder.write("00-multus.conf", "")
    folder.write("10-a.conflist", conflist("a"))

    assert make().current().name == "a"


def test_ours_is_never_taken_by_any_of_its_names(folder: Folder, make: Open) -> None:
    folder.write("00-multinet.conf", conflist("old"))
    folder.write("00-multinet-2.conflist", conflist("old"))
    folder.write("01-ours.conflist", conflist("ours"))
    folder.write("10-a.conflist", conflist("a"))

    assert make(agent={"conflistName": "01-ours.conflist"}).current().name == "a"


def test_a_pinned_file_is_the_only_one_that_counts(folder: Folder, make: Open) -> None:
    folder.write("10-a.conflist", conflist("a"))
    primary = make(agent={"primary": "20-b.conflist"})
    assert primary.missing == f"{folder.path}/20-b.conflist is not there, and the settings name it"

    folder.write("20-b.conflist", conflist("b", "multus"))
    primary.poll()
    assert primary.missing == f"{folder.path}/20-b.conflist is a meta plugin's, and the settings name it"

    folder.write("20-b.conflist", conflist("b"))
    primary.poll()
    assert primary.current().name == "b"


def test_it_is_looked_for_in_a_folder_of_its_own_when_there_is_one(
    folder: Folder, make: Open, tmp_path: Path
) -> None:
    folder.write("10-a.conflist", conflist("a"))
    Folder(tmp_path / "run").write("10-ovn.conf", conflist("ovn"))
    primary = make(agent={"primaryDir": str(tmp_path / "run")})
    primary.serve()

    assert primary.current().name == "ovn"
    assert folder.names() == [OURS, "10-a.conflist"]


def test_plugins_of_the_folder_of_its_name_are_added(folder: Folder, make: Open) -> None:
    folder.write("10-a.conflist", conflist("a"))
    folder.write("a/20-tuning.conf", '{"type": "tuning"}')
    folder.write("a/10-sbr.conf", '{"type": "sbr"}')
    folder.write("a/notes.txt", "nothing")
    primary = make()
    assert [plugin["type"] for plugin in primary.current().plugins] == ["ptp", "sbr", "tuning"]

    folder.remove("a/10-sbr.conf")
    primary.poll()
    assert [plugin["type"] for plugin in primary.current().plugins] == ["ptp", "tuning"]

    folder.write("10-a.conflist", conflist("a", loadOnlyInlinedPlugins=True))
    primary.poll()
    assert [plugin["type"] for plugin in primary.current().plugins] == ["ptp"]


def test_while_there_is_none_the_reason_is_told_and_an_add_is_to_be_tried_again(
    folder: Folder, make: Open, told: list[str], tmp_path: Path
) -> None:
    primary = make()
    why = f"no configuration of the cluster's own network is in {folder.path}"

    assert (primary.problem, primary.missing, primary.path, told) == (why, why, None, [why])
    with pytest.raises(NotAvailable) as refused:
        primary.current()
    assert str(refused.value) == f"{why} (look at the pods of the cluster's own network on this node)"
    with pytest.raises(TryAgain) as again:
        ConfigurationFiles(tmp_path, primary).primary()
    assert str(again.value) == str(refused.value)
    with pytest.raises(InvalidConfig) as nobody_looks:
        ConfigurationFiles(tmp_path).primary()
    assert str(nobody_looks.value) == "no first network is named (set 'clusterNetwork' or 'delegates')"


def test_a_folder_that_is_not_there_yet_is_an_empty_one(folder: Folder, make: Open) -> None:
    folder.path.rmdir()
    primary = make()
    assert primary.missing.startswith("no configuration")

    folder.write("10-a.conflist", conflist("a"))
    primary.poll()
    primary.serve()
    assert folder.ours()["name"] == "multinet"


def test_what_the_settings_hold_is_not_looked_for(folder: Folder, make: Open) -> None:
    folder.write("10-a.conflist", conflist("a"))
    inline = {"name": "mine", "type": "bridge", "capabilities": {"ips": True, "mac": False}}
    primary = make(delegates=[inline])
    primary.serve()

    assert (primary.current().name, primary.path) == ("mine", None)
    assert folder.ours()["plugins"][0]["capabilities"] == {"ips": True, ANNOTATIONS: True}


def test_a_definition_is_somebody_elses_to_look_up(folder: Folder, make: Open) -> None:
    primary = make(clusterNetwork="pods")
    primary.serve()

    assert (primary.missing, primary.problem) == ("", "")
    assert folder.ours()["plugins"][0]["capabilities"] == {
        "bandwidth": True,
        "dns": True,
        "portMappings": True,
        ANNOTATIONS: True,
    }


def test_a_path_is_followed_like_the_runtimes_own_folder(folder: Folder, make: Open, tmp_path: Path) -> None:
    elsewhere = Folder(tmp_path / "elsewhere")
    folder.write("10-a.conflist", conflist("a"))
    path = elsewhere.write("pods.txt", conflist("pods"))
    primary = make(clusterNetwork=str(path))
    assert primary.current().name == "pods"

    elsewhere.write("pods.txt", conflist("more"))
    primary.poll()
    assert primary.current().name == "more"
    assert make(clusterNetwork=str(folder.path)).current().name == "a"


def test_new_settings_are_taken_over(folder: Folder, make: Open, tmp_path: Path) -> None:
    folder.write("10-a.conflist", conflist("a"))
    folder.write("20-b.conflist", conflist("b"))
    primary = make()
    primary.serve()

    primary.renew(read(folder, tmp_path, {"primary": "20-b.conflist", "cniVersion": "0.4.0"}))
    assert primary.current().name == "b"
    assert (folder.ours()["cniVersion"], "cniVersions" in folder.ours()) == ("0.4.0", False)
    primary.renew(read(folder, tmp_path, {"primary": "30-c.conflist"}))
    assert primary.current().name == "b"
    assert primary.problem == (
        f"{folder.path}/30-c.conflist is not there, and the settings name it; "
        f"{folder.path}/20-b.conflist is used as it was"
    )
