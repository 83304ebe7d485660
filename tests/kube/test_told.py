"""Every try of a request is told to whoever counts them, with what came of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from multinet.daemon.metrics import Metrics
from multinet.deadline import Deadline
from multinet.kube import paths
from multinet.kube.client import Access, Api
from multinet.kube.errors import ApiNotFound, ApiUnavailable
from tests.daemon.observe.test_metrics import read


class Server(BaseHTTPRequestHandler):
    """Answers with the statuses of ``answers`` in turn."""

    answers: Iterator[int]

    def do_GET(self) -> None:
        self.send_response(next(self.answers))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def server() -> Iterator[str]:
    """Where a server listens that refuses, fails, and then answers."""
    made = HTTPServer(("127.0.0.1", 0), type("Once", (Server,), {"answers": iter([404, 503, 200])}))
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


def test_each_try_is_counted_by_what_came_of_it(server: str):
    metrics = Metrics()
    api = Api(Access(server=server), metrics.api_request)
    with pytest.raises(ApiNotFound):
        api.get(paths.pod("default", "cart"), deadline=Deadline(10))
    assert api.get(paths.pod("default", "cart"), deadline=Deadline(10)) == {}
    api.close()

    assert read(metrics) == {
        "multinet_api_requests_total{code=404,resource=pods,verb=get}": 1.0,
        "multinet_api_requests_total{code=503,resource=pods,verb=get}": 1.0,
        "multinet_api_requests_total{code=200,resource=pods,verb=get}": 1.0,
    }


def test_a_server_that_gives_no_answer_is_counted_as_such():
    metrics = Metrics()
    api = Api(Access(server="http://127.0.0.1:1"), metrics.api_request)
    with pytest.raises(ApiUnavailable):
        api.get(paths.pod("default", "cart"), deadline=Deadline(0.05))
    api.close()

    (counted,) = read(metrics)
    assert counted == "multinet_api_requests_total{code=0,resource=pods,verb=get}"
