"""The protocol against the reference's own programs: what they refuse, what they print, and what they are told."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from multinet.cni import answer, versions
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf, NetConfList
from multinet.cni.types import DNS, Address, Result, Route
from multinet.cni.wire import result_from_json, result_of_plugin, result_to_json
from multinet.errors import MultinetError, PluginFailed
from tests.cni import corpus
from tests.cni.requests import REFUSED, Refused, env
from tests.cni.values import cidr, ip
from tests.support.netns import Netns

pytestmark = pytest.mark.peer


def run(
    program: Path, given: Mapping[str, str], stdin: bytes = b"", *arguments: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [program, *arguments], env=dict(given), input=stdin, capture_output=True, timeout=30, check=False
    )


# --- before the work begins


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.what)
def test_the_reference_refuses_the_same_in_the_same_words(peers: Path, row: Refused) -> None:
    done = run(peers / "static", row.env, row.stdin.encode())
    said = json.loads(done.stdout)
    assert done.returncode == 1
    assert said["code"] == row.code
    if row.message.endswith("..."):
        assert said["msg"].startswith(row.message.removesuffix("..."))
    else:
        error = PluginFailed(row.message, plugin_code=row.code, details=row.details)
        assert done.stdout == answer.failure(error)


@pytest.mark.parametrize(
    ("type_", "since"), [("static", "0.1.0"), ("bandwidth", "0.3.0"), ("firewall", "0.4.0")]
)
def test_version_is_answered_byte_for_byte(peers: Path, type_: str, since: str) -> None:
    served = versions.SUPPORTED[versions.SUPPORTED.index(since) :]
    done = run(peers / type_, {"CNI_COMMAND": "VERSION"})
    assert done.stdout == versions.version_answer(served)


def test_who_runs_it_by_hand_is_told_the_same(peers: Path) -> None:
    done = run(peers / "static", {"CNI_CONTAINERID": "not/an/id"})
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.decode() == answer.about("static", "v1.9.1") + "\n"


@pytest.mark.parametrize(
    "text",
    [
        "IP=10.1.2.3/24;",
        "IP",
        "A=1;B=2",
        "A=1;IgnoreUnknown=0",
        "IgnoreUnknown=Maybe",
        "ip=10.1.2.3/24",
        "IgnoreUnknown=1;A=b=c",
        'A"B',
        "A;IgnoreUnknown=x",
        "IgnoreUnknown=x;A",
    ],
)
def test_arguments_are_refused_in_the_same_words(peers: Path, text: str) -> None:
    conf = b'{"cniVersion": "1.0.0", "name": "net", "type": "static", "ipam": {"type": "static"}}'
    done = run(peers / "static", env("ADD", ARGS=text), conf)
    with pytest.raises(MultinetError) as caught:
        Args.parse(text).known("IP", "GATEWAY")
    assert json.loads(done.stdout)["msg"] == caught.value.sentence


# --- results


@pytest.mark.parametrize("version", versions.SUPPORTED)
def test_static_prints_what_we_print(peers: Path, version: str) -> None:
    result = Result(
        ips=(
            Address(address=cidr("10.1.2.3/24"), gateway=ip("10.1.2.1")),
            Address(address=cidr("fd00::3/64"), gateway=ip("fd00::1")),
        ),
        routes=(
            Route(dst=cidr("0.0.0.0/0"), gw=ip("10.1.2.1"), mtu=1400, advmss=1360, priority=5, table=0, scope=253),
            Route(dst=cidr("10.20.30.40/16")),
            Route(dst=cidr("::/0"), gw=ip("fd00::1"), table=100),
        ),
        dns=DNS(nameservers=("10.1.0.1",), domain="a<b>&c.example", search=("x", "y"), options=("ndots:5",)),
    )  # fmt: skip
    told = json.loads(result_to_json(result, "1.1.0"))
    ipam = {"type": "static", "addresses": told["ips"], "routes": told["routes"], "dns": told["dns"]}
    conf = {"cniVersion": version, "name": "net", "type": "static", "ipam": ipam}
    done = run(peers / "static", env("ADD"), json.dumps(conf).encode())
    assert done.stdout == result_to_json(result, version)
    assert result_to_json(result_of_plugin(done.stdout, version), version) == done.stdout


@pytest.mark.parametrize("version", versions.SUPPORTED)
@pytest.mark.parametrize("subnets", [["10.1.2.0/24"], ["fd00::/64"], ["10.1.2.0/24", "fd00::/64"]])
def test_host_local_prints_what_we_print(
    peers: Path, tmp_path: Path, version: str, subnets: list[str]
) -> None:
    conf = {
        "cniVersion": version,
        "name": "net",
        "type": "host-local",
        "ipam": {
            "type": "host-local",
            "dataDir": str(tmp_path),
            "ranges": [[{"subnet": subnet}] for subnet in subnets],
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0", "gw": "fd00::9"}],
        },
    }
    done = run(peers / "host-local", env("ADD"), json.dumps(conf).encode())
    result = result_of_plugin(done.stdout, version)
    assert [str(address.address.network) for address in result.ips] == subnets
    assert result_to_json(result, version) == done.stdout


@pytest.mark.parametrize("version", versions.SUPPORTED)
def test_a_plugin_passes_on_what_we_told_it(peers: Path, pod: Netns, version: str) -> None:
    """Two real ends: our request in, a plugin that prints the previous result, our reader behind it."""
    conf = NetConf.of({"cniVersion": version, "name": "net", "type": "loopback"})
    for written in corpus.read():
        if version in written.versions:
            result = result_from_json(written.given, version)
            stdin = conf.with_prev_result(result).encode()
            done = run(peers / "loopback", env("ADD", NETNS=pod.path, IFNAME="lo"), stdin)
            assert done.stdout == result_to_json(result, version), written.name
            assert result_to_json(result_of_plugin(done.stdout, version), version) == written.told[version]


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0"])
def test_a_plugin_fails_as_we_do_when_a_result_can_not_be_told(
    peers: Path, host: Netns, pod: Netns, version: str
) -> None:
    conf = f'{{"cniVersion": "{version}", "name": "net", "type": "bridge"}}'
    done = host.run(peers / "bridge", env=env("ADD", NETNS=pod.path), input=conf, check=False)
    with pytest.raises(MultinetError) as caught:
        result_to_json(Result(), version)
    assert json.loads(done.stdout)["msg"] == caught.value.sentence


# --- lists


def cnitool(
    peers: Path, folder: Path, verb: str, text: str, **given: str
) -> subprocess.CompletedProcess[bytes]:
    (folder / "net.conflist").write_text(text)
    given = {"NETCONFPATH": str(folder), "CNI_PATH": f"{folder}:{peers}", "PATH": os.environ["PATH"], **given}
    return run(peers / "cnitool", given, b"", verb, "net", str(folder / "not-there"))


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "net", "plugins": []}',
        '{"name": "net", "plugins": [{}]}',
        '{"name": "net", "plugins": [{"type": "a"}, {"type": ""}]}',
        '{"name": "net", "loadOnlyInlinedPlugins": true}',
        '{"name": "net"}',
        '{"plugins": [{"type": "a"}]}',
        '{"name": "net", "disableCheck": "yes", "plugins": [{"type": "a"}]}',
        '{"name": "net", "cniVersions": ["1.2.3.4"], "plugins": [{"type": "a"}]}',
    ],
)
def test_libcni_refuses_the_same_lists_in_the_same_words(peers: Path, tmp_path: Path, text: str) -> None:
    done = cnitool(peers, tmp_path, "add", text)
    with pytest.raises(MultinetError) as caught:
        NetConfList.parse(text)
    prefix = "error parsing configuration list: "
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[0].removeprefix(prefix) == caught.value.sentence.removeprefix(
        prefix
    )


@pytest.mark.parametrize(
    "said",
    [
        {"cniVersion": "0.4.0"},
        {"cniVersion": "0.3.1", "cniVersions": ["0.4.0", "1.0.0", "3.0.0"]},
        {"cniVersions": ["0.3.0", "0.2.0"]},
        {"cniVersion": "1.1.0", "cniVersions": ["0.3.0"]},
        {},
    ],
)
def test_libcni_tells_each_plugin_what_we_tell_it(peers: Path, tmp_path: Path, said: dict[str, Any]) -> None:
    """Two plugins that keep what they get on stdin, called by libcni, against our requests for the same."""
    for name in ("first", "second"):
        program = tmp_path / name
        program.write_text(
            f'#!/bin/sh\n[ "$CNI_COMMAND" = VERSION ] || cat > {tmp_path}/$CNI_COMMAND.{name}\n'
            'echo \'{"ip4": {"ip": "10.1.2.3/24"}, "ips": [{"version": "4", "address": "10.1.2.3/24"}]}\'\n'
        )
        program.chmod(0o755)
    args = {"ips": ["10.1.2.3"], "mac": "02:00:00:00:00:01"}
    text = json.dumps(
        {
            "name": "net",
            **said,
            "plugins": [
                {"type": "first", "capabilities": {"ips": True, "mac": False}, "x": [1, {"y": "<&>"}]},
                {"type": "second", "name": "other", "cniVersion": "0.1.0", "runtimeConfig": {"a": 1}},
            ],
        }
    )
    done = cnitool(peers, tmp_path, "add", text, CAP_ARGS=json.dumps(args))
    cnitool(peers, tmp_path, "del", text, CAP_ARGS=json.dumps(args))
    assert done.returncode == 0, done.stderr

    found = NetConfList.parse(text)
    result = Result(ips=(Address(address=cidr("10.1.2.3/24")),))
    for index, (name, before) in enumerate((("first", None), ("second", result))):
        theirs = json.loads((tmp_path / f"ADD.{name}").read_bytes())
        ours = json.loads(found.plugin_request(index, prev_result=before, capability_args=args).encode())
        assert theirs | {"cniVersion": theirs["cniVersion"] or versions.FIRST} == ours
