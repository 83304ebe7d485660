"""A network's configuration, and the requests that its plugins get."""

from __future__ import annotations

import json
from typing import Any

import pytest

from multinet.cni.netconf import NetConfList
from multinet.cni.types import Address, Result
from multinet.errors import DecodingFailure, InvalidConfig, MultinetError
from tests.cni.values import cidr

PREFIX = "error parsing configuration list: "
RESULT = Result(ips=(Address(address=cidr("10.1.2.3/24")),))


def network(**members: Any) -> NetConfList:
    whole = {"cniVersion": "1.0.0", "name": "net", "plugins": [{"type": "bridge"}]} | members
    return NetConfList.parse(json.dumps({key: value for key, value in whole.items() if value is not ...}))


def request(plugin: dict[str, Any], **given: Any) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(network(plugins=[plugin]).plugin_request(0, **given).encode())
    return said


# --- lists


def test_a_list_is_read():
    found = network(plugins=[{"type": "bridge", "mtu": 1400}, {"type": "tuning"}], disableCheck=True)
    assert (found.name, found.version) == ("net", "1.0.0")
    assert found.plugins == ({"type": "bridge", "mtu": 1400}, {"type": "tuning"})
    assert (found.disable_check, found.disable_gc, found.load_only_inlined) == (True, False, False)


def test_a_single_plugin_is_a_list_of_one():
    found = NetConfList.parse(b'{"type": "macvlan", "name": "net", "cniVersion": "0.3.1", "master": "eth0"}')
    assert (found.name, found.version) == ("net", "0.3.1")
    assert found.plugins == ({"type": "macvlan", "name": "net", "cniVersion": "0.3.1", "master": "eth0"},)
    assert not found.disable_check


def test_a_configuration_without_a_name_or_version_gets_them():
    found = NetConfList.parse('{"type": "macvlan"}', default_name="storage")
    assert (found.name, found.version) == ("storage", "0.1.0")
    assert NetConfList.parse('{"plugins": [{"type": "a"}]}', default_name="storage").name == "storage"
    assert NetConfList.parse('{"name": "own", "type": "a"}', default_name="storage").name == "own"


def test_of_several_versions_the_highest_known_is_meant():
    assert network(cniVersion="0.3.1", cniVersions=["0.4.0", "1.1.0", "2.0.0"]).version == "1.1.0"
    assert network(cniVersion="3.0.0").version == "3.0.0"


@pytest.mark.parametrize(
    ("said", "meant"),
    [(True, True), (False, False), ("true", True), ("TRUE", True), ("False", False), (None, False)],
)
def test_a_switch_is_a_bool_or_the_text_of_one(said: Any, meant: bool) -> None:
    found = network(disableCheck=said, disableGC=said, loadOnlyInlinedPlugins=said)
    assert (found.disable_check, found.disable_gc, found.load_only_inlined) == (meant, meant, meant)


def test_keys_match_in_any_case():
    found = NetConfList.parse(
        '{"Name": "net", "CniVersion": "1.0.0", "Plugins": [{"Type": "a", "Ipam": {"type": "b"}}], "DISABLEGC": true}'
    )
    assert (found.name, found.version, found.disable_gc) == ("net", "1.0.0", True)
    assert found.plugins == ({"type": "a", "ipam": {"type": "b"}},)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"name": ...}, "no name (the configuration needs a 'name')"),
        ({"name": ""}, "no name (the configuration needs a 'name')"),
        ({"name": 1}, "name: expected a string, got a number"),
        (
            {"name": "a/b"},
            "invalid characters found in network name "
            "(a name is letters, digits, '_', '.' and '-', and begins with a letter or digit)",
        ),
        ({"cniVersion": 1}, "cniVersion: expected a string, got a number"),
        ({"cniVersions": "1.0.0"}, "cniVersions: expected a list, got a string"),
        ({"cniVersions": ["1.0.0", 1]}, "cniVersions[1]: expected a string, got a number"),
        (
            {"cniVersions": ["x"]},
            'invalid cniVersions entry x at index 0: failed to convert major version part "x": '
            "expected a whole number (a version reads like 1.1.0)",
        ),
        ({"disableCheck": "yes"}, 'invalid value "yes" for disableCheck (true or false)'),
        ({"disableGC": 1}, "disableGC: expected true or false, got a number"),
        ({"loadOnlyInlinedPlugins": []}, "loadOnlyInlinedPlugins: expected true or false, got a list"),
        (
            {"plugins": ..., "loadOnlyInlinedPlugins": True},
            "`loadOnlyInlinedPlugins` is true, and no 'plugins' key",
        ),
        (
            {"plugins": ...},
            "no plugin configs found (it needs 'plugins', or the 'type' of a single plugin)",
        ),
        ({"plugins": []}, "no plugins in list"),
        ({"plugins": {}}, "plugins: expected a list, got an object"),
        (
            {"plugins": [{"type": "a"}, {}]},
            "failed to parse plugin config 1: error parsing configuration: missing 'type' "
            "(name the plugin that is to be run)",
        ),
        (
            {"plugins": ["bridge"]},
            "failed to parse plugin config 0: error parsing configuration: expected an object, got a string",
        ),
        (
            {"plugins": [{"type": 1}]},
            "failed to parse plugin config 0: error parsing configuration: type: expected a string, got a number",
        ),
        (
            {"plugins": [{"type": "a", "ipam": {"type": 1}}]},
            "failed to parse plugin config 0: error parsing configuration: "
            "ipam.type: expected a string, got a number",
        ),
        (
            {"plugins": [{"type": "a", "capabilities": {"ips": 1}}]},
            "failed to parse plugin config 0: error parsing configuration: "
            "capabilities.ips: expected true or false, got a number",
        ),
    ],
)
def test_what_is_wrong_with_a_list_is_said(members: dict[str, Any], message: str) -> None:
    with pytest.raises(MultinetError) as caught:
        network(**members)
    assert str(caught.value) == PREFIX + message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "expected an object, got a list"),
        ("", "unexpected end of JSON input: there is nothing in it"),
        ("{", "expected a key in double quotes, but the text ends here (line 1, column 2)\n    {\n     ^"),
    ],
)
def test_what_is_no_object_is_no_list(text: str, message: str) -> None:
    with pytest.raises(DecodingFailure) as caught:
        NetConfList.parse(text, default_name="net")
    assert str(caught.value) == PREFIX + message


