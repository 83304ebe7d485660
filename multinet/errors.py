"""The whole tree of errors. Each class carries the CNI code it is answered with (CNI 1.1, "Error").

    MultinetError 999               something of ours failed
    ├── IncompatibleVersion 1       this cniVersion is not served
    ├── UnsupportedField 2          a key is understood but can't be honoured here
    ├── UnknownContainer 3          no container is meant
    ├── BadEnvironment 4            a CNI_* variable is missing or wrong
    │   └── NoCommand 4             CNI_COMMAND is: somebody ran it by hand
    ├── IOFailure 5                 stdin, a file or a socket failed
    ├── DecodingFailure 6           text that is not what its format asks for
    │   └── NewerRecord 6           ... or more than this release knows of it
    ├── InvalidConfig 7             well-formed, but says something that can't be done
    │   ├── SelectionError 7        the pod's annotation
    │   └── IsolationError 7        the pod may not use that definition
    ├── InvalidNetns 8              the namespace is not one, or is the wrong one
    │   ├── NetnsGone 8             ... or is not there (DEL takes this for success)
    │   └── NotAContainers 8        ... or something else is there (the meta plugin's DEL does so, too)
    ├── TryAgain 11                 would work later
    ├── NotAvailable 50             STATUS: an ADD could not be served
    │   └── LimitedConnectivity 51  ... and running containers may suffer
    ├── KernelError 999             the kernel refused; carries errno
    │   ├── NotFound, Exists, Busy, NotPermitted
    ├── AddressError 999            no address left, taken, or not ours
    ├── CheckFailed 999             CHECK: what is there is not what was made
    └── PluginFailed (its own)      an executable answered with an error

A message is one sentence: what could not be done and why. ``hint`` says what to do next. Where it happened
is put in front on the way out, one step a layer, by ``inside``: ``default/net-a[bridge].ipam: no addresses``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import ClassVar, Final

MOST_WORDS: Final = 4096
"""Characters of a message, a hint, details, or a place. They quote what somebody wrote, which may be as long as the
API server takes it, and go to logs, events and runtimes."""
MAX_ERRNO: Final = 4095
"""The kernel's own limit (linux/err.h)."""
_HALF_PAIR: Final = re.compile("[\ud800-\udfff]")


class MultinetError(Exception):
    """Anything we refuse or fail at. ``str()`` is the whole sentence: place, message, hint."""

    code: ClassVar[int] = 999

    def __init__(self, message: str, *, hint: str = "", details: str = "") -> None:
        self.message = _tellable(message)
        super().__init__(self.message)
        self.hint = _tellable(hint)
        self.details = _tellable(details)
        self.place: list[str] = []

    @property
    def cni_code(self) -> int:
        return self.code

    @property
    def where(self) -> str:
        """The path to the fault: ``default/net-a[bridge].ipam``. A step that starts with "." or "[" binds."""
        text = ""
        for step in self.place:
            text += step if not text or step[0] in ".[" else f": {step}"
        return _tellable(text.lstrip("."))

    @property
    def sentence(self) -> str:
        """Place and message, without the hint."""
        return f"{self.where}: {self.message}" if self.place else self.message

    def __str__(self) -> str:
        return f"{self.sentence} ({self.hint})" if self.hint else self.sentence


class inside:
    """Put ``place`` in front of the path of any error of ours that comes out of the block."""

    __slots__ = ("_place",)

    def __init__(self, place: str) -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, MultinetError):
            error.place.insert(0, self._place)


class IncompatibleVersion(MultinetError):
    code = 1


class UnsupportedField(MultinetError):
    code = 2


class UnknownContainer(MultinetError):
    code = 3


class BadEnvironment(MultinetError):
    code = 4


class NoCommand(BadEnvironment):
    """CNI_COMMAND is not set. An executable then says what it is and succeeds."""


class IOFailure(MultinetError):
    code = 5


class DecodingFailure(MultinetError):
    code = 6


class NewerRecord(DecodingFailure):
    """A newer multinet wrote it. It is sound, and neither ours to change nor to remove."""


