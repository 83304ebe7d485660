"""The reference's daemon and ours, on one wire with one server: the same answers, and the same said to the server."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from delegates.ipam.dhcp.packet import Kind
from tests.support import dhcp
from tests.support.dhcp import Server, seconds
from tests.support.netns import Netns
from tests.support.plugins import Attachment, reference, refusal
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

ARGS = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart-0;ODD=a=b"
SERVED = {
    6: bytes((10, 66, 0, 53)),
    15: b"office.example",
    33: bytes((172, 20, 0, 0, 10, 66, 0, 9, 192, 0, 2, 0, 10, 66, 0, 9)),
    121: bytes((24, 10, 77, 0, 10, 66, 0, 1, 0, 10, 66, 0, 2, 32, 192, 0, 2, 7, 0, 0, 0, 0)),
}

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "priority": {"priority": 77},
    "classless routes": {"request": [{"option": "121"}]},
    "classless routes and priority": {"request": [{"option": "121"}], "priority": 5},
    "old routes": {"request": [{"option": "33"}]},
    "named and numbered": {"request": [{"option": "routers"}, {"option": "subnet-mask"}, {"option": "42"}]},
    "without the default": {"request": [{"skipDefault": True, "option": "1"}]},
    "asking for nothing": {"request": [{"skipDefault": True}]},
    "provided": {
        "provide": [
            {"option": "host-name", "fromArg": "K8S_POD_NAME"},
            {"option": "user-class", "value": "kitchen"},
            {"option": "vendor-class-identifier", "value": "first"},
            {"option": "60", "value": "last"},
            {"option": "77", "value": "value", "fromArg": "K8S_POD_NAMESPACE"},
            {"option": "224", "value": "own", "fromArg": "ABSENT"},
            {"option": "225", "fromArg": "ABSENT"},
            {"option": "226", "fromArg": "ODD"},
        ]
    },
    "a client id of one's own": {"provide": [{"option": "dhcp-client-identifier", "value": "me"}]},
}


def network(path: Path, **ipam: Any) -> dict[str, Any]:
    keys = {"type": "dhcp", "daemonSocketPath": str(path), **ipam}
    return {"cniVersion": "1.0.0", "name": "office", "type": "dhcp", "ipam": keys}


@pytest.fixture
def theirs(host: Netns, peers: Path, tmp_path: Path) -> Iterator[Path]:
    """The socket of the reference's daemon."""
    path = tmp_path / "theirs" / "dhcp.sock"
    with (tmp_path / "theirs.log").open("wb") as log:
        process = subprocess.Popen(
            host.command(peers / "dhcp", "daemon", "-socketpath", str(path), "-timeout", "2s"),
            stdout=log,
            stderr=log,
        )
        try:
            dhcp.wait_listening(path)
            yield path
        finally:
            process.terminate()
            process.wait()


@dataclass(frozen=True, slots=True)
class Sides:
    """The same attachment by ours and by the reference's, each with a daemon of its own."""

    pod: Netns
    our_socket: Path
    their_socket: Path
    peers: Path
    attach: Callable[..., Attachment]

    def both(self, args: str = "", **keys: Any) -> tuple[Attachment, Attachment]:
        return (
            self.attach(self.pod, network(self.our_socket, **keys), args=args),
            self.attach(self.pod, network(self.their_socket, **keys), args=args, by=reference(self.peers)),
        )


@pytest.fixture
def sides(pod: Netns, leases: Path, theirs: Path, peers: Path, attach: Callable[..., Attachment]) -> Sides:
    return Sides(pod, leases / "dhcp.sock", theirs, peers, attach)


def said(server: Server) -> list[tuple[Kind, dict[int, bytes], Any]]:
    """Each message once, with what matters of it. A release may still be the last life's: nobody waits for it."""
    found = []
    for heard in (heard for heard in server.heard if heard.kind is not Kind.RELEASE):
        one = (heard.kind, dict(heard.packet.options), heard.packet.ciaddr, heard.packet.broadcast)
        if one not in found:
            found.append(one)
    return found


def test_they_answer_and_ask_the_same(wire: str, server: Callable[..., Server], sides: Sides):
    running = server(wire, options=SERVED)

    def life(one: Attachment) -> tuple[Any, Any]:
        running.forget()
        one.add()
        found = said(running)
        one.but(result={}).delete()
        return one.result, found

    for name, keys in CONFIGURATIONS.items():
        ours, reference_s = map(life, sides.both(args=ARGS, **keys))
        assert ours[0] == reference_s[0], name
        assert ours[1] == reference_s[1], name
        assert [kind for kind, *_ in ours[1]] == [Kind.DISCOVER, Kind.REQUEST], name


