"""What answers where an API server should: HTTP/1.1, JSON, the lines of a watch, and the objects in them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, cast

from multinet.deadline import Deadline
from multinet.errors import MultinetError
from multinet.kube.answers import decode, no_answer, refusal, retry_after
from multinet.kube.claims import Claims
from multinet.kube.client import Api
from multinet.kube.devices import Allocated
from multinet.kube.errors import of_status
from multinet.kube.http import Connection, Unanswered
from multinet.kube.nads import NadCache
from multinet.kube.paths import Target
from multinet.kube.pods import PodCache
from multinet.kube.stream import Stream
from multinet.plan import Pod
from tests.fuzz import damage
from tests.fuzz.surface import Feed, Surface, damaged, pure
from tests.kube.script import Script

TARGET = Target.of("GET", "/api/v1/namespaces/shop/pods/cart")
STATUS = {"kind": "Status", "code": 409, "reason": "Conflict", "message": "it was changed"}
POD: dict[str, Any] = {
    "metadata": {
        "namespace": "shop",
        "name": "cart",
        "uid": "u-1",
        "annotations": {"k8s.v1.cni.cncf.io/networks": "net-a", "kubernetes.io/config.source": "api"},
    },
    "spec": {
        "resourceClaims": [{"name": "nic", "resourceClaimName": "claim"}, {"name": "made", "x": 1}],
        "containers": [{"resources": {"limits": {"intel.com/nic": "1"}}}],
    },
    "status": {
        "resourceClaimStatuses": [{"name": "made", "resourceClaimName": "claim-2"}],
        "extendedResourceClaimStatus": {
            "resourceClaimName": "claim-3",
            "requestMappings": [{"requestName": "r", "resourceName": "intel.com/nic"}],
        },
    },
}
CLAIM: dict[str, Any] = {
    "status": {
        "allocation": {
            "devices": {"results": [{"request": "r", "driver": "d", "pool": "p", "device": "vf0"}]}
        }
    }
}
SLICES: dict[str, Any] = {
    "metadata": {},
    "items": [
        {
            "spec": {
                "driver": "d",
                "pool": {"name": "p", "generation": 2},
                "devices": [
                    {
                        "name": "vf0",
                        "attributes": {
                            "k8s.cni.cncf.io/deviceID": {"string": "0000:00:01.0"},
                            "k8s.cni.cncf.io/resourceName": {"string": "intel.com/nic"},
                        },
                    }
                ],
            }
        }
    ],
}
DEFINITION: dict[str, Any] = {
    "apiVersion": "k8s.cni.cncf.io/v1",
    "kind": "NetworkAttachmentDefinition",
    "metadata": {"namespace": "shop", "name": "net-a"},
    "spec": {"config": '{"cniVersion": "1.1.0", "type": "bridge"}'},
}


def _answer(body: bytes, *fields: bytes, status: bytes = b"200 OK") -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + status, *fields, b"", body])


def _chunked(dice: Random, body: bytes) -> bytes:
    pieces = b""
    while body:
        size = dice.randrange(1, len(body) + 1)
        pieces += b"%x\r\n%s\r\n" % (size, body[:size])
        body = body[size:]
    return pieces + b"0\r\n\r\n"


def _http(dice: Random) -> bytes:
    body = damage.json_bytes(dice, dice.choice((POD, STATUS)))
    status = dice.choice(
        (b"200 OK", b"200 OK", b"409 x", b"429 x", b"503 x", b"204 x", b"100 x", b"7", b"9" * 5000)
    )
    more = dice.choice(
        (b"Retry-After: " + b"9" * 400, b"Connection: close", b"X", b": :", b"X: " + b"y" * 70_000)
    )
    match dice.randrange(4):
        case 0:
            said = _answer(_chunked(dice, body), b"Transfer-Encoding: chunked", more, status=status)
        case 1:
            said = _answer(body, more, status=status)
        case 2:
            length = dice.choice((b"0", b"-1", b"9" * 5000, b"1e3", b"0x10", b"99999999999", b"\xb2", b""))
            said = _answer(body, b"Content-Length: " + length, more, status=status)
        case _:
            said = _answer(body, b"Content-Length: %d" % len(body), status=status)
    return said if dice.random() < 0.4 else damage.data(dice, said)


def _read_http(said: bytes) -> None:
    """As the client reads it: an object, or why there is none."""
    near, far = socket.socketpair()
    connection = Connection(near)
    try:
        far.settimeout(0)
        try:
            far.sendall(said)
        except BlockingIOError:
            return  # more than the kernel keeps for a reader: nobody has heard all of it
        far.shutdown(socket.SHUT_WR)
        try:
            reply = connection.ask(b"GET / HTTP/1.1\r\n\r\n", 1.0, 5.0)
            reply.read()
        except Unanswered as error:
            raise no_answer(TARGET, "https://api", error) from error
        assert retry_after(reply) >= 0
        if reply.status >= 300:
            raise refusal(TARGET, reply)
        decode(reply.read(), TARGET)
    finally:
        connection.close()
        far.close()


class Lines:
    """A reply that brings these pieces (``http.Reply``)."""

    def __init__(self, said: bytes, size: int) -> None:
        self._said = said
        self._size = size

    def pieces(self) -> Iterator[bytes]:
        for start in range(0, len(self._said), self._size):
            yield self._said[start : start + self._size]

    def cut(self) -> None:
        """Nobody waits."""


def _lines(dice: Random) -> tuple[bytes, int]:
    events = [
        {"type": dice.choice(("ADDED", "DELETED", "BOOKMARK", "ERROR")), "object": POD} for _ in range(3)
    ]
    said = b"\n".join(damage.json_bytes(dice, one).replace(b"\n", b"") for one in events) + b"\n"
    return said, dice.choice((1, 7, 100, 1 << 16))


def _read_lines(told: tuple[bytes, int]) -> None:
    for event in Stream(cast(Any, Lines(*told)), TARGET, "https://api"):
        assert isinstance(event, dict)


def _objects(dice: Random) -> list[Any]:
    """A list's page, then events; one of all these is sound."""
    seeds = [POD, DEFINITION]
    objects = [damage.anything(dice, dice.choice(seeds)) for _ in range(3)]
    return objects


