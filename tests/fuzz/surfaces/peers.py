"""The other programs of a node and of its networks: the kubelet, DHCP servers, D-Bus, iptables."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address
from pathlib import Path
from random import Random
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from jeepney import MessageType, new_method_return
from jeepney.low_level import Header, HeaderFields, Message, MessageFlag

from delegates.ipam.dhcp import datagram, packet, terms
from delegates.ipam.dhcp.client import Client, Pace
from delegates.ipam.dhcp.doors import There
from delegates.ipam.dhcp.lease import Key, Lease, Order
from delegates.meta.firewall.bus import Bus
from delegates.meta.portmap.listing import Line
from multinet.deadline import Deadline
from multinet.kernel.iptables import Rule, quoted, words_of
from multinet.kube import protobuf
from multinet.kube.checkpoint import Checkpoint
from multinet.kube.podresources import PodResources
from multinet.plan import Pod
from tests.fuzz import damage
from tests.fuzz.surface import Feed, Surface, pure

POD = Pod(namespace="shop", name="cart", uid="u-1")

# --- the kubelet ---

CHECKPOINT: dict[str, Any] = {
    "Data": {
        "PodDeviceEntries": [
            {
                "PodUID": "u-1",
                "ContainerName": "c",
                "ResourceName": "intel.com/nic",
                "DeviceIDs": {"-1": ["vf0"]},
            },
            {"PodUID": "u-1", "ResourceName": "intel.com/nic", "DeviceIDs": ["vf1"]},
        ],
        "RegisteredDevices": {"intel.com/nic": ["vf0", "vf1"]},
    },
    "Checksum": 1,
}


@contextmanager
def _checkpoint(folder: Path) -> Iterator[Feed]:
    file = folder / "checkpoint"

    def feed(content: bytes) -> None:
        file.write_bytes(content)
        read = Checkpoint(file)
        for resource, ids in read.allocated(POD, Deadline(10)).items():
            assert all(isinstance(one, str) for one in (resource, *ids))
        read.registered(Deadline(10))

    yield feed


def _nested(number: int, content: bytes) -> bytes:
    length, size = len(content), b""
    while length > 0x7F:
        size += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([number << 3 | protobuf.BYTES]) + size + bytes([length]) + content


DEVICES = _nested(2, protobuf.texts((1, "intel.com/nic"), (2, "vf0"), (2, "vf1")))
RESOURCES = _nested(
    1, protobuf.texts((1, "cart"), (2, "shop")) + _nested(3, protobuf.texts((1, "c")) + DEVICES)
)


def _answered(dice: Random) -> bytes:
    """What a gRPC server says on the wire: settings, headers, a message, trailers; all of it a little wrong."""
    server = H2Connection(H2Configuration(client_side=False, validate_outbound_headers=False))
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    client.send_headers(1, [(":method", "POST"), (":scheme", "http"), (":path", "/x"), (":authority", "x")])
    server.initiate_connection()
    server.receive_data(client.data_to_send())
    body = damage.data(dice, RESOURCES) if dice.random() < 0.6 else RESOURCES
    prefix = struct.pack(
        "!?I", dice.random() < 0.1, len(body) if dice.random() < 0.8 else dice.randrange(2**32)
    )
    server.send_headers(1, [(":status", dice.choice(("200", "404"))), ("content-type", "application/grpc")])
    server.send_data(1, prefix + body)
    status = dice.choice(("0",) * 8 + ("2", "12", "13", "x", "9" * 5000, ""))
    server.send_headers(1, [("grpc-status", status), ("grpc-message", "%zz%41")], end_stream=True)
    said = server.data_to_send()
    match dice.randrange(6):
        case 0:
            return said[: dice.randrange(len(said))]
        case 1:
            return damage.data(dice, said)
    return said


@contextmanager
def _kubelet(folder: Path) -> Iterator[Feed]:
    """Whatever is asked is answered so, and then it hangs up."""
    path = folder / "kubelet.sock"
    answers: list[bytes] = []
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        with suppress(OSError):
            while True:
                asked, _ = listener.accept()
                with asked, suppress(OSError):
                    asked.settimeout(5)
                    asked.recv(1 << 16)
                    asked.sendall(answers[0])
                    asked.shutdown(socket.SHUT_WR)
                    while asked.recv(1 << 16):
                        """Until it has heard enough."""

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()

    def feed(said: bytes) -> None:
        answers[:] = [said]
        kubelet = PodResources(path)
        for resource, ids in kubelet.allocated(POD, Deadline(5)).items():
            assert all(isinstance(one, str) for one in (resource, *ids))
        kubelet.registered(Deadline(5))

    try:
        yield feed
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


# --- DHCP ---

MAC = bytes.fromhex("020000000001")
OPTIONS = {
    packet.MESSAGE_TYPE: bytes((packet.Kind.ACK,)),
    packet.SERVER: bytes((10, 1, 0, 1)),
    packet.SUBNET_MASK: b"\xff\xff\0\0",
    packet.ROUTERS: bytes((10, 1, 0, 1)),
    packet.DNS_SERVERS: bytes((10, 1, 0, 1, 10, 1, 0, 2)),
    packet.LEASE_SECONDS: b"\0\0\x0e\x10",
    packet.CLASSLESS_ROUTES: bytes((8, 10, 10, 1, 0, 1, 0, 10, 1, 0, 1)),
    packet.STATIC_ROUTES: bytes((192, 168, 1, 0, 10, 1, 0, 1)),
    packet.MTU: b"\x05\x78",
    packet.DOMAIN_NAME: b"example",
    packet.OVERLOAD: b"\3",
}
ORDER = Order(key=Key("c1", "net", "eth0"), mac=MAC)


def _message(kind: packet.Kind, options: dict[int, bytes]) -> bytes:
    said = packet.Packet(
        op=packet.REPLY,
        xid=7,
        chaddr=MAC,
        yiaddr=IPv4Address("10.1.2.3"),
        options={**options, packet.MESSAGE_TYPE: bytes((kind,))},
    ).encode()
    wrapped = bytearray(datagram.wrap(said, IPv4Address("10.1.0.1"), IPv4Address("255.255.255.255")))
    wrapped[22:24] = struct.pack("!H", datagram.CLIENT_PORT)
    return bytes(wrapped)


def _messages(dice: Random) -> list[bytes]:
    found = []
    for kind in (packet.Kind.OFFER, dice.choice((packet.Kind.ACK, packet.Kind.NAK, packet.Kind.OFFER))):
        options = dict(OPTIONS)
        for _ in range(dice.choice((0, 1, 2))):
            options[dice.choice(list(OPTIONS))] = dice.randbytes(dice.choice((0, 1, 3, 4, 8, 255, 300)))
        options.pop(dice.choice(list(OPTIONS)), None)
        said = _message(kind, options)
        found.append(said if dice.random() < 0.6 else damage.data(dice, said))
    return found


def _converse(said: list[bytes]) -> None:
    """What a client makes of it: what it says next, the lease, and the result that a pod is given."""
    client = Client(ORDER, Pace())
    client.begin(0.0)
    client._xid = 7
    for one in said:
        message = packet.decode(datagram.unwrap(one))
        assert packet.decode(message.encode()).options == dict(message.options)
        for send in client.hear(message, MAC, 1.0):
            client._xid = 7
            assert len(datagram.wrap(send.packet.encode(), send.source, send.target)) < 2 * packet.LARGEST
    client.wake(client.due)
    if client.lease is not None:
        assert Lease.of_json(json.loads(json.dumps(client.lease.to_json()))) == client.lease
        terms.result(client.lease.address, client.lease.options, priority=0, requested=range(255))


SAID = {
    "lease": Lease.of_ack(
        packet.decode(datagram.unwrap(_message(packet.Kind.ACK, OPTIONS))), MAC, 1.0
    ).to_json()
}
FAILED = {"error": {"kind": "TryAgain", "message": "no server", "hint": "wait"}}


def _daemon(said: bytes) -> None:
    daemon = There("/run/cni/dhcp.sock")
    daemon._lease(daemon._read(said))


# --- D-Bus ---


def _reply(serial: int, body: tuple[Any, ...], signature: str) -> bytes:
    header = Header(
        "little", MessageType.method_return, MessageFlag(0), 1, 0, 1, {HeaderFields.reply_serial: serial}
    )
    asked = Message(header, ())
    header.fields[HeaderFields.sender] = ":1.1"
    answer = new_method_return(asked, signature, body)
    answer.header.fields[HeaderFields.reply_serial] = serial
    return bytes(answer.serialise(serial=5))


REPLIES = [_reply(1, ("ok",), "s"), _reply(1, (["10.1.2.3/32"],), "as"), _reply(1, (True, 7), "bu")]


def _dbus(dice: Random) -> bytes:
    said = dice.choice(REPLIES)
    return damage.data(dice, said) if dice.random() < 0.9 else said


def _call(said: bytes) -> None:
    near, far = socket.socketpair()
    with near, far:
        far.sendall(said)
        far.shutdown(socket.SHUT_WR)
        Bus(near).call("org.fedoraproject.FirewallD1", "/org", "org.x", "querySource", "zone", "10.1.2.3")


# --- iptables ---

RULES = [
    '-A POSTROUTING -s 10.1.2.3/32 ! -d 224.0.0.0/4 -m comment --comment "name: \\"net\\" id: \\"c1\\"" -j CNI-1',
    "-A CNI-FORWARD -d 10.1.2.3/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    '-A CNI-DN-1 -p tcp -m tcp --dport 8080 -m comment --comment "x" -j DNAT --to-destination [fd00::3]:80',
    "-N CNI-1",
    "-P INPUT ACCEPT",
]


def _rule(line: str) -> None:
    if line.startswith("-A "):
        found = Rule.parse(line)
        assert found.spec in line
    words = words_of(line)
    if all(word and "\n" not in word for word in words):
        assert words_of(" ".join(map(quoted, words))) == words
    read = Line.parse(line)
    _ = read.target, read.port, read.ports, read.leads_to("10.1.2.3")


SURFACES = (
    Surface(
        name="the kubelet's checkpoint",
        of="kubelet",
        make=lambda dice: damage.json_bytes(dice, CHECKPOINT),
        open=_checkpoint,
        short=200,
    ),
    Surface(name="the kubelet's socket", of="kubelet", make=_answered, open=_kubelet, short=60),
    Surface(name="messages of DHCP", of="DHCP", make=_messages, open=pure(_converse)),
    Surface(
        name="what the DHCP daemon answers",
        of="DHCP",
        make=lambda dice: damage.json_bytes(dice, dice.choice((SAID, FAILED))),
        open=pure(_daemon),
    ),
    Surface(name="answers over D-Bus", of="D-Bus", make=_dbus, open=pure(_call), short=200),
    Surface(
        name="rules as iptables prints them",
        of="iptables",
        make=lambda dice: damage.text(dice, dice.choice(RULES)),
        open=pure(_rule),
    ),
)