def test_they_renew_the_same_but_for_whom_they_tell(wire: str, server: Callable[..., Server], sides: Sides):
    """The reference renews by broadcast; RFC 2131, section 4.4.5, wants it told to the server alone."""
    running = server(wire, times={51: seconds(60), 58: seconds(1), 59: seconds(30)})

    def renewal(one: Attachment) -> Any:
        running.forget()
        one.add()
        until(lambda: len(running.of(Kind.REQUEST)) >= 2, seconds=10, what="a renewal")
        one.delete()
        heard = running.of(Kind.REQUEST)[1]
        return heard.packet.options, heard.packet.ciaddr, heard.packet.broadcast, heard.unicast

    ours, reference_s = map(renewal, sides.both())
    assert ours[:-1] == reference_s[:-1]
    assert (ours[-1], reference_s[-1]) == (True, False)


def test_only_our_release_reaches_a_server_on_linux(
    wire: str, host: Netns, server: Callable[..., Server], sides: Sides
):
    """The reference's comes from 0.0.0.0, and the kernel of its server drops that. All else is equal."""
    running = server(wire)
    releases = []
    capture = dhcp.Capture(host, wire)
    with capture:
        for one, reaches in zip(sides.both(), (True, False), strict=True):
            running.forget()
            one.add().delete()
            releases.append(capture.next(Kind.RELEASE))
            assert one.address == "10.66.0.10"
            # The server hears in order: with the next one's answer, it has heard the release if it ever does.
            sides.both()[0].but(container=f"after-{len(releases)}").add()
            assert len(running.released) == reaches
    (ours, source), (reference_s, their_source) = releases
    assert (source, their_source) == ("10.66.0.10", "0.0.0.0")
    assert (ours.options, ours.ciaddr) == (reference_s.options, reference_s.ciaddr)


def test_without_a_mask_both_refuse_in_the_same_words(wire: str, server: Callable[..., Server], sides: Sides):
    server(wire)
    ours, reference_s = (
        refusal(one.add) for one in sides.both(request=[{"skipDefault": True, "option": "3"}])
    )
    assert ours == "DHCP option Subnet Mask not found in DHCPACK"
    assert reference_s == f"error calling DHCP.Allocate: {ours}"


def test_neither_side_takes_the_other_for_its_own(
    wire: str, pod: Netns, leases: Path, theirs: Path, peers: Path, attach: Callable[..., Attachment]
):
    """Their protocol is Go's own. Each says what is wrong; DEL is success with ours."""
    one = attach(pod, network(theirs))
    with pytest.raises(Exception, match="speaks another protocol") as wrong:
        one.add()
    assert wrong.value.details == (  # type: ignore[attr-defined]
        "the reference's daemon listens there: stop it and start multinet's, or name dhcp in 'executables'"
    )
    one.delete()
    assert refusal(attach(pod, network(leases / "dhcp.sock"), by=reference(peers)).add) == (
        f"error dialing DHCP daemon: dial-http unix {leases / 'dhcp.sock'}: unexpected HTTP response: "
        "501 this is multinet's DHCP daemon, whose client is multinet's dhcp plugin"
    )


@contextmanager
def asked(path: Path, line: bytes) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(5)
        caller.connect(str(path))
        caller.sendall(line)
        yield caller


WRONG = (
    b"{\n",
    b"[]\n",
    b"{}\n",
    b'{"do": "fly"}\n',
    b'{"do": "find", "key": [1]}\n',
    b'{"do": "allocate", "order": {}}\n',
    b"[" * 60000 + b"\n",
)


def test_what_our_daemon_can_not_read_is_refused_and_it_goes_on(leases: Path):
    for line in WRONG:
        with asked(leases / "dhcp.sock", line) as caller:
            said = json.loads(caller.recv(65536))["error"]["message"]
            assert said.startswith("the DHCP daemon was asked what it can't read: ")
    with asked(leases / "dhcp.sock", b"x" * 70000) as caller:
        assert caller.recv(10) == b""
    with asked(leases / "dhcp.sock", b'{"do": "ping"}\n') as caller:
        assert json.loads(caller.recv(65536)) == {}
