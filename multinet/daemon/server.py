"""The agent's socket: one thread that accepts and reads calls, and workers that serve them.

The reader never waits for one caller: a call is queued once it has come in whole. A caller that hangs up
before its turn is forgotten; from then on its work is finished or undone, and a record tells which.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Final

from multinet import log
from multinet.cni import answer
from multinet.cni.names import META_PLUGINS
from multinet.daemon import frame
from multinet.daemon.caller import Caller
from multinet.daemon.connection import Connection, take_in
from multinet.daemon.frame import Call, Kind
from multinet.daemon.lanes import Drop, Job, Lanes
from multinet.daemon.listening import listen
from multinet.deadline import Deadline
from multinet.errors import MultinetError, TryAgain
from multinet.kernel.namespace import at_home

CALL_SECONDS: Final = 10.0
"""How long a call may take to come in whole."""
TICK_SECONDS: Final = 0.5
"""How often the reader looks for calls that have waited too long."""
CONNECTIONS_BESIDE_THE_QUEUE: Final = 128
"""Connections whose call is not in yet."""
STOP_SHARE: Final = 0.7
"""Which part of the grace period running work may use before its waiting is cut short, so that it undoes."""
CREDENTIALS: Final = struct.Struct("3i")
READ: Final = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLONESHOT
HANGUP: Final = select.EPOLLRDHUP | select.EPOLLONESHOT


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """What a call is served with."""

    call: Call
    fds: tuple[int, ...]
    """The caller's network namespace and, if it could be opened, the container's; the server closes them."""
    pid: int
    waited: float
    caller: Caller
    deadline: Deadline


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Each is described with the setting of its name (``config.AgentSettings``)."""

    workers: int
    queue: int
    queue_seconds: float
    request_seconds: float


Serve = Callable[[Served], tuple[int, bytes]]
"""A call -> exit status and stdout. Never raises an ``Exception``."""
Dropped = Callable[[Drop], None]


