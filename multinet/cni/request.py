"""What a runtime asks of a plugin: the environment and stdin, checked in the reference's order.

CNI 1.1, "Parameters" and "CNI operations". Everything that differs between the verbs is in ``VERBS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from multinet.cni.args import Args
from multinet.cni.names import check_container_id, check_ifname
from multinet.cni.netconf import NetConf
from multinet.cni.versions import FIRST, at_least
from multinet.errors import BadEnvironment, IncompatibleVersion, IOFailure, NoCommand, nearest


class Verb(StrEnum):
    ADD = "ADD"
    CHECK = "CHECK"
    DEL = "DEL"
    GC = "GC"
    STATUS = "STATUS"
    VERSION = "VERSION"


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """``required`` and ``optional`` variables; no others reach the verb. ``since``: the first version that
    knows the verb. ``lenient``: what CNI_ARGS says is never an error."""

    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    since: str = FIRST
    stdin: bool = True
    lenient: bool = False


_CONTAINER = frozenset({"CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"})
_MAY = frozenset({"CNI_ARGS", "CNI_NETNS_OVERRIDE"})
_NETWORK = frozenset({"CNI_PATH"})

VERBS: Final[Mapping[str, Needs]] = {
    Verb.ADD:     Needs(required=_CONTAINER | {"CNI_NETNS"}, optional=_MAY),
    Verb.CHECK:   Needs(required=_CONTAINER | {"CNI_NETNS"}, optional=_MAY, since="0.4.0"),
    Verb.DEL:     Needs(required=_CONTAINER, optional=_MAY | {"CNI_NETNS"}, lenient=True),
    Verb.GC:      Needs(required=_NETWORK, since="1.1.0", lenient=True),
    Verb.STATUS:  Needs(required=_NETWORK, since="1.1.0", lenient=True),
    Verb.VERSION: Needs(stdin=False),
}  # fmt: skip

_NOTHING: Final = Needs()
_EMPTY: Final = NetConf(raw={}, name="", type="")

_CHECKS: Final[Mapping[str, Callable[[str], None] | None]] = {
    "CNI_CONTAINERID": check_container_id,
    "CNI_NETNS": None,
    "CNI_IFNAME": check_ifname,
    "CNI_ARGS": None,
    "CNI_PATH": None,
    "CNI_NETNS_OVERRIDE": None,
}
"""The variables in the order in which they are looked at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What the verb does not use is empty, whatever the environment says."""

    verb: Verb
    container_id: str
    netns: str
    ifname: str
    args: Args
    path: tuple[str, ...]
    netns_override: bool
    """May CNI_NETNS be the caller's own namespace?"""
    stdin: bytes
    conf: NetConf
    """Empty for VERSION, which has none."""
    env: Mapping[str, str]
    """The whole environment, for executables to inherit."""

    @classmethod
    def parse(cls, env: Mapping[str, str], stdin: Callable[[], bytes] | bytes) -> Self:
        """Steps 1 to 4: environment, stdin, configuration, and only then whether the verb is known.

        Raises NoCommand when CNI_COMMAND is missing: somebody ran it by hand and wants to know what it is.
        """
        command = env.get("CNI_COMMAND", "")
        needs = VERBS.get(command, _NOTHING)
        found = _variables(env, command, needs)
        text = b""
        conf = _EMPTY
        if needs.stdin:
            text = _read(stdin)
            conf = NetConf.parse(text)
        if command not in VERBS:
            meant = nearest(command, VERBS)
            raise BadEnvironment(
                f"unknown CNI_COMMAND: {command}", hint=f"did you mean {meant}?" if meant else ""
            )
        return cls(
            verb=Verb(command),
            container_id=found.get("CNI_CONTAINERID", ""),
            netns=found.get("CNI_NETNS", ""),
            ifname=found.get("CNI_IFNAME", ""),
            args=Args.parse(found.get("CNI_ARGS", ""), lenient=needs.lenient),
            path=tuple(folder for folder in found.get("CNI_PATH", "").split(":") if folder),
            netns_override=found.get("CNI_NETNS_OVERRIDE", "").lower() in ("1", "true"),
            stdin=text,
            conf=conf,
            env=env,
        )

    @property
    def valid_attachments(self) -> frozenset[tuple[str, str]]:
        """GC: all that is still attached; nothing when nothing was said."""
        return self.conf.valid_attachments or frozenset()


def _variables(env: Mapping[str, str], command: str, needs: Needs) -> dict[str, str]:
    """The variables of the verb. What is wrong is said at once; what is missing, together at the end."""
    if not command:
        raise NoCommand(_missing(["CNI_COMMAND"]), hint="a container runtime sets it")
    found = {}
    missing = []
    for name, check in _CHECKS.items():
        value = env.get(name, "")
        if name in needs.required:
            if not value:
                missing.append(name)
                continue
            if check is not None:
                check(value)
            found[name] = value
        elif name in needs.optional:
            found[name] = value
    if missing:
        raise BadEnvironment(_missing(missing))
    for name, value in found.items():
        refuse_bytes(name, value)
    return found


def refuse_bytes(name: str, value: str) -> None:
    """Python hides bytes that are no UTF-8 in half surrogate pairs, which no file and no JSON can hold."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadEnvironment(f"{name} is not UTF-8") from error


def _missing(names: Sequence[str]) -> str:
    return f"required env variables [{','.join(names)}] missing"


def _read(stdin: Callable[[], bytes] | bytes) -> bytes:
    if isinstance(stdin, bytes):
        return stdin
    try:
        return stdin()
    except OSError as error:
        raise IOFailure(f"error reading from stdin: {error.strerror or error}") from error


def require_verb_version(verb: Verb, version: str, supported: Sequence[str]) -> None:
    """Step 5: CHECK, GC and STATUS need a configuration, and a plugin, that are new enough."""
    since = VERBS[verb].since
    if since == FIRST:
        return
    if not at_least(version, since):
        raise IncompatibleVersion(
            f"config version does not allow {verb}", hint=f"{verb} is known since {since}, not in {version}"
        )
    if not any(at_least(served, version) for served in supported):
        raise IncompatibleVersion(f"plugin version does not allow {verb}")
