"""A server on loopback that answers as it is told: what a real API server does only when it is overloaded."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    status: int = 200
    body: str = "{}"
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False
    """Close the connection instead of answering."""


def refusal(status: int, reason: str, message: str, **headers: str) -> Answer:
    """As the API says it."""
    body = {"kind": "Status", "code": status, "reason": reason, "message": message}
    return Answer(
        status=status,
        body=json.dumps(body),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


class Scripted:
    """``answers`` are given in turn, the last one for ever. ``asked`` and ``connections`` tell what came."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self.port = 0

    @property
    def server(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def serving(*answers: Answer) -> Iterator[Scripted]:
    script = Scripted(*answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            script.connections += 1
            super().setup()

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.asked.append(f"{self.command} {self.path}")
            script.headers.append(dict(self.headers.items()))
            given = script.next()
            if given.hang_up:
                self.close_connection = True
                return
            self.send_response(given.status)
            for name, value in {**given.headers, "Content-Length": str(len(given.body.encode()))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(given.body.encode())

        do_GET = do_POST = do_PATCH = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            """Not on the test's stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        script.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield script
        finally:
            http.shutdown()
            thread.join()
