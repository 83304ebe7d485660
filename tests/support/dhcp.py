"""DHCP for tests: a small server that does as it is told, dnsmasq, and the daemon of our dhcp plugin.

The small server answers as dnsmasq does (the tests of a lease's life are run against both), and besides: it tells
what it heard and how, keeps silent, refuses, and hands out leases of a few seconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import struct
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from threading import Event, Thread

from delegates.ipam.dhcp import daemon, packet
from delegates.ipam.dhcp.packet import Kind, Packet
from tests.support.netns import Netns
from tests.support.plugins import within
from tests.support.wait import until

IP_PKTINFO = 8
SO_BINDTODEVICE = 25
ADDRESS = IPv4Interface("10.66.0.1/24")
FIRST, LAST = 10, 99
POLL_SECONDS = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    packet: Packet
    source: str
    target: str

    @property
    def kind(self) -> Kind:
        return Kind(self.packet.kind)

    @property
    def unicast(self) -> bool:
        return self.target != "255.255.255.255"


def seconds(value: int) -> bytes:
    return struct.pack("!I", value)


@dataclass(kw_only=True)
class Server:
    """A thread, from ``start`` to ``stop``. Its answers are broadcast. A client is known by its option 61."""

    device: str
    address: IPv4Interface = ADDRESS
    options: dict[int, bytes] = field(default_factory=dict)
    """Sent with offers and acks when they are asked for; times always."""
    times: Mapping[int, bytes] = field(default_factory=lambda: {packet.LEASE_SECONDS: seconds(120)})
    silent: Callable[[Heard], bool] = lambda heard: False
    refuses: bool = False
    """NAK to every request."""
    heard: list[Heard] = field(default_factory=list)
    leases: dict[bytes, IPv4Address] = field(default_factory=dict)
    released: list[IPv4Address] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stopping = Event()
        self._given = FIRST

    def start(self, host: Netns | None = None) -> Server:
        """In a namespace, or where the calling thread is."""
        opened = within(host, self._open) if host is not None else self._open()
        self._thread = Thread(target=self.serve, args=(opened,), name="dhcp-server")
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def forget(self) -> None:
        """All that was heard and leased: the next client gets the first address."""
        self.heard.clear()
        self.leases.clear()
        self.released.clear()
        self._given = FIRST

    def kinds(self) -> list[Kind]:
        return [one.kind for one in list(self.heard)]

    def of(self, kind: Kind) -> list[Heard]:
        return [one for one in list(self.heard) if one.kind is kind]

    def _open(self) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        opened.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, self.device.encode() + b"\0")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        opened.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        opened.bind(("", 67))
        opened.settimeout(POLL_SECONDS)
        return opened

    def serve(self, opened: socket.socket) -> None:
        with opened:
            while not self._stopping.is_set():
                try:
                    data, more, _, (source, _) = opened.recvmsg(2048, 256)
                except TimeoutError:
                    continue
                target = socket.inet_ntoa(more[0][2][8:12])
                heard = Heard(packet=packet.decode(data), source=source, target=target)
                self.heard.append(heard)
                if not self.silent(heard) and (answer := self._answer(heard.packet)):
                    opened.sendto(answer.encode(), ("255.255.255.255", 68))

    def _answer(self, asked: Packet) -> Packet | None:
        client = asked.options.get(packet.CLIENT_ID, asked.chaddr)
        server = packet.SERVER, self.address.ip.packed
        chosen = asked.options.get(packet.SERVER)
        if chosen is not None and chosen != server[1]:
            return None
        match asked.kind:
            case Kind.DISCOVER:
                kind, address = Kind.OFFER, self._address_of(client)
            case Kind.REQUEST:
                wanted = asked.options.get(packet.REQUESTED_ADDRESS, asked.ciaddr.packed)
                address = self.leases.get(client, packet.NOWHERE)
                known = address.packed == wanted and not self.refuses
                kind, address = (Kind.ACK, address) if known else (Kind.NAK, packet.NOWHERE)
            case Kind.RELEASE:
                if (gone := self.leases.pop(client, None)) is not None:
                    self.released.append(gone)
                return None
            case _:
                return None
        options = {packet.MESSAGE_TYPE: bytes((kind,)), server[0]: server[1]}
        if kind is not Kind.NAK:
            wanted_codes = asked.options.get(packet.ASKED_FOR, b"")
            mine = {
                packet.SUBNET_MASK: self.address.network.netmask.packed,
                packet.ROUTERS: self.address.ip.packed,
                **self.options,
            }
            options |= {code: value for code, value in mine.items() if code in wanted_codes}
            options |= self.times
        return Packet(op=packet.REPLY, xid=asked.xid, chaddr=asked.chaddr, yiaddr=address, options=options)

    def _address_of(self, client: bytes) -> IPv4Address:
        if client not in self.leases:
            self.leases[client] = self.address.network[self._given]
            self._given = FIRST + (self._given + 1 - FIRST) % (LAST - FIRST)
        return self.leases[client]


class Capture:
    """What clients say on a device, whether or not its kernel lets a server have it."""

    def __init__(self, host: Netns, device: str) -> None:
        self._socket = within(
            host, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x800))
        )
        self._socket.bind((device, 0x800))
        self._socket.settimeout(5)

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def next(self, kind: Kind) -> tuple[Packet, str]:
        """The next message of that kind, and the address it came from."""
        while True:
            data = self._socket.recv(2048)
            if data[9] == 17 and data[22:24] == b"\0\x43":
                found = packet.decode(data[28:])
                if found.kind == kind:
                    return found, socket.inet_ntoa(data[12:16])


# --- dnsmasq ---


@dataclass(frozen=True, kw_only=True, slots=True)
class Dnsmasq:
    folder: Path

    def leases(self) -> list[list[str]]:
        """Of each: when it ends, MAC, address, host name, client id."""
        file = self.folder / "leases"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


@contextmanager
def dnsmasq(host: Netns, device: str, folder: Path, *options: str) -> Iterator[Dnsmasq]:
    """On a device that has ``ADDRESS``. ``options``: of its command line."""
    folder.mkdir(parents=True, exist_ok=True)
    network = ADDRESS.network
    process = subprocess.Popen(
        host.command(
            *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root"),
            *(f"--interface={device}", "--bind-interfaces", "--no-ping", "--dhcp-authoritative"),
            f"--dhcp-range={network[FIRST]},{network[LAST]},2m",
            *(f"--dhcp-leasefile={folder / 'leases'}", f"--pid-file={folder / 'pid'}"),
            *("--log-dhcp", f"--log-facility={folder / 'log'}", *options),
        )
    )
    try:
        log = folder / "log"
        until(lambda: log.exists() and "IP range" in log.read_text(), what="dnsmasq to be ready")
        yield Dnsmasq(folder=folder)
    finally:
        process.terminate()
        process.wait()


# --- our daemon ---


@contextmanager
def running_daemon(host: Netns, folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """``python -m delegates.ipam.dhcp daemon`` with socket, leases and log in ``folder``, which may be used again."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "dhcp.sock"
    with (folder / "daemon.log").open("ab") as log:
        process = subprocess.Popen(
            host.command(
                *(sys.executable, "-m", "delegates.ipam.dhcp", "daemon"),
                *("-socketpath", str(path), "-statedir", str(folder / "leases"), *options),
            ),
            stdout=log,
            stderr=log,
            cwd=Path(__file__).parents[2],
        )

    def running() -> None:
        assert process.poll() is None, f"the daemon has ended: {(folder / 'daemon.log').read_text()[-2000:]}"

    try:
        wait_listening(path, running)
        yield process
    finally:
        process.terminate()
        process.wait()


