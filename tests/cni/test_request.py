"""What a runtime asks: the checks and their order, and what reaches the verb."""

from __future__ import annotations

import json

import pytest

from multinet.cni import answer
from multinet.cni.request import VERBS, Request, Verb, require_verb_version
from multinet.cni.versions import SUPPORTED, reconcile
from multinet.errors import BadEnvironment, IncompatibleVersion, IOFailure, MultinetError, NoCommand
from tests.cni.requests import CONTAINER, GOOD, REFUSED, Refused, env


def begin(row: Refused) -> None:
    """All that comes before the plugin's own work."""
    request = Request.parse(row.env, row.stdin.encode())
    require_verb_version(request.verb, request.conf.version, SUPPORTED)
    reconcile(request.conf.version, SUPPORTED)


def refusal(row: Refused) -> MultinetError:
    with pytest.raises(MultinetError) as caught:
        begin(row)
    return caught.value


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.what)
def test_what_is_wrong_is_said_in_the_references_order_and_words(row: Refused) -> None:
    error = refusal(row)
    assert error.cni_code == row.code
    assert (error.hint, error.details) == (row.hint, row.details)
    if row.message.endswith("..."):
        assert error.sentence.startswith(row.message.removesuffix("..."))
    else:
        assert error.sentence == row.message


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.what)
def test_the_answer_holds_code_message_and_what_more_there_is_to_say(row: Refused) -> None:
    said = json.loads(answer.failure(refusal(row)))
    assert said["code"] == row.code
    assert said.get("details", "") == "\n".join(filter(None, [row.details, row.hint]))


@pytest.mark.parametrize("command", [{}, {"CNI_COMMAND": ""}])
def test_without_a_command_it_was_run_by_hand(command: dict[str, str]) -> None:
    with pytest.raises(NoCommand) as caught:
        Request.parse(CONTAINER | command, b"")
    assert caught.value.message == "required env variables [CNI_COMMAND] missing"
    assert caught.value.cni_code == 4


def test_an_add_carries_all_that_the_environment_said():
    given = env(
        "ADD", ARGS="IgnoreUnknown=1;IP=10.1.2.3", PATH="/opt/cni/bin:/usr/lib/cni", NETNS_OVERRIDE="TRUE"
    )
    request = Request.parse(given | {"PATH": "/bin"}, GOOD.encode())
    assert request.verb is Verb.ADD
    assert (request.container_id, request.netns, request.ifname) == ("c1", "/run/netns/not-there", "eth0")
    assert request.args.get("IP") == "10.1.2.3"
    assert request.path == ("/opt/cni/bin", "/usr/lib/cni")
    assert request.netns_override
    assert request.stdin == GOOD.encode()
    assert (request.conf.name, request.conf.type, request.conf.version) == ("net", "static", "1.1.0")
    assert request.env["PATH"] == "/bin"


@pytest.mark.parametrize(
    ("word", "meant"),
    [("1", True), ("true", True), ("True", True), ("", False), ("yes", False), ("0", False)],
)
def test_only_two_words_allow_the_own_namespace(word: str, meant: bool) -> None:
    assert Request.parse(env("ADD", NETNS_OVERRIDE=word), GOOD.encode()).netns_override is meant


def test_empty_folders_of_the_path_are_left_out():
    assert Request.parse(env("ADD", PATH=":/a::/b:"), GOOD.encode()).path == ("/a", "/b")


def test_a_del_needs_no_namespace():
    request = Request.parse(env("DEL", NETNS=""), GOOD.encode())
    assert (request.verb, request.netns) == (Verb.DEL, "")


@pytest.mark.parametrize("verb", ["GC", "STATUS"])
def test_what_a_verb_does_not_use_neither_reaches_it_nor_is_looked_at(verb: str) -> None:
    given = env(verb, CONTAINERID="not/an/id", IFNAME="not an ifname", ARGS="A", NETNS_OVERRIDE="1")
    request = Request.parse(given, GOOD.encode())
    assert (request.container_id, request.netns, request.ifname, request.args.text) == ("", "", "", "")
    assert not request.netns_override


def test_version_needs_nothing_and_reads_nothing():
    def stdin() -> bytes:
        raise AssertionError("stdin is not read for VERSION")

    request = Request.parse({"CNI_COMMAND": "VERSION", "CNI_CONTAINERID": "not/an/id"}, stdin)
    assert (request.verb, request.stdin, request.conf.name) == (Verb.VERSION, b"", "")


@pytest.mark.parametrize(
    ("verb", "lenient"), [("ADD", False), ("CHECK", False), ("DEL", True), ("GC", True), ("STATUS", True)]
)
def test_arguments_are_never_an_error_where_things_are_cleared_up(verb: str, lenient: bool) -> None:
    assert Request.parse(env(verb, ARGS="A"), GOOD.encode()).args.lenient is lenient


def test_stdin_is_read_when_the_environment_is_good_and_not_before():
    read = []

    def stdin() -> bytes:
        read.append("stdin")
        return GOOD.encode()

    with pytest.raises(BadEnvironment):
        Request.parse({"CNI_COMMAND": "ADD"}, stdin)
    assert read == []
    assert Request.parse(env("ADD"), stdin).conf.name == "net"
    assert read == ["stdin"]


def test_a_stdin_that_can_not_be_read_is_told():
    def stdin() -> bytes:
        raise OSError(5, "Input/output error")

    with pytest.raises(IOFailure) as caught:
        Request.parse(env("ADD"), stdin)
    assert str(caught.value) == "error reading from stdin: Input/output error"
    assert caught.value.cni_code == 5


def test_gc_says_what_is_still_attached():
    conf = json.loads(GOOD) | {"cni.dev/valid-attachments": [{"containerID": "c1", "ifname": "eth0"}]}
    assert Request.parse(env("GC"), json.dumps(conf).encode()).valid_attachments == {("c1", "eth0")}
    assert Request.parse(env("GC"), GOOD.encode()).valid_attachments == frozenset()


def test_a_verb_needs_a_plugin_that_is_as_new():
    require_verb_version(Verb.CHECK, "0.4.0", ("0.3.0", "1.0.0"))
    require_verb_version(Verb.ADD, "9.9.9", ("0.3.0",))
    with pytest.raises(IncompatibleVersion) as caught:
        require_verb_version(Verb.CHECK, "1.0.0", ("0.3.0", "0.4.0"))
    assert str(caught.value) == "plugin version does not allow CHECK"


def test_every_verb_has_its_row():
    assert set(VERBS) == set(Verb)


@pytest.mark.parametrize("name", ["CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH"])
def test_bytes_that_are_no_text_are_refused(name: str) -> None:
    value = b"K=\xff".decode(errors="surrogateescape")
    with pytest.raises(BadEnvironment) as caught:
        Request.parse({**env("ADD"), name: value}, GOOD.encode())
    assert caught.value.message == f"{name} is not UTF-8"
