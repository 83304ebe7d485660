"""What holds for whatever comes in: nothing but our errors comes out, and what is written reads back."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from multinet.cni import answer, jsonkeys, versions
from multinet.cni.addresses import parse_cidr, parse_ip
from multinet.cni.args import Args
from multinet.cni.names import check_container_id, check_ifname, check_network_name
from multinet.cni.netconf import NetConf, NetConfList
from multinet.cni.printing import pretty
from multinet.cni.request import Request, Verb, require_verb_version
from multinet.cni.types import Interface, Result
from multinet.cni.wire import result_from_json, result_of_plugin, result_to_dict, result_to_json
from multinet.errors import MultinetError
from tests.cni import corpus
from tests.cni.values import CIDRS, IPS, JSON, NAMES, OBJECTS, RESULTS, TEXTS

VERSIONS = st.sampled_from(versions.SUPPORTED)
MIDDLE_OR_NEWER = st.sampled_from(versions.SUPPORTED[2:])
ANY_TEXT = st.text()
"""Surrogates and all."""
KEYS = [
    "name", "cniVersion", "cniVersions", "type", "plugins", "ipam", "dns", "args", "cni", "runtimeConfig",
    "capabilities", "prevResult", "cni.dev/valid-attachments", "containerID", "ifname", "interfaces", "ips",
    "routes", "address", "gateway", "interface", "dst", "gw", "mtu", "table", "ip4", "ip6", "ip", "disableGC",
    "nameservers", "domain",
]  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([*versions.SUPPORTED, "net", "10.1.2.3/24", "fd00::1", "x/y", "", 2**70, 1.5])
)
LIKELY: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=25,
)
"""JSON of the right words in the wrong places."""
LIKELY_OBJECTS = st.dictionaries(st.sampled_from(KEYS), LIKELY, max_size=8) | st.builds(
    lambda said: {"name": "net", "type": "bridge", "cniVersion": "1.0.0"} | said,
    st.dictionaries(st.sampled_from(KEYS[5:]), LIKELY, max_size=6),
)
BYTES = st.binary() | ANY_TEXT.map(lambda text: text.encode(errors="surrogatepass"))


# --- nothing but our errors


@given(BYTES | JSON.map(lambda value: json.dumps(value).encode()))
@example(b"\xef\xbb\xbf{}")
@example(b'{"a":' * 100_000)
@example(b"[" + b"9" * 10_000 + b"]")
@example(b'"\\ud800"')
def test_reading_json_raises_nothing_else(text: bytes) -> None:
    with suppress(MultinetError):
        json.dumps(jsonkeys.load(text), ensure_ascii=False).encode()


@given(ANY_TEXT)
def test_reading_a_text_raises_nothing_else(text: str) -> None:
    with suppress(MultinetError):
        jsonkeys.load(text)


@given(ANY_TEXT)
def test_names_addresses_and_versions_raise_nothing_else(text: str) -> None:
    for check in (
        check_container_id, check_network_name, check_ifname, parse_ip, parse_cidr, versions.parse
    ):  # fmt: skip
        with suppress(MultinetError):
            check(text)


@given(ANY_TEXT, st.booleans(), st.lists(TEXTS, max_size=2))
def test_arguments_raise_nothing_else_and_nothing_at_all_when_lenient(
    text: str, lenient: bool, keys: list[str]
) -> None:
    args = Args.parse(text, lenient=lenient)
    try:
        args.known(*keys)
    except MultinetError:
        assert not lenient


def use(conf: NetConf) -> None:
    conf.check()
    _ = conf.prev_result
    conf.with_prev_result(conf.prev_result).encode()


@given(BYTES | LIKELY_OBJECTS.map(lambda said: json.dumps(said).encode()))
def test_a_configuration_raises_nothing_else(stdin: bytes) -> None:
    with suppress(MultinetError):
        use(NetConf.parse(stdin))


@given(
    BYTES | LIKELY_OBJECTS.map(lambda said: json.dumps(said).encode()),
    st.sampled_from(["", "net"]),
    st.booleans(),
)
def test_a_list_raises_nothing_else_and_its_requests_are_good(
    text: bytes, default_name: str, may_be_empty: bool
) -> None:
    with suppress(MultinetError):
        found = NetConfList.parse(text, default_name=default_name, may_be_empty=may_be_empty)
        _ = found.capabilities()
        for index in range(len(found.plugins)):
            request = found.plugin_request(index, capability_args={"ips": []}, extra={"args": {"cni": {}}})
            assert NetConf.parse(request.encode()).check().name == found.name


@given(LIKELY_OBJECTS | OBJECTS, st.sampled_from([*versions.SUPPORTED, "", "9.9.9"]))
def test_a_result_raises_nothing_else(said: dict[str, Any], version: str) -> None:
    for read in (result_from_json, result_of_plugin):
        with suppress(MultinetError):
            read(json.dumps(said).encode(), version)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH",
                "CNI_NETNS_OVERRIDE",
            ]
        ),
        ANY_TEXT | st.sampled_from([*Verb]) | st.just("a"),
    ),
    BYTES | st.just(b'{"name": "net"}'),
)  # fmt: skip
def test_a_request_raises_nothing_else(env: dict[str, str], stdin: bytes) -> None:
    with suppress(MultinetError):
        request = Request.parse(env, stdin)
        require_verb_version(request.verb, request.conf.version, versions.SUPPORTED)


@given(ANY_TEXT, ANY_TEXT)
def test_whatever_an_error_says_can_be_printed(message: str, hint: str) -> None:
    said = json.loads(answer.failure(MultinetError(message, hint=hint)))
    assert said["code"] == 999
    assert json.loads(answer.failure(ValueError(message)))["msg"].startswith("internal error: ValueError")


# --- what is written reads back


@given(RESULTS, st.sampled_from(corpus.SHAPES["newest"]))
def test_a_result_in_the_newest_shape_reads_back(result: Result, version: str) -> None:
    assert result_from_json(result_to_json(result, version), version) == result
    assert result_from_json(result_to_dict(result, version), version) == result


@given(RESULTS, st.sampled_from(corpus.SHAPES["middle"]))
def test_a_result_in_the_middle_shape_loses_only_what_that_does_not_know(
    result: Result, version: str
) -> None:
    plain = tuple(Interface(name=one.name, mac=one.mac, sandbox=one.sandbox) for one in result.interfaces)
    assert result_from_json(result_to_json(result, version), version) == result.but(interfaces=plain)


@given(RESULTS, VERSIONS)
def test_telling_a_result_twice_changes_nothing_more(result: Result, version: str) -> None:
    with suppress(MultinetError):
        once = result_to_json(result, version)
        assert result_to_json(result_from_json(once, version), version) == once


@given(RESULTS, MIDDLE_OR_NEWER)
def test_what_is_printed_is_the_object_and_says_its_version(result: Result, version: str) -> None:
    printed = json.loads(result_to_json(result, version))
    assert printed == result_to_dict(result, version)
    assert printed["cniVersion"] == version


@given(RESULTS, MIDDLE_OR_NEWER)
def test_a_configuration_reads_back_with_its_previous_result(result: Result, version: str) -> None:
    raw = {"name": "net", "type": "bridge", "cniVersion": version}
    conf = NetConf.of(raw).with_prev_result(result)
    again = NetConf.parse(conf.encode())
    assert result_to_json(again.prev_result or Result(), version) == result_to_json(result, version)
    assert {**again.raw, "prevResult": None} == {**raw, "prevResult": None}


@given(OBJECTS)
def test_printing_is_what_json_prints_with_an_indent_of_four(value: dict[str, Any]) -> None:
    plain = json.loads(json.dumps(value), parse_float=str)

    def simple(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: simple(member) for key, member in part.items()}
        if isinstance(part, list):
            return [simple(member) for member in part]
        return part if isinstance(part, str) or type(part) is int else "-"

    said = simple(plain)
    assert json.loads(pretty(said)) == said
    if not set("<>&\u2028\u2029") & set(json.dumps(said, ensure_ascii=False)):
        assert pretty(said).decode() == json.dumps(said, indent=4, ensure_ascii=False)
        assert pretty(said, sort=True).decode() == json.dumps(
            said, indent=4, ensure_ascii=False, sort_keys=True
        )


@given(
    NAMES,
    VERSIONS,
    st.lists(st.builds(lambda type_, more: {**more, "type": type_}, NAMES, OBJECTS), min_size=1, max_size=3),
)
def test_a_list_reads_back(name: str, version: str, plugins: list[dict[str, Any]]) -> None:
    with suppress(MultinetError):
        found = NetConfList.of({"name": name, "cniVersion": version, "plugins": plugins})
        assert NetConfList.parse(json.dumps(found.to_dict())) == found


@given(IPS, CIDRS)
def test_addresses_read_back(address: Any, prefix: Any) -> None:
    assert parse_ip(str(address)) == address
    assert parse_cidr(str(prefix)) == prefix


@given(st.dictionaries(NAMES, NAMES, max_size=4))
def test_pairs_read_back(pairs: dict[str, str]) -> None:
    args = Args.parse(";".join(f"{key}={value}" for key, value in pairs.items()))
    assert args.pairs == pairs
    if "IgnoreUnknown" not in pairs:
        assert args.known(*pairs) == pairs
