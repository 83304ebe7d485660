"""What the API server said instead of an answer, as errors of ours.

ApiError 999              it refused; ``status`` is the HTTP status, ``reason`` the API's word for it
├── ApiForbidden 999      403: the rules of the agent's account don't have it
├── ApiNotFound 999       404
├── ApiConflict 999       409: somebody was faster, or a precondition does not hold
├── ApiGone 999           410: that resource version is no longer known; list anew
└── ApiUnavailable 11     no answer, 5xx or 429 (status is 0 where there was no answer at all)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from multinet.errors import MultinetError, TryAgain

TOO_MANY = 429
"""Max in-flight reached, or priority and fairness has put the request off. It was not looked at."""


class ApiError(MultinetError):
    def __init__(
        self, message: str, *, status: int = 0, reason: str = "", hint: str = "", details: str = ""
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.status = status
        self.reason = reason


class ApiForbidden(ApiError):
    pass


class ApiNotFound(ApiError):
    pass


class ApiConflict(ApiError):
    pass


class ApiGone(ApiError):
    pass


class ApiUnavailable(ApiError, TryAgain):
    pass


_BY_STATUS: Mapping[int, type[ApiError]] = {
    403: ApiForbidden,
    404: ApiNotFound,
    409: ApiConflict,
    410: ApiGone,
    TOO_MANY: ApiUnavailable,
}

_HINTS: Mapping[int, str] = {
    401: "the agent's token is not accepted: see whether it has expired or its service account is gone",
    403: "the agent's service account needs the rules of the ClusterRole multinet",
}


def of_status(status: Mapping[str, Any], doing: str) -> ApiError:
    """The error that a ``Status`` object stands for: an answer's body, or the last word of a watch.

    ``doing`` completes "the API server refused to ...".
    """
    code = status.get("code")
    number = code if isinstance(code, int) else 500
    kind = _BY_STATUS.get(number, ApiUnavailable if number >= 500 else ApiError)
    message = status.get("message") or status.get("reason") or "it gave no reason"
    refused = "was not able" if issubclass(kind, ApiUnavailable) else "refused"
    return kind(
        f"the API server {refused} to {doing}: {message} ({number})",
        status=number,
        reason=str(status.get("reason") or ""),
        hint=_HINTS.get(number, ""),
    )
