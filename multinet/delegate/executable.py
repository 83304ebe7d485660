"""Any CNI executable, under the same contract as the delegates of this process (CNI 1.1, section 4).

The pipeline can't tell the two apart. What an executable did can't be seen from here, so its way back (its
own DEL) is pushed before it runs: "if ADD fails, call DEL".
"""

from __future__ import annotations

import errno
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from multinet.cni.args import Args
from multinet.cni.jsonkeys import load
from multinet.cni.netconf import NetConf
from multinet.cni.request import VERBS, Verb
from multinet.cni.types import Result
from multinet.cni.versions import at_least
from multinet.cni.wire import result_of_plugin
from multinet.deadline import Deadline
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.process import TooMuch, exchange
from multinet.delegate.undo import Undo
from multinet.errors import (
    DecodingFailure,
    IncompatibleVersion,
    InvalidConfig,
    MultinetError,
    PluginFailed,
    TryAgain,
    inside,
    strerror,
)
from multinet.steps import step
from multinet.waiting import waiting

TIMEOUT_SECONDS = 110.0
"""How long an executable may take. The kubelet gives a sandbox about two minutes; we must answer before it.
"""

OUTPUT_BYTES = 4 << 20
"""What one may print. A result is a few hundred bytes; a runaway must not fill the memory."""

MOST_SHOWN = 2000
"""Characters of what a failed one wrote to stderr, the last ones."""

MAX_CODE = 2**64 - 1
"""Of an error: other callers read it as Go's ``uint``."""

BUSY_TRIES = 5
BUSY_SECONDS = 1.0
"""An executable that is being replaced ("text file busy") is tried again, as the reference does."""


class Runner(Protocol):
    """Where executables are found and run: here, or on the host by whoever asks on our behalf."""

    def find(self, type_: str, path: Sequence[str]) -> Path:
        """The file of that plain name. Raises InvalidConfig."""

    def run(
        self, type_: str, file: Path, env: Mapping[str, str], stdin: bytes
    ) -> subprocess.CompletedProcess[bytes]:
        """Run it to its end. Raises PluginFailed, and TryAgain at the deadline."""


def require_plain_name(type_: str) -> None:
    if not type_:
        raise InvalidConfig("no plugin name provided", hint="the configuration needs a 'type'")
    if "/" in type_ or "\\" in type_ or type_ in (".", "..") or "\0" in type_:
        raise InvalidConfig(f"invalid plugin name: {type_}", hint="a type is a plain name, not a path")


def not_found(type_: str, path: Sequence[str]) -> InvalidConfig:
    return InvalidConfig(
        f'failed to find plugin "{type_}" in path [{" ".join(path)}]',
        hint="install the executable on this node, or correct the configuration's 'type'",
    )


def could_not_start(file: Path, errno_: int) -> PluginFailed:
    return PluginFailed(f"could not start {file}: {strerror(errno_)}", plugin_code=999)


def too_late(type_: str, verb: str, file: Path, seconds: float) -> TryAgain:
    return TryAgain(
        f"{type_} {verb} did not end within {seconds:.0f} seconds and was stopped",
        hint=f"look at what {file} waits for",
    )


