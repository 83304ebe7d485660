"""One gRPC call over a unix socket: a message there, a message back.

The protocol is HTTP/2 (``h2`` knows it, without I/O) with a prefix of five bytes before each message and the
outcome in the trailers (grpc.io, "gRPC over HTTP2"). The gRPC library proper would cost an agent 12 MB and
threads of its own.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import H2Error

from multinet.deadline import Deadline
from multinet.errors import DecodingFailure, MultinetError, TryAgain

PREFIX = struct.Struct("!?I")
"""Before each message: is it compressed, and its length."""

MOST_BYTES = 16 << 20
"""What an answer may have. The kubelet's own client takes as much."""

CHUNK = 64 << 10
"""Bytes read from the socket at a time."""

_STATUS = re.compile(rb"[0-9]{1,9}")

# Status codes, as far as anything is done about them (grpc.io, "Status codes").
OK, UNKNOWN, RESOURCE_EXHAUSTED, UNIMPLEMENTED = 0, 2, 8, 12


class Refused(MultinetError):
    """The server answered with a status. ``status`` is its number."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(kw_only=True, slots=True)
class Answer:
    """What has come so far."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    """Those of the front and, in the end, the trailers."""
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False


def call(path: Path, method: str, message: bytes, deadline: Deadline) -> bytes:
    """The answer's message. ``method``: ``/package.Service/Method``.

    Raises Refused with the server's status, TryAgain where nobody answers (in time), and DecodingFailure where
    somebody does, but not in gRPC.
    """
    name = method.rpartition("/")[2]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connected:
            _wait_at_most(connected, deadline)
            connected.connect(str(path))
            answer = _exchange(connected, method, message, deadline)
    except TimeoutError as error:
        raise TryAgain(f"{path} did not answer {name} in time", hint="the runtime will try again") from error
    except EOFError as error:
        raise TryAgain(
            f"{path} hung up before it answered {name}", hint="the runtime will try again"
        ) from error
    except OSError as error:
        raise TryAgain(
            f"could not ask {path} for {name}: {error.strerror or error}",
            hint="what serves that socket may be starting; the runtime will try again",
        ) from error
    except H2Error as error:
        raise DecodingFailure(f"what answers at {path} does not speak gRPC: {error}") from error
    return _message(answer, f"{path} answered {name}")


def _exchange(connected: socket.socket, method: str, message: bytes, deadline: Deadline) -> Answer:
    connection = H2Connection(H2Configuration(client_side=True))
    connection.initiate_connection()
    stream = connection.get_next_available_stream_id()
    connection.send_headers(
        stream,
        [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", method),
            (":authority", "localhost"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
        ],
    )
    connection.send_data(stream, PREFIX.pack(False, len(message)) + message, end_stream=True)
    answer = Answer()
    while True:
        _wait_at_most(connected, deadline)
        connected.sendall(connection.data_to_send())
        if answer.ended:
            return answer
        _wait_at_most(connected, deadline)
        if not (data := connected.recv(CHUNK)):
            raise EOFError
        _take(connection, connection.receive_data(data), answer)
        if len(answer.body) > PREFIX.size + MOST_BYTES:
            raise DecodingFailure(
                f"{connected.getpeername()} answered {method.rpartition('/')[2]} "
                f"with more than {MOST_BYTES >> 20} MiB"
            )


def _take(connection: H2Connection, events: Iterable[Event], answer: Answer) -> None:
    for event in events:
        match event:
            case ResponseReceived(headers=headers) | TrailersReceived(headers=headers):
                answer.headers |= {bytes(key): bytes(value) for key, value in headers or ()}
            case DataReceived(data=data, flow_controlled_length=length, stream_id=stream):
                answer.body += data or b""
                connection.acknowledge_received_data(length or 0, stream or 0)
            case StreamEnded():
                answer.ended = True
            case StreamReset() | ConnectionTerminated():
                raise EOFError


def _message(answer: Answer, who_answered: str) -> bytes:
    status, http = answer.headers.get(b"grpc-status", b""), answer.headers.get(b":status", b"")
    if not _STATUS.fullmatch(status):
        raise DecodingFailure(
            f"{who_answered} without a gRPC status (HTTP status {http.decode(errors='replace')})"
        )
    if int(status) != OK:
        told = unquote(answer.headers.get(b"grpc-message", b"").decode(errors="replace"))
        raise Refused(f"{who_answered} with the gRPC status {int(status)}: {told}", status=int(status))
    if len(answer.body) < PREFIX.size:
        raise DecodingFailure(f"{who_answered} without a message")
    compressed, length = PREFIX.unpack_from(answer.body)
    if compressed or length != len(answer.body) - PREFIX.size:
        raise DecodingFailure(f"{who_answered} with something else than one plain message")
    return bytes(answer.body[PREFIX.size :])


def _wait_at_most(connected: socket.socket, deadline: Deadline) -> None:
    left = deadline.remaining()
    if left <= 0:
        raise TimeoutError
    connected.settimeout(left)
