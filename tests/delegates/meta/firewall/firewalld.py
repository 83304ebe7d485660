"""A message bus of its own, which is the real dbus-daemon, and on it what firewalld(5) says of its zones' sources.

It stands for firewalld, which would rule the machine's own packet filter: the tests that use it are passed by the
reference's program as well.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from threading import Thread
from typing import Any, Self

from jeepney import HeaderFields, Message, MessageType, new_error, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, Proxy, open_dbus_connection

NAME, PATH = "org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1"
ZONES = f"{NAME}.zone"
EXCEPTION = f"{NAME}.Exception"

BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="false"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""


class Firewalld:
    """``sources`` is the state: who is in which zone. ``said`` is every call, in order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.address = f"unix:path={folder}/socket"
        self.sources: dict[str, str] = {}
        self.zones = {"trusted", "public"}
        self.said: list[tuple[str, ...]] = []
        self.refuses: Mapping[tuple[str, str], str] = {}
        """(method, source) -> the words of a refusal"""

    def __enter__(self) -> Self:
        self._folder.mkdir()
        conf = self._folder / "bus.conf"
        conf.write_text(BUS.format(socket=self._folder / "socket"))
        argv = ["dbus-daemon", f"--config-file={conf}", "--nofork", "--nopidfile", "--print-address"]
        self._daemon = subprocess.Popen(argv, stdout=subprocess.PIPE)
        assert self._daemon.stdout
        assert self._daemon.stdout.readline()  # it listens now
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """The bus ends, and with it the connection that the service waits on."""
        self._daemon.terminate()
        self._daemon.wait()
        assert self._daemon.stdout
        self._daemon.stdout.close()
        self._thread.join()

    def start(self) -> None:
        self._connection = open_dbus_connection(self.address)
        assert Proxy(message_bus, self._connection).RequestName(NAME) == (1,)
        self._thread = Thread(target=self._serve, args=(self._connection,))
        self._thread.start()

    def _serve(self, connection: DBusConnection) -> None:
        with connection:
            while True:
                try:
                    asked = connection.receive()
                except ConnectionResetError:
                    return
                if asked.header.message_type is MessageType.method_call:
                    connection.send(self._answer(asked))

    def _answer(self, asked: Message) -> Message:
        fields = asked.header.fields
        method = fields[HeaderFields.member]
        assert (fields[HeaderFields.path], fields[HeaderFields.interface]) == (PATH, ZONES)
        self.said.append((method, *asked.body))
        try:
            return new_method_return(asked, *self._do(method, *asked.body))
        except ValueError as error:
            return new_error(asked, EXCEPTION, "s", (str(error),))

    def _do(self, method: str, zone: str, source: str) -> tuple[str, tuple[Any, ...]]:
        """In the words of firewalld's own errors."""
        if words := self.refuses.get((method, source)):
            raise ValueError(words)
        if zone not in self.zones:
            raise ValueError(f"INVALID_ZONE: '{zone}' not among existing zones")
        there = self.sources.get(source)
        match method:
            case "addSource":
                if there == zone:
                    raise ValueError(f"ZONE_ALREADY_SET: '{source}' already bound to '{zone}'")
                if there:
                    raise ValueError(f"ZONE_CONFLICT: '{source}' already bound to '{there}'")
                self.sources[source] = zone
                return "s", (zone,)
            case "removeSource":
                if there != zone:
                    raise ValueError(f"UNKNOWN_SOURCE: '{source}' is not in '{zone}'")
                del self.sources[source]
                return "s", (zone,)
            case "querySource":
                return "b", (there == zone,)
        raise ValueError(f"no method {method}")