def too_much(type_: str) -> PluginFailed:
    return PluginFailed(
        f"{type_} printed more than {OUTPUT_BYTES} bytes, which no result needs", plugin_code=999
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """What an executable is told besides the call: its configuration as it stands, and CNI_ARGS."""

    conf: NetConf
    args: Args


class Executable(Delegate[Invocation]):
    """One file, called as the runtime would call it. ``environ`` is what it inherits, CNI_* aside."""

    delegates_ipam: ClassVar[bool] = False

    def __init__(
        self, type_: str, file: Path, *, path: Sequence[str], environ: Mapping[str, str], runner: Runner
    ) -> None:
        self.type = type_
        self.file = file
        self._runner = runner
        self._path = ":".join(path)
        self._environ = environ

    def parse(self, conf: NetConf, args: Args) -> Invocation:
        return Invocation(conf=conf, args=args)

    def add(self, call: Call[Invocation], undo: Undo) -> Result:
        undo.push(f"run {self.type} DEL", lambda: self.delete(call))
        answer = self._run(Verb.ADD, call)
        with inside(f"result of {self.type}"):
            return result_of_plugin(answer, call.version)

    def check(self, call: Call[Invocation]) -> None:
        self._run(Verb.CHECK, call)

    def delete(self, call: Call[Invocation]) -> None:
        self._run(Verb.DEL, call)

    def gc(self, call: Call[Invocation]) -> None:
        if knows(call.version, Verb.GC):
            self._run(Verb.GC, call)

    def status(self, call: Call[Invocation]) -> None:
        if knows(call.version, Verb.STATUS):
            self._run(Verb.STATUS, call)

    def _run(self, verb: Verb, call: Call[Invocation]) -> bytes:
        conf = call.conf.conf.with_prev_result(call.prev_result)
        if verb is Verb.GC:
            conf = conf.with_valid_attachments(call.valid)
        step(f"run {self.type} {verb.value}")
        done = self._runner.run(self.type, self.file, self._env(verb, call), conf.encode())
        if done.returncode == 0:
            return done.stdout
        raise failure(self.type, done.returncode, done.stdout, done.stderr)

    def _env(self, verb: Verb, call: Call[Invocation]) -> dict[str, str]:
        kept = {key: value for key, value in self._environ.items() if not key.startswith("CNI_")}
        env = kept | {"CNI_COMMAND": verb.value, "CNI_PATH": self._path}
        if call.container_id:
            env |= {
                "CNI_CONTAINERID": call.container_id,
                "CNI_NETNS": call.netns,
                "CNI_IFNAME": call.ifname,
                "CNI_ARGS": call.conf.args.text,
            }
        if override := self._environ.get("CNI_NETNS_OVERRIDE"):
            env["CNI_NETNS_OVERRIDE"] = override
        return env


def knows(version: str, verb: Verb) -> bool:
    """Has that version the verb? An executable refuses one that its configuration's version lacks, be it a
    plugin of a list or the IPAM of one; ours all know every verb.
    """
    return at_least(version, VERBS[verb].since)


class Here:
    """Runs them from this process, in the namespace of the caller, until the request's time is over."""

    def __init__(self, deadline: Deadline | None = None) -> None:
        self._deadline = deadline or Deadline.never()

    def find(self, type_: str, path: Sequence[str]) -> Path:
        """The first regular file of that plain name in the directories of ``path`` (the x bit is not looked
        at).
        """
        require_plain_name(type_)
        if not path:
            raise InvalidConfig("no paths provided", hint="CNI_PATH names the directories of the executables")
        for folder in path:
            candidate = Path(folder, type_)
            try:
                if candidate.is_file():
                    return candidate
            except OSError:
                continue
        raise not_found(type_, path)

    def run(
        self, type_: str, file: Path, env: Mapping[str, str], stdin: bytes
    ) -> subprocess.CompletedProcess[bytes]:
        process = _start(file, env)
        seconds = self._deadline.limit(TIMEOUT_SECONDS)
        try:
            with waiting():
                stdout, stderr = exchange(process, stdin, seconds=seconds, most=OUTPUT_BYTES)
        except subprocess.TimeoutExpired:
            raise too_late(type_, env["CNI_COMMAND"], file, seconds) from None
        except TooMuch:
            raise too_much(type_) from None
        return subprocess.CompletedProcess([str(file)], process.returncode, stdout, stderr)


def _start(file: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    attempt = 1
    while True:
        try:
            return subprocess.Popen(
                [str(file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(env),
                start_new_session=True,
            )
        except OSError as error:
            if error.errno != errno.ETXTBSY or attempt == BUSY_TRIES:
                raise could_not_start(file, error.errno or 0) from error
            attempt += 1
            time.sleep(BUSY_SECONDS)


def failure(type_: str, code: int, stdout: bytes, stderr: bytes) -> MultinetError:
    """The error that a failed executable printed, or a sentence about what it printed instead.

    What it printed is told to the runtime and the log alone: one that prints its configuration may print a password,
    and a message goes to the events of a pod.
    """
    words = stderr.decode(errors="replace").strip()[-MOST_SHOWN:]
    where = f"what it printed stands in the agent's log; look at {type_}'s own log, too"
    if not stdout.strip():
        message = f"{type_} failed without an error message (exit status {code})"
        return PluginFailed(message, plugin_code=0, hint=where, details=words)
    try:
        answer = load(stdout)
        if not isinstance(answer, Mapping):
            raise DecodingFailure("not an object")
        plugin_code, message = answer.get("code", 0), answer.get("msg", "")
        if type(plugin_code) is not int or not 0 <= plugin_code <= MAX_CODE or not isinstance(message, str):
            raise DecodingFailure("'code' is not a number or 'msg' not a text")
        message = message.strip()
    except MultinetError as error:
        return PluginFailed(
            f"{type_} failed (exit status {code}), and what it printed is no CNI error",
            plugin_code=0,
            hint=where,
            details="\n".join(
                filter(None, [error.message, repr(stdout[:500].decode(errors="replace")), words])
            ),
        )
    details = answer.get("details", "")
    return PluginFailed(
        message or f"{type_} failed (exit status {code})",
        plugin_code=plugin_code,
        hint=_next_step(plugin_code, message, where),
        details="\n".join(filter(None, [details if isinstance(details, str) else "", words])),
    )


def _next_step(code: int, message: str, where: str) -> str:
    """Where its own words are not all that there is to say."""
    if code == IncompatibleVersion.code:
        return "write a cniVersion that the plugin serves"
    return "" if message else where
