"""What comes back from the API server, and what it means when nothing does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from multinet.errors import DecodingFailure
from multinet.kube.errors import ApiError, ApiUnavailable, of_status
from multinet.kube.http import Reply, Unanswered
from multinet.kube.paths import Target


def retry_after(reply: Reply) -> float:
    """The API server says whole seconds; a proxy's date is as good as nothing."""
    text = reply.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else 0.0


def refusal(target: Target, reply: Reply) -> ApiError:
    """The error that an answer other than 2xx is."""
    status: Any = None
    with suppress(ValueError, RecursionError, Unanswered):  # a proxy's words, or none
        status = json.loads(reply.read())
    if not isinstance(status, dict) or status.get("kind") != "Status":
        status = {"message": reply.reason}
    return of_status({**status, "code": reply.status}, str(target))


def no_answer(target: Target, server: str, error: Unanswered) -> ApiUnavailable:
    """The error that a connection's failure is."""
    return ApiUnavailable(f"the API server {server} did not answer to {target}: {error}")


@contextmanager
def of_a_known_form(what: str) -> Iterator[None]:
    """For what takes an answer to pieces: one that lacks a part, or has another in its place, is no answer either.
    And a KeyError would mean something else to who asks for a device.
    """
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise DecodingFailure(
            f"the API server tells of {what} in a form that is not known",
            details=f"{type(error).__name__}: {error}",
        ) from error


def decode(text: bytes, target: Target) -> dict[str, Any]:
    """A proxy's page with status 200 is no answer either: ApiUnavailable."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ApiUnavailable(
            f"the API server's answer to {target} is not JSON: {error}", status=200
        ) from error
    if not isinstance(content, dict):
        raise ApiUnavailable(f"the API server's answer to {target} is not an object", status=200)
    return content


def looks_like_an_object(text: bytes) -> bool:
    """Enough for who does not want to know more: a proxy's page begins and ends otherwise."""
    return text[:1] == b"{" and text.rstrip()[-1:] == b"}"
