"""One plugin's configuration, as it stands on stdin."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from multinet.cni.netconf import NetConf
from multinet.cni.types import DNS, Address, Interface, Result
from multinet.errors import DecodingFailure, InvalidConfig, MultinetError
from tests.cni.values import cidr, ip

RESULT = Result(
    interfaces=(Interface(name="eth0"),), ips=(Address(address=cidr("10.1.2.3/24"), interface=0),)
)


def parsed(**members: Any) -> NetConf:
    return NetConf.parse(
        json.dumps({"name": "net", "cniVersion": "1.0.0", "type": "bridge"} | members).encode()
    )


def test_what_is_not_said_is_empty():
    conf = NetConf.parse(b'{"name": "net"}').check()
    assert (conf.name, conf.type, conf.version, conf.ipam_type) == ("net", "", "0.1.0", "")
    assert (conf.prev_result, conf.ipam, conf.valid_attachments) == (None, None, None)
    assert (conf.runtime_config, conf.args_cni, conf.capabilities, conf.dns) == ({}, {}, {}, DNS())


def test_null_is_the_same_as_not_said():
    keys = ("cniVersion", "type", "ipam", "dns", "args", "runtimeConfig", "prevResult", "capabilities")
    conf = NetConf.parse(json.dumps({"name": "net"} | dict.fromkeys(keys)).encode()).check()
    assert (conf.type, conf.version, conf.ipam_type, conf.ipam, conf.prev_result) == (
        "",
        "0.1.0",
        "",
        None,
        None,
    )
    assert (conf.runtime_config, conf.args_cni, conf.capabilities, conf.dns) == ({}, {}, {}, DNS())


def test_every_member_is_read():
    conf = parsed(
        ipam={"type": "host-local", "subnet": "10.1.2.0/24"},
        dns={"nameservers": ["10.1.0.1"], "search": ["a", "b"]},
        args={"cni": {"ips": ["10.1.2.3"]}, "other": 1},
        runtimeConfig={"mac": "02:00:00:00:00:01"},
        capabilities={"mac": True, "ips": False, "dns": None},
        prevResult={
            "interfaces": [{"name": "eth0"}],
            "ips": [{"interface": 0, "address": "10.1.2.3/24", "gateway": "10.1.2.1"}],
        },
        bridge="br0",
    ).check()
    assert conf.ipam == {"type": "host-local", "subnet": "10.1.2.0/24"}
    assert conf.ipam_type == "host-local"
    assert conf.dns == DNS(nameservers=("10.1.0.1",), search=("a", "b"))
    assert conf.args_cni == {"ips": ["10.1.2.3"]}
    assert conf.runtime_config == {"mac": "02:00:00:00:00:01"}
    assert conf.capabilities == {"mac": True, "ips": False, "dns": False}
    assert conf.raw["bridge"] == "br0"
    assert conf.prev_result == Result(
        interfaces=(Interface(name="eth0"),),
        ips=(Address(address=cidr("10.1.2.3/24"), gateway=ip("10.1.2.1"), interface=0),),
    )


def test_keys_match_in_any_case():
    conf = NetConf.parse(
        b'{"Name": "net", "CNIVERSION": "1.0.0", "TYPE": "bridge", "RuntimeConfig": {"mac": "m"},'
        b' "Ipam": {"Type": "static"}, "ARGS": {"CNI": {"a": 1}}, "Other": 1}'
    )
    assert (conf.name, conf.version, conf.type, conf.ipam_type) == ("net", "1.0.0", "bridge", "static")
    assert conf.runtime_config == {"mac": "m"}
    assert conf.args_cni == {"a": 1}
    assert set(conf.raw) == {"name", "cniVersion", "type", "runtimeConfig", "ipam", "args", "Other"}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"type": 1}, "type: expected a string, got a number"),
        ({"ipam": "host-local"}, "ipam: expected an object, got a string"),
        ({"ipam": {"type": ["static"]}}, "ipam.type: expected a string, got a list"),
        ({"dns": []}, "dns: expected an object, got a list"),
        ({"dns": {"domain": 1}}, "dns.domain: expected a string, got a number"),
        ({"args": "a"}, "args: expected an object, got a string"),
        ({"args": {"cni": []}}, "args.cni: expected an object, got a list"),
        ({"runtimeConfig": []}, "runtimeConfig: expected an object, got a list"),
        ({"capabilities": ["mac"]}, "capabilities: expected an object, got a list"),
        ({"capabilities": {"mac": "true"}}, "capabilities.mac: expected true or false, got a string"),
        (
            {"cni.dev/valid-attachments": {}},
            "cni.dev/valid-attachments: expected a list, got an object",
        ),
        (
            {"cni.dev/valid-attachments": ["c1"]},
            "cni.dev/valid-attachments[0]: expected an object, got a string",
        ),
        (
            {"cni.dev/valid-attachments": [{"containerID": "c1"}, {"containerID": 2}]},
            "cni.dev/valid-attachments[1].containerID: expected a string, got a number",
        ),
    ],
)
def test_a_member_of_the_wrong_type_is_refused_with_its_path(members: dict[str, Any], message: str) -> None:
    conf = parsed(**members)
    with pytest.raises(InvalidConfig) as caught:
        conf.check()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("version", "said", "message"),
    [
        ("1.0.0", {"ips": [{"address": "x"}]}, 'ips[0].address: invalid CIDR address: "x"'),
        (
            "1.0.0",
            {"cniVersion": "0.4.0"},
            'result type supports [1.0.0 1.1.0] but unmarshalled CNIVersion is "0.4.0"',
        ),
        ("7.0.0", {}, 'unsupported CNI result version "7.0.0"'),
    ],
)
def test_a_previous_result_that_can_not_be_read_is_told_when_it_is_asked_for(
    version: str, said: dict[str, Any], message: str
) -> None:
    conf = parsed(cniVersion=version, prevResult=said).check()
    with pytest.raises(DecodingFailure) as caught:
        _ = conf.prev_result
    assert caught.value.sentence == f"could not parse prevResult: {message}"


def test_a_previous_result_is_an_object():
    with pytest.raises(InvalidConfig) as caught:
        _ = parsed(prevResult=[]).prev_result
    assert str(caught.value) == "prevResult: expected an object, got a list"


def test_what_is_still_attached_is_a_set_and_null_is_an_empty_one():
    one = {"containerID": "c1", "ifname": "eth0"}
    assert parsed(**{"cni.dev/valid-attachments": [one, one]}).valid_attachments == {("c1", "eth0")}
    assert parsed(
        **{"cni.dev/valid-attachments": [{"ContainerId": "c1", "ifName": "net1"}]}
    ).valid_attachments == {("c1", "net1")}
    assert parsed(**{"cni.dev/attachments": [one]}).valid_attachments == {("c1", "eth0")}
    assert (
        parsed(**{"cni.dev/valid-attachments": [], "cni.dev/attachments": [one]}).valid_attachments
        == frozenset()
    )
    assert parsed(**{"cni.dev/valid-attachments": None}).valid_attachments == frozenset()


def test_a_request_for_gc_says_it_under_both_names():
    conf = parsed().with_valid_attachments({("c2", "eth0"), ("c1", "net1")})
    listed = [{"containerID": "c1", "ifname": "net1"}, {"containerID": "c2", "ifname": "eth0"}]
    said = json.loads(conf.encode())
    assert said["cni.dev/valid-attachments"] == said["cni.dev/attachments"] == listed
    assert conf.valid_attachments == {("c1", "net1"), ("c2", "eth0")}
    assert json.loads(parsed().with_valid_attachments([]).encode())["cni.dev/valid-attachments"] == []


def test_a_configuration_is_not_changed_but_replaced():
    conf = parsed()
    with pytest.raises(FrozenInstanceError):
        conf.name = "other"  # type: ignore[misc]
    assert replace(conf, type="other").type == "other"
    assert conf.type == "bridge"


def test_a_result_made_here_is_told_to_an_executable_in_the_configurations_version():
    conf = parsed(cniVersion="0.4.0", prevResult={"ips": []}, bridge="br0").with_prev_result(RESULT)
    assert conf.prev_result == RESULT
    assert json.loads(conf.encode()) == {
        "name": "net",
        "cniVersion": "0.4.0",
        "type": "bridge",
        "bridge": "br0",
        "prevResult": {
            "cniVersion": "0.4.0",
            "interfaces": [{"name": "eth0"}],
            "ips": [{"version": "4", "interface": 0, "address": "10.1.2.3/24"}],
            "dns": {},
        },
    }
    assert NetConf.parse(conf.encode()).prev_result == RESULT


def test_no_previous_result_takes_the_one_that_was_there_away():
    conf = parsed(prevResult={"ips": []}).with_prev_result(None)
    assert conf.prev_result is None
    assert "prevResult" not in json.loads(conf.encode())


def test_a_result_that_can_not_be_told_in_that_version_is_refused():
    conf = parsed(cniVersion="0.2.0").with_prev_result(Result(interfaces=(Interface(name="eth0"),)))
    with pytest.raises(MultinetError) as caught:
        conf.encode()
    assert caught.value.message == "cannot convert: no valid IP addresses"


def test_what_nobody_here_knows_reaches_an_executable_as_it_was():
    given = {"name": "net", "type": "x", "Odd": {"b": [1, 2.5, None, "ü"], "a": True}, "big": 2**70}
    assert json.loads(NetConf.parse(json.dumps(given).encode()).encode()) == given