class InvalidConfig(MultinetError):
    code = 7


class SelectionError(InvalidConfig):
    """The annotation is wrong. The message holds the text and a caret below the place."""


class IsolationError(InvalidConfig):
    """The pod may not use that definition."""


class InvalidNetns(MultinetError):
    code = 8


class NetnsGone(InvalidNetns):
    """Nothing is at the path."""


class NotAContainers(InvalidNetns):
    """The path leads to what no container has: another kind of file, or the namespace of the caller itself."""


class TryAgain(MultinetError):
    code = 11


class NotAvailable(MultinetError):
    code = 50


class LimitedConnectivity(NotAvailable):
    code = 51


class KernelError(MultinetError):
    """The kernel refused. ``errno`` is positive; 0 where the refusal had none."""

    def __init__(self, message: str, *, errno: int = 0, hint: str = "", details: str = "") -> None:
        super().__init__(message, hint=hint, details=details)
        self.errno = errno


class NotFound(KernelError):
    """ENOENT, ENODEV, ENXIO, ESRCH, EADDRNOTAVAIL: the thing is not there. DEL takes this for success."""


class Exists(KernelError):
    """EEXIST."""


class Busy(KernelError):
    """EBUSY."""


class NotPermitted(KernelError):
    """EPERM, EACCES."""


class AddressError(MultinetError):
    """No address left, or the one asked for is taken or not in the range."""


class CheckFailed(MultinetError):
    """CHECK found something else than what ADD made."""


class PluginFailed(MultinetError):
    """An executable failed; ``plugin_code`` is the code it gave (0 when it gave none, which is answered as 999: 0
    would read as success).
    """

    def __init__(self, message: str, *, plugin_code: int, hint: str = "", details: str = "") -> None:
        super().__init__(message, hint=hint, details=details)
        self.plugin_code = plugin_code

    @property
    def cni_code(self) -> int:
        return self.plugin_code or self.code


def _tellable(words: str) -> str:
    """Not longer than anybody reads, and without half surrogates, in which Python hides bytes that are no UTF-8."""
    if len(words) > MOST_WORDS:
        words = words[: MOST_WORDS - 1] + "…"
    return words if words.isascii() else _HALF_PAIR.sub("\ufffd", words)


def strerror(errno: int) -> str:
    """The system's words, also for a number from elsewhere that no error has."""
    return os.strerror(errno) if 0 <= errno <= MAX_ERRNO else f"error {errno}"


def code_of(error: BaseException) -> int:
    """The code that a failure is answered, counted and logged under."""
    return error.cni_code if isinstance(error, MultinetError) else MultinetError.code


def raise_together(failures: Sequence[MultinetError]) -> None:
    """Raise the first of several, with the others as notes; return when there is none."""
    if failures:
        for other in failures[1:]:
            for words in (str(other), *getattr(other, "__notes__", ())):
                failures[0].add_note(words)
        raise failures[0]


def attempt(failures: list[MultinetError], part: Callable[[], object], place: str = "") -> bool:
    """Do this much; what goes wrong, at ``place``, is one more of ``failures``, for ``raise_together``. Did it go
    well?"""
    try:
        part()
    except MultinetError as error:
        if place:
            error.place.insert(0, place)
        failures.append(error)
        return False
    return True


def to_the_end(*parts: Callable[[], object] | None) -> None:
    """Do all of it, whatever fails, and raise then. None is a part that there is no need for this time."""
    failures: list[MultinetError] = []
    for part in filter(None, parts):
        attempt(failures, part)
    raise_together(failures)


def nearest(word: str, known: object) -> str:
    """The known word that ``word`` was probably meant to be, or "". ``known`` is any iterable of strings."""
    from difflib import get_close_matches  # only mistakes pay for it

    choices = {str(name).lower(): str(name) for name in known}  # type: ignore[attr-defined]
    found = get_close_matches(word.lower(), choices, n=1, cutoff=0.6)
    return choices[found[0]] if found else ""
