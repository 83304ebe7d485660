"""The agent's settings: one file, every key described, read and checked; and which may change while it runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from multinet.config import RELOADABLE, SCHEMA, AgentSettings, Settings, changed, reloaded
from multinet.config.reload import values
from multinet.errors import DecodingFailure, InvalidConfig, IOFailure, MultinetError

NOT_SETTINGS = {"type", "capabilities", "runtimeConfig", "ipam", "dns", "args"}
"""Of a plugin's entry: they are the runtime's, or every network brings its own."""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        file = tmp_path / "multinet.yaml"
        file.write_text(text)
        return file

    return write


def described() -> dict[str, Mapping[str, Any]]:
    """Every key of the schema; the agent's own begin with ``agent.``."""
    mine = {key: one for key, one in SCHEMA.document["properties"].items() if key not in NOT_SETTINGS}
    agent = mine.pop("agent")["properties"]
    return mine | {f"agent.{key}": one for key, one in agent.items()}


def another(key: str, schema: Mapping[str, Any]) -> Any:
    """A value that is not the default."""
    if "enum" in schema:
        return next(one for one in schema["enum"] if one not in ("", values(Settings())[key]))
    match schema["type"]:
        case "boolean":
            return True
        case "integer" | "number":
            return schema["minimum"] + 4
        case "array":
            if schema["items"]["type"] == "object":
                return [{"type": "ptp"}]
            return schema["items"].get("enum", ["/other"])[:1]
        case "object":
            return {"other": ["bridge"]}
    special = {
        "agent.primary": "20-x.conf",
        "agent.conflistName": "01-x.conflist",
        "agent.nodeName": "n1",
        "agent.networkName": "other",
        "agent.metrics": "127.0.0.1:9097",
        "agent.statusPage": "127.0.0.1:9098",
        "multinetNamespace": "other",
        "clusterNetwork": "other",
    }
    return special.get(key, "/another/path")


def put(key: str, value: Any) -> dict[str, Any]:
    first, _, rest = key.partition(".")
    return {first: {rest: value}} if rest else {key: value}


@pytest.mark.parametrize("key", sorted(described()))
def test_every_key_is_read_into_a_field_of_its_name_and_no_other(key: str) -> None:
    conf = put(key, another(key, described()[key]))
    before, after = (values(Settings.parse(one, primary_is_found=True, environ={})) for one in ({}, conf))

    assert [name for name in after if after[name] != before[name]] == [key]


def test_the_keys_are_those_of_the_fields_and_each_is_described() -> None:
    assert set(described()) == set(values(Settings()))
    assert [key for key, one in described().items() if len(one["description"]) < 20] == []


def test_every_key_tells_its_default_and_every_number_its_unit() -> None:
    defaults = values(Settings.parse({}, primary_is_found=True, environ={}))
    for key, one in described().items():
        if "default" in one:
            assert plain(defaults[key]) == plain(one["default"]), key
        else:
            assert (defaults[key] in ("", None), ". Default: " in one["description"]) == (True, True), key
        assert ("x-unit" in one) == (one["type"] in ("integer", "number")), key


def plain(value: Any) -> Any:
    """As JSON has it; lists of words in order, whichever order they were given in."""
    if isinstance(value, frozenset | tuple | list):
        return sorted(str(one) for one in value)
    return str(value) if isinstance(value, Path) else value


def test_an_empty_file_means_the_defaults(write: Write) -> None:
    read = Settings.load(write("# nothing is needed\n"), {})

    assert read == Settings()
    assert read.agent == AgentSettings(
        socket=Path("/run/multinet/agent.sock"),
        node_name="",
        kubeconfig=None,
        cni_conf_dir=Path("/etc/cni/net.d"),
        primary="",
        conflist_name="00-multinet.conflist",
        network_name="multinet",
        cni_version="",
        workers=32,
        queue=512,
        queue_seconds=60.0,
        request_seconds=110.0,
        grace_seconds=20.0,
        kernel_adds=1,
        metrics="unix:/run/multinet/probes.sock",
        history=256,
        record="failures",
        reconcile_seconds=300,
        reconcile_most=64,
        events="all",
        shim_wait_seconds=30,
    )


@pytest.mark.parametrize(
    "text",
    [
        "logLevel: debug\nagent:\n  workers: 4\n  queueSeconds: 5\n",
        '{"logLevel": "debug", "agent": {"workers": 4, "queueSeconds": 5}}',
        '{\n\t"logLevel": "debug",\n\t"agent": {"workers": 4, "QueueSeconds": 5.0}\n}',
    ],
    ids=["YAML", "JSON", "JSON with tabs"],
)
def test_a_file_is_yaml_or_json(write: Write, text: str) -> None:
    read = Settings.load(write(text), {})

    assert (read.log_level, read.agent.workers, read.agent.queue_seconds) == ("debug", 4, 5.0)


def test_the_nodes_name_comes_from_the_environment_unless_it_is_written(write: Write) -> None:
    environ = {"NODE_NAME": "worker-1"}

    assert Settings.load(write(""), environ).agent.node_name == "worker-1"
    assert Settings.load(write("agent: {nodeName: mine}"), environ).agent.node_name == "mine"


