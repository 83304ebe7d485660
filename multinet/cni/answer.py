"""What a plugin prints and how it ends (CNI 1.1, "Success" and "Error").

On failure an object on stdout and the exit status 1; the text on stdout is what callers read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from multinet.cni.printing import pretty
from multinet.cni.types import Result
from multinet.cni.versions import CURRENT, SUPPORTED
from multinet.cni.wire import result_to_json
from multinet.errors import MultinetError

EXIT_SUCCESS: Final = 0
EXIT_FAILURE: Final = 1

_INTERNAL: Final = 999


def success(result: Result | None = None, version: str = CURRENT) -> bytes:
    """The result of ADD; the other verbs print nothing."""
    return b"" if result is None else result_to_json(result, version)


def failure(error: BaseException) -> bytes:
    """The error object. Any exception will do; one that is not ours is told as what it is, a defect.

    ``details`` are the error's own, its hint and its notes, a line each.
    """
    if isinstance(error, MultinetError):
        code, message = error.cni_code, error.sentence
        further = [error.details, error.hint]
    else:
        code, message = _INTERNAL, f"internal error: {type(error).__name__}: {error}".rstrip(": ")
        further = ["this is a defect: please report it, with the log"]
    said: dict[str, Any] = {"code": code, "msg": message}
    if details := "\n".join(filter(None, [*further, *getattr(error, "__notes__", [])])):
        said["details"] = details
    return pretty(said)


def about(name: str, build: str, supported: Sequence[str] = SUPPORTED) -> str:
    """What is said on stderr, without the final newline, when CNI_COMMAND is missing."""
    return f"CNI {name} plugin {build}\nCNI protocol versions supported: {', '.join(supported)}"
