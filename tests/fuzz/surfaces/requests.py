"""What a runtime says to a plugin, and what the plugins that we run say to us."""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from typing import Any

from multinet.cni.args import Args
from multinet.cni.request import Request, Verb
from multinet.cni.wire import MIDDLE, NEWEST, OLDEST, result_of_plugin, result_to_json
from multinet.daemon.service import pod_of
from multinet.delegate.executable import failure
from multinet.verbs.planning import annotations_of
from tests.fuzz import damage
from tests.fuzz.surface import Surface, pure

RESULTS: Mapping[str, Any] = {
    "1.1.0": {
        "cniVersion": "1.1.0",
        "interfaces": [
            {"name": "br0", "mac": "02:00:00:00:00:01"},
            {
                "name": "eth0",
                "mac": "02:00:00:00:00:02",
                "mtu": 1500,
                "sandbox": "/run/netns/a",
                "pciID": "0:0.0",
            },
        ],
        "ips": [{"interface": 1, "address": "10.1.2.3/24", "gateway": "10.1.2.1"}, {"address": "fd00::3/64"}],
        "routes": [
            {"dst": "0.0.0.0/0", "gw": "10.1.2.1", "mtu": 1400, "priority": 5, "table": 7, "scope": 253}
        ],
        "dns": {"nameservers": ["10.0.0.10"], "domain": "a", "search": ["b"], "options": ["ndots:5"]},
    },
    "0.4.0": {
        "cniVersion": "0.4.0",
        "interfaces": [{"name": "eth0", "sandbox": "/run/netns/a"}],
        "ips": [{"version": "4", "interface": 0, "address": "10.1.2.3/24", "gateway": "10.1.2.1"}],
        "routes": [{"dst": "::/0", "gw": "fd00::1"}],
        "dns": {},
    },
    "0.2.0": {
        "cniVersion": "0.2.0",
        "ip4": {"ip": "10.1.2.3/24", "gateway": "10.1.2.1", "routes": [{"dst": "0.0.0.0/0"}]},
        "ip6": {"ip": "fd00::3/64"},
        "dns": {"nameservers": ["10.0.0.10"]},
    },
}
CONF = {
    "cniVersion": "1.1.0",
    "name": "multinet",
    "type": "multinet",
    "capabilities": {"portMappings": True, "io.kubernetes.cri.pod-annotations": True},
    "runtimeConfig": {
        "portMappings": [{"hostPort": 80, "containerPort": 80, "protocol": "tcp"}],
        "io.kubernetes.cri.pod-annotations": {"k8s.v1.cni.cncf.io/networks": "net-a"},
    },
    "ipam": {"type": "host-local"},
    "dns": {"domain": "a"},
    "args": {"cni": {"labels": {}}},
    "prevResult": RESULTS["1.1.0"],
    "cni.dev/valid-attachments": [{"containerID": "c0ffee", "ifname": "eth0"}],
}
ENV = {
    "CNI_CONTAINERID": "c0ffee",
    "CNI_NETNS": "/run/netns/a",
    "CNI_IFNAME": "eth0",
    "CNI_PATH": "/opt/cni/bin:/usr/lib/cni",
    "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart;K8S_POD_UID=u-1",
}
Asked = tuple[dict[str, str], bytes]


def _request(dice: Random) -> Asked:
    env = {"CNI_COMMAND": dice.choice([*Verb, *Verb, "add", ""]), **ENV}
    for _ in range(dice.choice((0, 1, 1, 2))):
        key = dice.choice(sorted(env))
        match dice.randrange(3):
            case 0:
                del env[key]
            case 1:
                env[key] = dice.choice(damage.WORDS)
            case _:
                env[key] = damage.text(dice, env[key])
    return env, damage.json_bytes(dice, CONF) if dice.random() < 0.7 else json.dumps(CONF).encode()


def _read_request(asked: Asked) -> None:
    env, stdin = asked
    pod = pod_of(env)
    assert pod is None or (pod.namespace and pod.name)
    request = Request.parse(env, stdin)
    request.conf.check()
    _ = request.conf.prev_result, annotations_of(request), request.valid_attachments
    request.args.known("IP", "MAC", "K8S_POD_NAMESPACE", "K8S_POD_NAME", "K8S_POD_UID")
    for name in ("verb", "container_id", "netns", "ifname"):
        getattr(request, name).encode()
    assert "/" not in request.container_id + request.ifname


def _args(dice: Random) -> str:
    return damage.text(dice, ENV["CNI_ARGS"])


def _read_args(text: str) -> None:
    """Lenient reading never refuses; what is read strictly is read leniently the same."""
    lenient = Args.parse(text, lenient=True).known("K8S_POD_NAME")
    assert Args.parse(text).known("K8S_POD_NAME") == lenient


def _result(dice: Random) -> tuple[str, bytes]:
    version = dice.choice(sorted(RESULTS))
    printed = damage.json_bytes(dice, RESULTS[version])
    return dice.choice((version, dice.choice((*NEWEST, *MIDDLE, *OLDEST)))), printed


def _read_result(told: tuple[str, bytes]) -> None:
    """What was printed by another's plugin, printed by us, is read the same."""
    version, printed = told
    result = result_of_plugin(printed, version)
    assert result_of_plugin(result_to_json(result, "1.1.0"), "1.1.0") == result


def _failure(dice: Random) -> tuple[int, bytes, bytes]:
    said = {"cniVersion": "1.1.0", "code": 7, "msg": "it can't be", "details": "because"}
    return (
        dice.choice((1, 2, 255, -9)),
        damage.json_bytes(dice, said),
        damage.data(dice, b"some words\n" * 20),
    )


def _read_failure(told: tuple[int, bytes, bytes]) -> None:
    raise failure("theirs", *told)


SURFACES = (
    Surface(name="environment and stdin", of="request", make=_request, open=pure(_read_request)),
    Surface(name="CNI_ARGS", of="request", make=_args, open=pure(_read_args)),
    Surface(name="result of a program", of="result", make=_result, open=pure(_read_result)),
    Surface(name="error of a program", of="result", make=_failure, open=pure(_read_failure)),
)