def test_only_who_looks_for_the_first_network_may_leave_it_out() -> None:
    assert Settings.parse({}, primary_is_found=True).delegates == ()
    with pytest.raises(InvalidConfig) as refused:
        Settings.parse({"agent": {}})
    assert str(refused.value) == (
        "neither 'clusterNetwork' nor 'delegates' is given (name the network that every pod gets as its first)"
    )


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (
            "agent: {reqestSeconds: 5}",
            InvalidConfig,
            "agent: the key 'reqestSeconds' is not known here (did you mean 'requestSeconds'?)",
        ),
        (
            "namespaceIsolaton: true",
            InvalidConfig,
            "the key 'namespaceIsolaton' is not known here (did you mean 'namespaceIsolation'?)",
        ),
        (
            "agent: {workers: 0}",
            InvalidConfig,
            "agent.workers: 0 is less than 2, the least allowed (Requests in work at once)",
        ),
        (
            "agent: {events: some}",
            InvalidConfig,
            "agent.events: 'some' is not one of all, failures, none (Which events are written to pods)",
        ),
        ("agent: {socket: agent.sock}", InvalidConfig, "agent.socket: 'agent.sock' is not an absolute path"),
        (
            "agent: {primary: /etc/cni/net.d/10-x.conf}",
            InvalidConfig,
            "agent.primary: '/etc/cni/net.d/10-x.conf' is not the name of a .conf or .conflist or .json file "
            "(give the name alone, without its folder)",
        ),
        (
            "agent: {conflistName: 00-multinet.conf}",
            InvalidConfig,
            "agent.conflistName: '00-multinet.conf' is not the name of a .conflist file "
            "(give the name alone, without its folder)",
        ),
        (
            "agent: {statusPage: '0.0.0.0:9098'}",
            InvalidConfig,
            "agent.statusPage: '0.0.0.0:9098' is neither a unix socket nor a port of the loopback "
            "(write unix:/run/multinet/metrics.sock or 127.0.0.1:9097)",
        ),
        *(
            (
                f"agent: {{metrics: '{value}'}}",
                InvalidConfig,
                f"agent.metrics: '{value}' is neither a unix socket nor a port of the loopback "
                "(write unix:/run/multinet/metrics.sock or 127.0.0.1:9097)",
            )
            for value in ("0.0.0.0:9097", ":9097", "unix:metrics.sock", "127.0.0.1:0", "10.0.0.1:80", "9097")
        ),
        (
            "- a\n- b",
            DecodingFailure,
            "expected an object whose keys are words (write it as 'key: value')",
        ),
        ("1: 2", DecodingFailure, "expected an object whose keys are words (write it as 'key: value')"),
        (
            "agent: {queueSeconds: .nan}",
            InvalidConfig,
            "agent.queueSeconds: expected a number, got the number nan "
            "(Seconds a request may wait for a worker before it is told to come again (11))",
        ),
        (
            "agent: {socket: /s, .5: x}",
            DecodingFailure,
            "expected an object whose keys are words (write it as 'key: value')",
        ),
    ],
)
def test_an_error_names_the_file_and_the_key(
    write: Write, text: str, kind: type[MultinetError], message: str
) -> None:
    file = write(text)
    with pytest.raises(kind) as refused:
        Settings.load(file, {})
    assert str(refused.value) == f"{file}: {message}"


def test_what_is_neither_json_nor_yaml_is_said_with_its_place(write: Write) -> None:
    file = write("a: [1,\nb: {")
    with pytest.raises(DecodingFailure) as refused:
        Settings.load(file, {})
    words = "did not find expected node content (line 3, column 1) (correct the file)"
    assert str(refused.value) == f"{file}: it is neither JSON nor YAML: {words}"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000])
def test_a_file_that_goes_too_deep_is_refused_like_any_other(write: Write, text: str) -> None:
    with pytest.raises(DecodingFailure) as refused:
        Settings.load(write(text), {})
    words = "it is neither JSON nor YAML: more than 64 lists and objects inside each other (line 1, column "
    assert words in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(IOFailure) as refused:
        Settings.load(tmp_path / "nowhere.yaml", {})
    assert str(refused.value) == (
        f"could not read the settings {tmp_path}/nowhere.yaml: No such file or directory"
    )


@pytest.mark.parametrize("value", ["unix:/run/m.sock", "127.0.0.1:9097", "[::1]:9097", "localhost:9097"])
def test_metrics_are_served_where_only_the_node_reaches_them(value: str) -> None:
    assert Settings.parse({"agent": {"metrics": value}}, primary_is_found=True).agent.metrics == value


# --- what may change while the agent runs


def test_what_is_reloadable_is_a_setting() -> None:
    assert set(values(Settings())) >= RELOADABLE


def test_a_change_is_told_as_what_counts_at_once_and_what_after_a_restart() -> None:
    old = Settings.parse({"clusterNetwork": "a", "agent": {"workers": 4}}, environ={})
    new = Settings.parse(
        {
            "clusterNetwork": "b",
            "logLevel": "debug",
            "stateDir": "/elsewhere",
            "agent": {"workers": 8, "primary": "10-x.conf", "networkName": "other"},
        },
        environ={},
    )

    assert changed(old, old) == ((), ())
    assert changed(old, new) == (
        ("clusterNetwork", "logLevel", "agent.primary"),
        ("stateDir", "agent.networkName", "agent.workers"),
    )
    taken = reloaded(old, new)
    assert changed(old, taken) == (("clusterNetwork", "logLevel", "agent.primary"), ())
    assert changed(taken, new) == ((), ("stateDir", "agent.networkName", "agent.workers"))


def test_a_schema_for_editors_is_a_valid_one() -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(SCHEMA.document)
    assert json.loads(json.dumps(SCHEMA.document)) == SCHEMA.document