class Server:
    """Listens on ``path`` from ``start`` to ``stop``."""

    def __init__(
        self, path: Path, limits: Limits, serve: Serve, *, dropped: Dropped = lambda _: None
    ) -> None:
        self._path = path
        self.limits = limits
        """Times may be replaced while it runs; how many workers there are and may wait is settled at the start."""
        self._serve = serve
        self._dropped = dropped
        # Half of the workers for ADDs, a quarter for the calls that plugins make themselves: see Lanes.
        self._lanes = Lanes[Connection](
            most=limits.queue,
            most_heavy=max(1, limits.workers // 2),
            most_outer=max(1, limits.workers - max(1, limits.workers // 4)),
        )
        self._connections: dict[int, Connection] = {}
        self._deadlines: set[Deadline] = set()
        self._epoll = select.epoll()
        self._wake_read, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._listener: socket.socket | None = None
        self._inode = 0
        self._threads: list[Thread] = []
        self._stopping = False
        self._trusted = {0, os.geteuid()}

    @property
    def waiting(self) -> int:
        return self._lanes.waiting

    @property
    def running(self) -> int:
        return self._lanes.running

    def longest(self) -> float:
        """For how many seconds the oldest of the running calls has run."""
        return self._lanes.longest()

    @property
    def listening(self) -> bool:
        return self._listener is not None and not self._stopping

    @property
    def lost(self) -> str:
        """Why no caller can reach it any more though it listens, "" when one can."""
        if not self.listening:
            return ""
        try:
            there = self._path.stat().st_ino
        except OSError as error:
            return f"{self._path} can't be reached any more: {error.strerror}"
        return "" if there == self._inode else f"{self._path} is another's by now"

    # --- start and stop ---

    def start(self) -> None:
        """Listen. A socket of an agent before us is replaced in one step. Raises IOFailure."""
        self._listener = listen(self._path)
        self._inode = self._path.stat().st_ino
        self._listener.setblocking(False)
        self._epoll.register(self._wake_read, select.EPOLLIN)
        self._epoll.register(self._listener, select.EPOLLIN)
        names = ["reader", *(f"worker-{number}" for number in range(self.limits.workers))]
        for name in names:
            thread = Thread(target=self._read if name == "reader" else self._work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, grace: float) -> bool:
        """Accept no more, let what runs end, and say whether it did within ``grace`` seconds.

        Calls that have not begun are hung up on: the shim says them again to the next agent. What still runs
        towards the end has its waiting cut short and undoes what it did.
        """
        if self._stopping:
            return not self._lanes.running
        began = time.monotonic()
        self._stopping = True
        os.write(self._wake, b"x")
        for job in self._lanes.close():
            self._dropped(Drop.STOPPING)
            self._forget(job.payload)
        ended = self._lanes.wait_idle(grace * STOP_SHARE)
        if not ended:
            for deadline in list(self._deadlines):
                deadline.end("the agent is being stopped")
            ended = self._lanes.wait_idle(max(0.0, began + grace - time.monotonic()))
        reader, *workers = self._threads
        for thread in (reader, *(workers if ended else ())):
            thread.join()
        self._epoll.close()
        os.close(self._wake)
        os.close(self._wake_read)
        return ended

    def _unlink(self) -> None:
        """Remove the socket's file, unless it is by now that of the agent after us."""
        with suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    # --- the reader ---

    def _read(self) -> None:
        assert self._listener is not None
        looked = time.monotonic()
        while not self._stopping:
            listener = self._listener.fileno()
            # A caller that has just gone may be among those told of, and the next one have its number by now:
            # nobody is let in before all of these were looked at.
            for fd, _ in sorted(self._epoll.poll(TICK_SECONDS), key=lambda told: told[0] == listener):
                try:
                    if fd == listener:
                        self._accept()
                    elif (connection := self._connections.get(fd)) is not None:
                        self._hear(connection)
                except Exception as error:  # a defect; the thread lives on for the others
                    log.warn("a caller could not be heard", error=repr(error))
            if time.monotonic() - looked >= TICK_SECONDS:
                looked = time.monotonic()
                self._look_for_the_late(looked)
        self._unlink()
        self._listener.close()
        for connection in list(self._connections.values()):
            if connection.job is None:
                self._forget(connection)

    def _accept(self) -> None:
        """One: the next is told of by epoll. Who looked for it here would find none, most of the time, and take the
        interpreter from the worker that has just begun.
        """
        assert self._listener is not None
        try:
            accepted, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:  # no file descriptor left, or it hung up already
            log.warn("could not accept a call", error=error.strerror)
            self._epoll.modify(self._listener, 0)  # until the next tick: else nothing else is done
            return
        pid, uid, _ = CREDENTIALS.unpack(
            accepted.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
        )
        most = self.limits.queue + self.limits.workers + CONNECTIONS_BESIDE_THE_QUEUE
        if uid not in self._trusted or len(self._connections) >= most:
            log.warn("refused a caller", pid=pid, uid=uid, connections=len(self._connections))
            accepted.close()
            return
        accepted.setblocking(False)
        connection = self._connections[accepted.fileno()] = Connection(socket=accepted, pid=pid)
        self._hear(connection)  # who calls speaks at once: there is no need to wait for that

    def _hear(self, connection: Connection) -> None:
        try:
            self._take_in(connection)
        except BaseException:
            if connection.job is None:
                self._forget(connection)
            raise

    def _take_in(self, connection: Connection) -> None:
        """Take in what has come; queue the call once it is whole."""
        if connection.job is not None:  # it waits for its turn, and has hung up
            if self._lanes.drop(connection.job):
                self._dropped(Drop.GONE)
                self._forget(connection)
            return
        try:
            whole = take_in(connection)
        except (OSError, MultinetError) as error:
            if connection.data or isinstance(error, MultinetError):
                log.warn("a call did not come in whole", pid=connection.pid, error=str(error))
            self._forget(connection)
            return
        if not self._watch(connection, HANGUP if whole else READ) or not whole:
            return
        assert connection.call is not None
        job = connection.job = job_of(connection, connection.call)
        if (refused := self._lanes.submit(job)) is not None:
            self._refuse(connection, refused)

    def _watch(self, connection: Connection, events: int) -> bool:
        """Wait for the next of these. False when that can't be done; the caller is forgotten then."""
        try:
            if connection.watched:
                self._epoll.modify(connection.socket.fileno(), events)
            else:
                self._epoll.register(connection.socket.fileno(), events)
                connection.watched = True
            return True
        except OSError as error:  # the kernel has no memory, or no watch left (fs.epoll.max_user_watches)
            log.warn("could not listen to a caller", pid=connection.pid, error=error.strerror)
            self._forget(connection)
            return False

    def _look_for_the_late(self, now: float) -> None:
        assert self._listener is not None
        self._epoll.modify(self._listener, select.EPOLLIN)
        for job in self._lanes.expired(self.limits.queue_seconds):
            self._refuse(job.payload, Drop.LATE)
        for connection in list(self._connections.values()):
            if connection.job is None and now - connection.opened > CALL_SECONDS:
                log.warn("a call did not come in whole", pid=connection.pid, error="it took too long")
                self._forget(connection)

    def _refuse(self, connection: Connection, why: Drop) -> None:
        self._dropped(why)
        if why is not Drop.STOPPING:
            error = refusal(why, self.limits)
            connection.socket.setblocking(False)
            with suppress(OSError):
                connection.socket.send(frame.pack(Kind.ANSWER, 1, texts=[answer.failure(error), b""]))
        self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        """Whoever takes it out of the table closes it."""
        if self._connections.pop(connection.socket.fileno(), None) is not None:
            self._stop_watching(connection)
            connection.close()

    def _stop_watching(self, connection: Connection) -> None:
        if connection.watched:
            connection.watched = False
            with suppress(OSError, ValueError):  # ValueError: the agent has stopped meanwhile
                self._epoll.unregister(connection.socket.fileno())

    # --- the workers ---

    def _work(self) -> None:
        with at_home():
            while (job := self._lanes.take()) is not None:
                try:
                    self._perform(job)
                except Exception as error:  # a defect; the thread lives on for the others
                    log.warn("a call was not answered", pid=job.payload.pid, error=repr(error))
                finally:
                    self._forget(job.payload)
                    self._lanes.done(job)

    def _perform(self, job: Job[Connection]) -> None:
        connection = job.payload
        assert connection.call is not None
        waited = time.monotonic() - job.arrived
        deadline = Deadline(max(1.0, self.limits.request_seconds - waited))
        self._deadlines.add(deadline)
        caller = Caller(connection.socket, deadline)
        try:
            code, said = self._serve(
                Served(
                    call=connection.call,
                    fds=tuple(connection.fds),
                    pid=connection.pid,
                    waited=waited,
                    caller=caller,
                    deadline=deadline,
                )
            )
            # The caller ends when it has its answer, and the reader would wake up to hear of it.
            self._stop_watching(connection)
            if not caller.answer(code, said):
                log.warn("nobody waited for the answer", pid=connection.pid)
        finally:
            self._deadlines.discard(deadline)


def job_of(connection: Connection, call: Call) -> Job[Connection]:
    """Its lane: the sandbox, for the program that is called. A plugin that runs for a sandbox may itself call
    a delegate that is ours, which must not wait for the very call that it is part of.
    """
    container = call.env.get("CNI_CONTAINERID", "")
    verb = call.env.get("CNI_COMMAND", "")
    # GC goes over all sandboxes: one at a time.
    lane = (call.name, container) if container else ((call.name, verb) if verb == "GC" else None)
    nested = called_by_plugin(call)
    return Job(payload=connection, lane=lane, heavy=verb == "ADD" and not nested, nested=nested)


def called_by_plugin(call: Call) -> bool:
    """Was it called by a plugin, under the name of a delegate? Such a call is part of another."""
    return call.name not in META_PLUGINS


def refusal(why: Drop, limits: Limits) -> MultinetError:
    words = {
        Drop.FULL: f"{limits.queue} calls are waiting already",
        Drop.LATE: f"it has waited for {limits.queue_seconds:.0f} seconds",
    }
    return TryAgain(
        f"the multinet agent has too much to do: {words[why]}",
        hint="the runtime will try again; look for a plugin that hangs (multinet_request_seconds, the agent's log)",
    )
