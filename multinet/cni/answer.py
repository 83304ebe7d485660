"""What a plugin says when it fails (CNI 1.1, "Error"), and when somebody runs it by hand.

The error object goes to stdout, where callers read it, and the exit status is 1. What is said on success is
``wire.result_to_json``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from multinet.cni.printing import pretty
from multinet.cni.versions import SUPPORTED
from multinet.errors import MultinetError

_INTERNAL: Final = 999


def failure(error: BaseException, request_id: str = "") -> bytes:
    """The error object. Any exception will do; one that is not ours is told as what it is, a defect.

    ``details`` are the error's own, its hint and its notes, a line each; the last names the request as the log
    does, where it has a name.
    """
    if isinstance(error, MultinetError):
        code, message = error.cni_code, error.sentence
        further = [error.details, error.hint]
    else:
        code, message = _INTERNAL, f"internal error: {type(error).__name__}: {error}".rstrip(": ")
        further = ["this is a defect: please report it, with the log"]
    said: dict[str, Any] = {"code": code, "msg": message}
    named = f"request {request_id}" if request_id else ""
    if details := "\n".join(filter(None, [*further, *getattr(error, "__notes__", []), named])):
        said["details"] = details
    return pretty(said)


def about(name: str, build: str, supported: Sequence[str] = SUPPORTED) -> str:
    """What is said on stderr, without the final newline, when CNI_COMMAND is missing."""
    return f"CNI {name} plugin {build}\nCNI protocol versions supported: {', '.join(supported)}"
