"""What comes back from the API server, and what it means when nothing does."""

from __future__ import annotations

import json
import ssl
from contextlib import suppress
from typing import Any

import urllib3
from urllib3.exceptions import (
    ClosedPoolError,
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from multinet.kube.errors import ApiError, ApiUnavailable, of_status
from multinet.kube.paths import Target


def unsent(error: HTTPError) -> bool:
    """No connection came about, so nothing can have been done."""
    return isinstance(error, NewConnectionError | ConnectTimeoutError | ClosedPoolError)


def distrusted(error: HTTPError) -> bool:
    """The server's certificate is not good, and will not be better in a moment."""
    return isinstance(error, SSLError) and isinstance(error.args[0], ssl.SSLCertVerificationError)


def retry_after(response: urllib3.BaseHTTPResponse) -> float:
    """The API server says whole seconds; a proxy's date is as good as nothing."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0.0


def refusal(target: Target, response: urllib3.BaseHTTPResponse) -> ApiError:
    """The error that an answer other than 2xx is."""
    status: Any = None
    with suppress(ValueError, HTTPError):  # a proxy's words, or none
        status = json.loads(response.data)
    if not isinstance(status, dict) or status.get("kind") != "Status":
        status = {"message": response.reason or ""}
    return of_status({**status, "code": response.status}, str(target))


def no_answer(target: Target, server: str, error: Exception) -> ApiUnavailable:
    """The error that a connection's failure is."""
    why = str(error)
    match error:
        case ReadTimeoutError():
            why = "it is silent"
        case NewConnectionError() if isinstance(error.__cause__, OSError):
            why = error.__cause__.strerror or str(error.__cause__)
        case ConnectTimeoutError():
            why = "no connection came about in time"
        case ProtocolError() if error.args and isinstance(error.args[-1], Exception):
            why = getattr(error.args[-1], "strerror", "") or str(error.args[-1])
        case SSLError():
            why = f"TLS: {error}"
    return ApiUnavailable(f"the API server {server} did not answer to {target}: {why}")


def decode(text: bytes, target: Target) -> dict[str, Any]:
    """A proxy's page with status 200 is no answer either: ApiUnavailable."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ApiUnavailable(
            f"the API server's answer to {target} is not JSON: {error}", status=200
        ) from error
    if not isinstance(content, dict):
        raise ApiUnavailable(f"the API server's answer to {target} is not an object", status=200)
    return content