def test_the_kind_of_the_error_is_kept():
    with pytest.raises(InvalidConfig) as caught:
        network(name="a b")
    assert (caught.value.cni_code, caught.value.details) == (7, "a b")


def test_the_plugins_may_stand_somewhere_else():
    found = NetConfList.parse('{"name": "net", "cniVersion": "1.0.0"}', may_be_empty=True)
    assert found.plugins == ()
    grown = found.with_plugins([{"Type": "a"}, {"type": "b"}])
    assert grown.plugins == ({"type": "a"}, {"type": "b"})
    assert grown.with_plugins([{"type": "c"}]).plugins[2:] == ({"type": "c"},)
    with pytest.raises(InvalidConfig) as caught:
        found.with_plugins([{"type": "a"}, {}])
    assert str(caught.value) == (
        f"{PREFIX}failed to parse plugin config 1: error parsing configuration: missing 'type' "
        "(name the plugin that is to be run)"
    )


@pytest.mark.parametrize(
    "members",
    [{}, {"disableCheck": True, "disableGC": "true"}, {"loadOnlyInlinedPlugins": True, "cniVersion": ...}],
)
def test_what_is_written_reads_back(members: dict[str, Any]) -> None:
    found = network(**members)
    assert NetConfList.of(found.to_dict()) == found
    assert NetConfList.parse(json.dumps(found.to_dict())) == found


def test_a_list_without_plugins_of_its_own_reads_back():
    found = NetConfList.parse('{"name": "net"}', may_be_empty=True)
    assert NetConfList.of(found.to_dict(), may_be_empty=True) == found


# --- requests


def test_a_request_has_the_lists_name_and_version_whatever_the_plugin_said():
    said = request({"type": "bridge", "Name": "other", "name": "x", "cniVersion": "0.1.0", "mtu": 1400})
    assert said == {"type": "bridge", "name": "net", "cniVersion": "1.0.0", "mtu": 1400}


def test_of_the_runtimes_arguments_those_are_told_whose_capability_is_declared():
    plugin = {"type": "a", "capabilities": {"ips": True, "mac": False, "portMappings": True}}
    given = {"ips": ["10.1.2.3"], "mac": "02:00:00:00:00:01", "bandwidth": {}}
    assert request(plugin, capability_args=given)["runtimeConfig"] == {"ips": ["10.1.2.3"]}
    assert request(plugin, capability_args=given)["capabilities"] == plugin["capabilities"]


def test_a_runtime_config_of_the_file_stays_unless_there_is_one_to_tell():
    plugin = {"type": "a", "capabilities": {"ips": True}, "RuntimeConfig": {"mac": "m"}}
    assert request(plugin, capability_args={"mac": "n"})["runtimeConfig"] == {"mac": "m"}
    assert request(plugin, capability_args={})["runtimeConfig"] == {"mac": "m"}
    assert request(plugin, capability_args={"ips": []})["runtimeConfig"] == {"ips": []}
    assert "runtimeConfig" not in request({"type": "a"}, capability_args={"ips": []})


def test_a_request_carries_the_previous_result_and_no_other():
    plugin = {"type": "a", "prevResult": {"ips": []}}
    assert request(plugin, prev_result=RESULT)["prevResult"] == {
        "cniVersion": "1.0.0",
        "ips": [{"address": "10.1.2.3/24"}],
    }
    assert network(plugins=[plugin]).plugin_request(0, prev_result=RESULT).prev_result == RESULT
    assert request({"type": "a"}) == {"type": "a", "name": "net", "cniVersion": "1.0.0"}


def test_what_is_added_is_merged_object_by_object_and_wins():
    plugin = {"type": "a", "deviceID": "old", "args": {"cni": {"ips": ["1"], "mac": "m"}, "labels": []}}
    extra = {"args": {"cni": {"ips": ["2"], "new": 1}}, "deviceID": "new"}
    said = request(plugin, extra=extra)
    assert said["args"] == {"cni": {"ips": ["2"], "mac": "m", "new": 1}, "labels": []}
    assert said["deviceID"] == "new"
    assert plugin["args"] == {"cni": {"ips": ["1"], "mac": "m"}, "labels": []}
    assert request({"type": "a"}, extra=extra)["args"] == {"cni": {"ips": ["2"], "new": 1}}


def test_nothing_that_is_added_changes_whose_request_it_is():
    assert request({"type": "a"}, extra={"name": "x", "cniVersion": "0.1.0"})["name"] == "net"


def test_requests_do_not_change_the_list():
    found = network(plugins=[{"type": "a", "capabilities": {"ips": True}}])
    before = found.to_dict()
    found.plugin_request(0, prev_result=RESULT, capability_args={"ips": []}, extra={"args": {"cni": {}}})
    assert found.to_dict() == before


def test_the_capabilities_of_a_list_are_those_of_any_plugin():
    found = network(
        plugins=[
            {"type": "a", "capabilities": {"ips": True, "mac": False}},
            {"type": "b", "CAPABILITIES": {"portMappings": True}},
            {"type": "c"},
        ]
    )
    assert found.capabilities() == {"ips", "portMappings"}
