"""A NetworkAttachmentDefinition, from the object to the configuration that is run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multinet.cni.netconf import NetConfList
from multinet.errors import IOFailure, MultinetError
from multinet.npwg.annotations import RESOURCE_NAME
from multinet.npwg.nad import NetworkAttachmentDefinition, netconf_list, parse
from tests.npwg.strategies import JSON


def manifest(**changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": {"name": "net-a", "namespace": "ns"},
        "spec": {"config": '{"cniVersion": "1.0.0", "type": "bridge"}'},
    } | changes


def refusal(obj: Mapping[str, Any]) -> str:
    with pytest.raises(MultinetError) as caught:
        parse(obj)
    assert caught.value.cni_code == 7
    return str(caught.value)


def test_an_object_is_read() -> None:
    annotations = {RESOURCE_NAME: "example.org/nic", "other": "x"}
    obj = manifest(metadata={"name": "net.a", "namespace": "ns", "uid": "x", "annotations": annotations})

    assert parse(obj) == NetworkAttachmentDefinition(
        namespace="ns",
        name="net.a",
        config='{"cniVersion": "1.0.0", "type": "bridge"}',
        resource_name="example.org/nic",
    )


def test_a_manifest_without_a_namespace_is_in_the_one_it_is_applied_to() -> None:
    obj = manifest(metadata={"name": "net-a"})

    assert parse(obj).network == "default/net-a"
    assert parse(obj, home="shop").network == "shop/net-a"


@pytest.mark.parametrize(
    "spec", [None, {}, {"config": None}, {"config": ""}, {"config": " \n"}, {"other": 1}]
)
def test_no_configuration_is_left_to_the_node(spec: Any) -> None:
    assert parse(manifest(spec=spec)).config == ""


WHERE = "NetworkAttachmentDefinition"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"apiVersion": "v1"}, f'{WHERE}.apiVersion: expected "k8s.cni.cncf.io/v1"'),
        ({"apiVersion": None}, f'{WHERE}.apiVersion: expected "k8s.cni.cncf.io/v1"'),
        ({"kind": "Pod"}, f'{WHERE}.kind: expected "NetworkAttachmentDefinition"'),
        (
            {"metadata": None},
            f"{WHERE}.metadata.name: expected a name: lower-case letters, digits, '-' and '.'",
        ),
        ({"metadata": []}, f"{WHERE}.metadata: expected an object, got a list"),
        (
            {"metadata": {"name": "Net"}},
            f"{WHERE}.metadata.name: expected a name: lower-case letters, digits, '-' and '.'",
        ),
        ({"metadata": {"name": 5}}, f"{WHERE}.metadata.name: expected a string, got a number"),
        (
            {"metadata": {"name": "a", "namespace": "n.s"}},
            f"{WHERE}.metadata.namespace: expected a namespace: lower-case letters, digits and '-'",
        ),
        (
            {"metadata": {"name": "a", "annotations": {RESOURCE_NAME: 1}}},
            f"{WHERE}.metadata.annotations.{RESOURCE_NAME}: expected a string, got a number",
        ),
        ({"spec": "x"}, "ns/net-a.spec: expected an object, got a string"),
        (
            {"spec": {"config": {"type": "bridge"}}},
            "ns/net-a.spec.config: expected a string that holds JSON, got an object"
            " (in YAML, write it after 'config: |')",
        ),
        ({"spec": {"config": ["x"]}}, "ns/net-a.spec.config: expected a string, got a list"),
        ({"spec": {"confg": "{}"}}, 'ns/net-a.spec.confg: unknown key (did you mean "config"?)'),
    ],
)
def test_a_wrong_object_is_refused_with_the_path(changes: dict[str, Any], message: str) -> None:
    assert refusal(manifest(**changes)) == message


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(manifest(), JSON)))
def test_any_object_is_read_or_refused(changes: dict[str, Any]) -> None:
    with suppress(MultinetError):
        parse(manifest(**changes))


# --- the configuration


def definition(config: str = "", name: str = "net-a") -> NetworkAttachmentDefinition:
    return NetworkAttachmentDefinition(namespace="ns", name=name, config=config)


def conf(**members: Any) -> bytes:
    return json.dumps({"cniVersion": "1.0.0", "type": "bridge", **members}).encode()


def conflist(*types: str, **members: Any) -> bytes:
    plugins = [{"type": type_} for type_ in types]
    return json.dumps({"cniVersion": "1.0.0", "plugins": plugins, **members}).encode()


def types(found: NetConfList) -> list[str]:
    return [plugin["type"] for plugin in found.plugins]


def no_configuration(files: Mapping[str, bytes], config: str = "") -> str:
    with pytest.raises(MultinetError) as caught:
        netconf_list(definition(config), files)
    return str(caught.value)


def test_a_single_plugin_is_a_list_of_one_and_gets_the_name() -> None:
    found = netconf_list(definition('{"cniVersion": "0.4.0", "type": "bridge"}'), {})

    assert (found.name, found.version, types(found)) == ("net-a", "0.4.0", ["bridge"])


def test_a_list_gets_the_name_where_it_has_none() -> None:
    assert netconf_list(definition(conflist("bridge", "tuning").decode()), {}).name == "net-a"
    assert netconf_list(definition(conflist("bridge", name="").decode()), {}).name == "net-a"
    assert netconf_list(definition(conflist("bridge", name="own").decode()), {}).name == "own"


def test_a_wrong_configuration_is_refused_with_the_path() -> None:
    assert no_configuration({}, '{"cniVersion": "1.0.0"}') == (
        "ns/net-a.spec.config: error parsing configuration list: no plugin configs found"
        " (it needs 'plugins', or the 'type' of a single plugin)"
    )
    assert no_configuration({}, '{"type": "bridge",}').startswith(
        "ns/net-a.spec.config: error parsing configuration list: expected a key in double quotes"
    )


def test_a_definition_that_is_silent_means_the_file_of_its_name() -> None:
    files = {"10-b.conf": conf(name="net-b"), "20-a.json": conf(name="net-a", type="macvlan")}

    assert types(netconf_list(definition(), files)) == ["macvlan"]


def test_lists_come_before_single_plugins_and_then_the_alphabet_decides() -> None:
    files = {
        "00.conf": conf(name="net-a", type="single"),
        "20.conflist": conflist("second", name="net-a"),
        "10.conflist": conflist("first", name="net-a"),
        "05.yaml": b"not looked at",
    }

    assert types(netconf_list(definition(), files)) == ["first"]
    del files["10.conflist"], files["20.conflist"]
    assert types(netconf_list(definition(), files)) == ["single"]


def test_a_list_goes_on_in_the_folder_of_its_name() -> None:
    files = {
        "10.conflist": conflist("bridge", name="net-a"),
        "net-a/20-tuning.conf": conf(type="tuning"),
        "net-a/10-portmap.conf": conf(type="portmap"),
        "net-a/README": b"not looked at",
        "net-b/10-sbr.conf": conf(type="sbr"),
    }

    assert types(netconf_list(definition(), files)) == ["bridge", "portmap", "tuning"]
    files["10.conflist"] = conflist("bridge", name="net-a", loadOnlyInlinedPlugins=True)
    assert types(netconf_list(definition(), files)) == ["bridge"]
    files["10.conflist"] = b'{"cniVersion": "1.0.0", "name": "net-a"}'
    assert types(netconf_list(definition(), files)) == ["portmap", "tuning"]


def test_a_broken_file_does_not_hide_the_right_one() -> None:
    files = {"00.conflist": b"{", "05.conf": b"[]", "10.conf": conf(name=5), "20.conf": conf(name="net-a")}

    assert types(netconf_list(definition(), files)) == ["bridge"]


FOLDER = "ns/net-a: the configuration folder"
NOTHING = f'{FOLDER}: no CNI configuration is named "net-a"'


class Unreadable(dict[str, bytes]):
    def __missing__(self, path: str) -> bytes:
        raise IOFailure(f"could not read {path}: Permission denied")

    def __iter__(self) -> Any:
        return iter(["10.conf"])


def test_when_nothing_is_found_the_broken_files_are_named() -> None:
    assert no_configuration({"10.conf": conf(name="net-b")}) == (
        f"{NOTHING} (write one into spec.config of the definition, or put one of that name there)"
    )
    assert no_configuration(
        {"00.conflist": b"{", "05.conf": b"\xff", "10.conf": b"[]", "20.conf": conf(name=5)}
    ) == (
        f"{NOTHING} (these could not be read: "
        "00.conflist: expected a key in double quotes, but the text ends here (line 1, column 2); "
        "05.conf: byte 1 is not UTF-8 (JSON is UTF-8 text); "
        "10.conf: expected an object, got a list; "
        "20.conf: name: expected a string, got a number)"
    )
    assert no_configuration(Unreadable()) == (
        f"{NOTHING} (these could not be read: 10.conf: could not read 10.conf: Permission denied)"
    )


def test_the_right_file_must_be_right() -> None:
    assert no_configuration({"10.conf": b'{"name": "net-a"}'}) == (
        f"{FOLDER}: 10.conf: error parsing configuration list: no plugin configs found"
        " (it needs 'plugins', or the 'type' of a single plugin)"
    )
    assert no_configuration({"10.conflist": b'{"name": "net-a"}'}) == (
        f"{FOLDER}: 10.conflist: no plugin configs found"
        " (it needs 'plugins', or *.conf files in the folder net-a)"
    )
    assert no_configuration({"10.conflist": conflist("bridge", name="net-a"), "net-a/10.conf": b"[]"}) == (
        f"{FOLDER}: 10.conflist: net-a/10.conf: expected an object, got a list"
    )


@given(st.dictionaries(st.sampled_from(["a.conf", "b.conflist", "net-a/c.conf"]), JSON | st.binary()))
def test_any_folder_is_read_or_refused(files: dict[str, Any]) -> None:
    folder = {
        path: content if isinstance(content, bytes) else json.dumps(content).encode()
        for path, content in files.items()
    }
    with suppress(MultinetError):
        netconf_list(definition(), folder)
