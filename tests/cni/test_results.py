"""Results in the shape of every version, both ways, against what the reference's library does with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from multinet.cni.types import DNS, Address, Interface, Result, Route
from multinet.cni.versions import SUPPORTED
from multinet.cni.wire import result_from_json, result_of_plugin, result_to_dict, result_to_json
from multinet.errors import DecodingFailure, IncompatibleVersion, InvalidConfig, MultinetError
from tests.cni import corpus
from tests.cni.values import cidr, ip

WRITTEN = list(corpus.read())
PAIRS = [
    pytest.param(written, source, target, id=f"{written.name} {source} -> {target}")
    for written in WRITTEN
    for source in written.versions
    for target in SUPPORTED
]


def told(given: Mapping[str, Any], source: str, target: str) -> bytes:
    try:
        return result_to_json(result_from_json(given, source), target)
    except MultinetError as error:
        return f"error: {error.sentence}".encode()


@pytest.mark.parametrize(("written", "source", "target"), PAIRS)
def test_a_result_is_told_in_every_version_as_the_reference_tells_it(
    written: corpus.Written, source: str, target: str
) -> None:
    assert told(written.given, source, target) == written.told[target]


def test_the_corpus_has_every_pair_of_versions_and_the_conversion_that_fails():
    assert {
        (source, target) for written in WRITTEN for source in written.versions for target in written.told
    } == {(source, target) for source in SUPPORTED for target in SUPPORTED}
    failing = {written.name for written in WRITTEN if written.told["0.2.0"].startswith(b"error: ")}
    assert {"middle/layer-2", "newest/layer-2"} <= failing


@pytest.mark.parametrize("written", WRITTEN, ids=lambda written: written.name)
@pytest.mark.parametrize("version", SUPPORTED)
def test_what_is_told_reads_back_the_same_when_told_again(written: corpus.Written, version: str) -> None:
    text = written.told[version]
    if not text.startswith(b"error: "):
        assert result_to_json(result_from_json(text, version), version) == text


def test_no_version_means_the_first():
    result = Result(ips=(Address(address=cidr("10.1.2.3/24")),))
    assert result_to_json(result, "") == result_to_json(result, "0.1.0")
    assert result_from_json({"ip4": {"ip": "10.1.2.3/24"}}, "") == result


def test_zero_is_told_apart_from_unset_where_it_can_be():
    result = Result(
        interfaces=(Interface(name="eth0", mtu=0),),
        ips=(Address(address=cidr("10.1.2.3/24"), interface=0),),
        routes=(Route(dst=cidr("10.0.0.0/8"), mtu=0, advmss=0, priority=0, table=0, scope=0),),
    )
    assert result_to_dict(result, "1.1.0") == {
        "cniVersion": "1.1.0",
        "interfaces": [{"name": "eth0"}],
        "ips": [{"interface": 0, "address": "10.1.2.3/24"}],
        "routes": [{"dst": "10.0.0.0/8", "table": 0, "scope": 0}],
    }


def test_a_netns_path_that_is_not_unicode_is_printed_as_the_reference_prints_it():
    path = b"/run/netns/\xff\xfe".decode(errors="surrogateescape")
    text = result_to_json(Result(interfaces=(Interface(name="eth0", sandbox=path),)), "1.1.0")
    assert b'"sandbox": "/run/netns/\\ufffd\\ufffd"' in text
    assert json.loads(text)


# --- what can't be told


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0"])
def test_a_result_without_addresses_can_not_be_told_in_the_oldest_shape(version: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        result_to_json(Result(interfaces=(Interface(name="net1"),)), version)
    assert str(caught.value) == (
        "cannot convert: no valid IP addresses "
        f"(a result of version {version} can't be told without an address: use 0.3.0 or newer)"
    )


@pytest.mark.parametrize("version", ["0.5.0", "1.1", "2.0.0", "x"])
def test_a_result_can_not_be_told_in_a_version_that_is_none(version: str) -> None:
    with pytest.raises(IncompatibleVersion) as caught:
        result_to_json(Result(), version)
    assert str(caught.value) == f"no converter for CNI result version 1.1.0 to {version}"


# --- what can't be read


@pytest.mark.parametrize(
    ("given", "version", "message"),
    [
        ({}, "9.9.9", 'unsupported CNI result version "9.9.9"'),
        ({}, "1.0", 'unsupported CNI result version "1.0"'),
        (
            {"cniVersion": "0.4.0"},
            "1.0.0",
            'result type supports [1.0.0 1.1.0] but unmarshalled CNIVersion is "0.4.0" '
            "(the configuration has version 1.0.0)",
        ),
        (
            {"CNIVERSION": "1.1.0"},
            "0.3.1",
            'result type supports [0.3.0 0.3.1 0.4.0] but unmarshalled CNIVersion is "1.1.0" '
            "(the configuration has version 0.3.1)",
        ),
        (
            {"cniVersion": "0.4.0"},
            "",
            'result type supports [ 0.1.0 0.2.0] but unmarshalled CNIVersion is "0.4.0" '
            "(the configuration has version 0.1.0)",
        ),
        ({"cniVersion": 1}, "1.0.0", "cniVersion: expected a string, got a number"),
        ({"interfaces": {}}, "1.0.0", "interfaces: expected a list, got an object"),
        ({"interfaces": ["eth0"]}, "0.4.0", "interfaces[0]: expected an object, got a string"),
        ({"interfaces": [{}, None]}, "0.4.0", "interfaces[1]: expected an object, got null"),
        ({"interfaces": [{"name": 1}]}, "0.4.0", "interfaces[0].name: expected a string, got a number"),
        (
            {"interfaces": [{"mtu": "1500"}]},
            "1.1.0",
            "interfaces[0].mtu: expected a whole number, got a string",
        ),
        (
            {"interfaces": [{"mtu": 1.5}]},
            "1.1.0",
            "interfaces[0].mtu: expected a whole number, got a number with a fraction",
        ),
        ({"interfaces": [{"mtu": 2**63}]}, "1.1.0", "interfaces[0].mtu: the number is too large"),
        (
            {"ips": [{"address": "10.1.2.3/24", "interface": True}]},
            "1.1.0",
            "ips[0].interface: expected a whole number, got true",
        ),
        (
            {"ips": [{"address": "10.1.2.3"}]},
            "1.1.0",
            'ips[0].address: invalid CIDR address: "10.1.2.3" (such as 10.1.2.3/24 or fd00::3/64)',
        ),
        (
            {"ips": [{}]},
            "0.3.0",
            'ips[0].address: invalid CIDR address: "" (such as 10.1.2.3/24 or fd00::3/64)',
        ),
        (
            {"ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2"}]},
            "1.1.0",
            'ips[0].gateway: invalid IP address: "10.1.2" (such as 10.1.2.3 or fd00::3)',
        ),
        (
            {"ip6": {"ip": "fd00::3/64", "routes": [{"dst": "::/0"}, {"dst": "default"}]}},
            "0.2.0",
            'ip6.routes[1].dst: invalid CIDR address: "default" (such as 10.1.2.3/24 or fd00::3/64)',
        ),
        ({"ip4": []}, "0.2.0", "ip4: expected an object, got a list"),
        ({"ip4": {"ip": 4}}, "0.2.0", "ip4.ip: expected a string, got a number"),
        ({"dns": "10.1.0.1"}, "1.0.0", "dns: expected an object, got a string"),
        ({"dns": {"search": ["a", 2]}}, "1.0.0", "dns.search[1]: expected a string, got a number"),
        ({"dns": {"nameservers": "a"}}, "1.0.0", "dns.nameservers: expected a list, got a string"),
        (
            {"routes": [{"dst": "::/0", "table": "main"}]},
            "1.0.0",
            "routes[0].table: expected a whole number, got a string",
        ),
        (b"[]", "1.0.0", "expected an object, got a list"),
        (b"", "1.0.0", "unexpected end of JSON input: there is nothing in it"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_result_is_said_with_its_place(given: Any, version: str, message: str) -> None:
    with pytest.raises(DecodingFailure) as caught:
        result_from_json(given, version)
    assert str(caught.value) == message
    assert caught.value.cni_code == 6


# --- whose version counts


def test_a_result_in_a_configuration_has_the_configurations_version_where_it_has_none():
    given = {"ips": [{"version": "4", "address": "10.1.2.3/24"}], "interfaces": [{"name": "a", "mtu": 9000}]}
    assert result_from_json(given, "0.4.0").interfaces == (Interface(name="a"),)
    assert result_from_json(given, "1.0.0").interfaces == (Interface(name="a", mtu=9000),)
    assert result_from_json(given | {"cniVersion": "0.3.0"}, "0.4.0").interfaces == (Interface(name="a"),)


def test_an_executable_may_answer_in_another_version_than_it_was_asked_in():
    result = Result(ips=(Address(address=cidr("10.1.2.3/24"), gateway=ip("10.1.2.1")),), dns=DNS(domain="x"))
    for answered in SUPPORTED:
        for asked in SUPPORTED:
            assert result_of_plugin(result_to_json(result, answered), asked) == result
    assert result_of_plugin(b'{"ip4": {"ip": "10.1.2.3/24"}}', "0.2.0").ips[0].address == cidr("10.1.2.3/24")