def _watched(objects: list[Any]) -> None:
    """Whatever stands beside them: the sound ones are known afterwards, and more can be heard."""
    page = json.dumps([*objects, POD, DEFINITION])
    events = tuple({"type": "MODIFIED", "object": one} for one in (POD, DEFINITION))
    for cache, key in (
        (PodCache(Script(page, events=events).api, "n1"), ("shop", "cart")),
        (NadCache(Script(page, events=events).api), "shop/net-a"),
    ):
        cast(Any, cache).reflector._list()
        assert cast(Any, cache).reflector.get(key) is not None
        for one in objects:
            if isinstance(one, dict):
                cast(Any, cache).reflector._kept(one)
    nads = NadCache(Script(page, events=events).api)
    nads.reflector._list()
    for key in list(nads.reflector.items()):
        namespace, _, name = key.partition("/")
        with suppress(MultinetError):  # it is said to the pod that names it
            nads.get(namespace, name)


class Answers:
    """The API by what it answers (``client.Api``)."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = answers

    def get(self, path: str, **_: object) -> Any:
        for part, answer in self._answers.items():
            if part in path:
                return decode(json.dumps(answer).encode(), TARGET)
        raise AssertionError(path)


class Nothing:
    """A kubelet that gave no device."""

    def allocated(self, pod: Pod, deadline: Deadline) -> Mapping[str, list[str]]:
        return {}

    def registered(self, deadline: Deadline) -> frozenset[str]:
        return frozenset()


def _claims(dice: Random) -> dict[str, Any]:
    seeds = {"resourceclaims": CLAIM, "resourceslices": SLICES, "pods/": POD}
    broken = dice.choice(list(seeds))
    return {part: damage.anything(dice, seed) if part == broken else seed for part, seed in seeds.items()}


def _read_claims(answers: Mapping[str, Any]) -> None:
    """A KeyError would say that the pod has none."""
    pod = Pod(namespace="shop", name="cart", uid="u-1")
    claims = Claims(cast(Api, Answers(answers)), "n1")
    for resource, devices in claims.of_pod(pod, Deadline(10)).devices.items():
        assert all(isinstance(one, str) for one in (resource, *devices))
    try:
        Allocated(pod, Nothing(), claims, Deadline(10))["intel.com/nic"]
    except KeyError:
        return


def _asked_pod(answer: Any) -> None:
    pod = PodCache(cast(Api, Answers({"": answer})), "n1").ask("shop", "cart", Deadline(10))
    assert all(isinstance(one, str) for one in (pod.uid, *pod.annotations.values()))


@contextmanager
def _status(_: Path) -> Iterator[Feed]:
    def feed(status: Any) -> None:
        raise of_status(status if isinstance(status, dict) else {}, "get pods shop/cart")

    yield feed


OF = "API server's answer"
SURFACES = (
    Surface(name="HTTP/1.1", of=OF, make=_http, open=pure(_read_http), short=200),
    Surface(name="lines of a watch", of=OF, make=_lines, open=pure(_read_lines), short=150),
    Surface(name="objects of a list and a watch", of=OF, make=_objects, open=pure(_watched), short=150),
    Surface(name="claims and slices of devices", of=OF, make=_claims, open=pure(_read_claims)),
    Surface(
        name="a pod that is asked for", of=OF, make=damaged([POD], damage.anything), open=pure(_asked_pod)
    ),
    Surface(name="Status", of=OF, make=damaged([STATUS], damage.anything), open=_status),
)