def wait_listening(path: Path, look: Callable[[], None] = lambda: None) -> None:
    """``look`` raises when there is nothing to wait for."""

    def listening() -> bool:
        look()
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(str(path))
            return True
        return False

    until(listening, seconds=10, what=f"a daemon to listen at {path}")


def start_both(host: Netns, device: str, folder: Path) -> None:
    """A small server on ``device``, which gets ``ADDRESS``, and our daemon, at ``folder``/dhcp.sock: a process that
    lives in the namespace, and ends when that is removed. It is forked: an interpreter's start takes longer than
    what it is needed for.
    """
    host.ip("addr", "add", str(ADDRESS), "dev", device)
    host.ip("link", "set", device, "up")
    folder.mkdir(parents=True, exist_ok=True)
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            if os.fork() == 0:  # nobody's child, and nobody's zombie
                _be_both(host, device, folder)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    wait_listening(folder / "dhcp.sock")


def _be_both(host: Netns, device: str, folder: Path) -> None:
    with open(host.path) as file:
        ctypes.CDLL(None).setns(file.fileno(), 0x40000000)
    out = os.open(folder / "daemon.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(out, number)
    sys.stderr = os.fdopen(2, "w", buffering=1)  # pytest has put another in its place
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    Server(device=device).start()
    daemon.run(["-socketpath", str(folder / "dhcp.sock"), "-statedir", str(folder / "leases")], {})
    os._exit(0)
