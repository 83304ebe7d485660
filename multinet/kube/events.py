"""Events on pods: what a pod was given, and why it got nothing. Whoever looks at a pod sees them there.

    Normal   AddedInterface   Add eth0 [10.1.0.5/24] from cluster, net1 [10.2.0.5/24] from default/net-a [3f2a91]
    Warning  FailedNetworks   default/net-a[bridge].ipam: no addresses left (...) [3f2a91]
    Warning  PrimaryNetwork   on the node: what is wrong with the cluster's own network there
    Warning  DamagedFile      on the node: a file of the agent's that can't be read, and where its copy is

The first is worded as Multus words it, but is one for all of a pod's interfaces: a node that comes up would
otherwise write three times as many events as it has pods.

They are a courtesy: written by one thread from a bounded queue, dropped (and counted) rather than waited for,
and a moment later, when no more of them come, so that no ADD is ever slower or fails for them. The runtime tries
a pod that fails every few seconds; what was said of it within an hour is counted up and not said again, as
client-go's correlator does.
"""

from __future__ import annotations

import queue
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any, Final

from multinet import log
from multinet.deadline import Deadline
from multinet.errors import MultinetError
from multinet.kube import paths
from multinet.kube.client import Api
from multinet.kube.errors import ApiConflict, ApiNotFound
from multinet.kube.said import CALM_SECONDS, QUIET_SECONDS, Entry, Occurrence, Said, Subject
from multinet.plan import Outcome, Pod

COMPONENT: Final = "multinet"

QUEUE = 500
"""Events that wait. 250 pods with two networks each, all at once."""
WRITE_SECONDS = 30.0
"""For one event, the waiting for an API server that is away included. Then it is dropped."""
FLUSH_SECONDS = 3.0
"""For what still waits when the agent ends."""
LONGEST_MESSAGE = 1024
"""Bytes. The API's own limit of an event's note."""
CUT = "…"
LONGEST_NAME = 236
"""Of a pod's name in its event's: 253, and 17 for what makes it unique."""


class Events:
    """``level``: "all", "failures" or "none". ``close()`` it."""

    def __init__(
        self,
        api: Api,
        node_name: str,
        *,
        level: str = "all",
        quiet_seconds: float = QUIET_SECONDS,
        calm_seconds: float = CALM_SECONDS,
    ) -> None:
        self._api = api
        self._node_name = node_name
        self._level = level
        self._waiting: queue.Queue[Occurrence | None] = queue.Queue(QUEUE)
        self._said = Said(quiet_seconds=quiet_seconds, calm_seconds=calm_seconds)
        self._calm_seconds = calm_seconds
        self._closing = Event()
        self._last_words = Deadline.never()
        self._writing = Deadline.never()
        self._in_trouble = False
        self.dropped = 0
        """How many were not written: too many at once, or the API server would not have them."""
        self._thread = Thread(target=self._run, name="events", daemon=True)
        if level != "none":
            self._thread.start()

    def added(self, pod: Pod, outcomes: Sequence[Outcome], request_id: str) -> None:
        """What it was given, in one event."""
        if self._level == "all":
            given = ", ".join(map(_told, outcomes))
            self._put("Normal", "AddedInterface", _pod(pod), f"Add {given}", request_id)

    def failed(self, pod: Pod, error: MultinetError, request_id: str) -> None:
        """The error's whole sentence."""
        if self._level != "none":
            self._put("Warning", "FailedNetworks", _pod(pod), str(error), request_id)

    def problem(self, reason: str, message: str) -> None:
        """Something is wrong on this node, and with no pod in particular."""
        if self._level != "none":
            # The kubelet gives the node's name for its UID, and so its events are found with the node.
            node = Subject(kind="Node", namespace="default", name=self._node_name, uid=self._node_name)
            self._put("Warning", reason, node, message, "")

    def close(self) -> None:
        """Write what waits, but don't wait for long."""
        if not self._thread.is_alive():
            return
        self._last_words = Deadline(FLUSH_SECONDS)
        self._closing.set()
        with suppress(queue.Full):  # then it is not asleep
            self._waiting.put_nowait(None)
        self._thread.join(FLUSH_SECONDS)
        self._writing.end("the agent is being stopped")
        self._thread.join(1)

    def _put(self, kind: str, reason: str, about: Subject, message: str, request_id: str) -> None:
        occurrence = Occurrence(
            kind=kind,
            reason=reason,
            about=about,
            message=message,
            request_id=request_id,
            when=datetime.now(UTC),
        )
        try:
            self._waiting.put_nowait(occurrence)
        except queue.Full:
            self.dropped += 1

    # --- the thread ---

    def _run(self) -> None:
        while not self._closing.is_set():
            self._note_all()
            if (entry := self._said.first_due()) is not None:
                self._write(entry)  # and the next when there is nothing new
            elif (seconds := self._said.seconds_until_due()) is None:
                self._note(self._waiting.get())
            else:  # no ADD has to wake this thread up for what is not written yet anyway
                self._closing.wait(min(seconds, self._calm_seconds))
        self._note_all()
        for entry in self._said.due(at_once=True):
            self._write(entry)

    def _note_all(self) -> None:
        while not self._waiting.empty():
            self._note(self._waiting.get())

    def _note(self, occurrence: Occurrence | None) -> None:
        if occurrence is not None:
            self._said.note(occurrence)

    def _write(self, entry: Entry) -> None:
        self._writing = self._last_words if self._closing.is_set() else Deadline(WRITE_SECONDS)
        try:
            if not entry.name or not self._count_up(entry):
                self._create(entry)
            self._in_trouble = False
        except Exception as error:  # nothing may end the thread: all later events would be lost
            self.dropped += 1
            if not self._in_trouble:  # once, not once an event
                log.warn("events can't be written", error=str(error), about=str(entry.latest.about))
            self._in_trouble = True
        finally:
            self._said.written(entry)

    def _create(self, entry: Entry) -> None:
        latest = entry.latest
        about = latest.about
        name = f"{about.name[:LONGEST_NAME]}.{secrets.token_hex(8)}"
        involved = {"apiVersion": "v1", "kind": about.kind, "name": about.name, "uid": about.uid}
        if about.kind == "Pod":
            involved["namespace"] = about.namespace
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"namespace": about.namespace, "name": name},
            "involvedObject": {key: value for key, value in involved.items() if value},
            "type": latest.kind,
            "reason": latest.reason,
            "source": {"component": COMPONENT, "host": self._node_name},
            "reportingComponent": COMPONENT,
            "reportingInstance": self._node_name,
            "firstTimestamp": _time(entry.first),
            **_changing(entry),
        }
        with suppress(ApiConflict):  # a try that was not answered has made it
            self._api.post(
                paths.events(about.namespace), body, deadline=self._writing, named=True, unread=True
            )
        entry.name = name

    def _count_up(self, entry: Entry) -> bool:
        """False when the event is no longer there."""
        path = paths.event(entry.latest.about.namespace, entry.name)
        try:
            self._api.patch(path, _changing(entry), deadline=self._writing, unread=True)
        except ApiNotFound:
            return False
        return True


def _pod(pod: Pod) -> Subject:
    return Subject(kind="Pod", namespace=pod.namespace, name=pod.name, uid=pod.uid)


def _told(outcome: Outcome) -> str:
    addresses = " ".join(str(ip.address) for ip in outcome.result.ips)
    return f"{outcome.attachment.ifname} [{addresses}] from {outcome.attachment.network}"


def _changing(entry: Entry) -> dict[str, Any]:
    """What is new when it happens again: the request to look for in the log is always the latest."""
    request = entry.latest.request_id
    return {
        "message": _bounded(entry.latest.message, f" [{request}]" if request else ""),
        "count": entry.count,
        "lastTimestamp": _time(entry.latest.when),
    }


def _bounded(message: str, end: str) -> str:
    room = LONGEST_MESSAGE - len(end.encode())
    content = message.encode()
    if len(content) > room:
        message = content[: room - len(CUT.encode())].decode(errors="ignore") + CUT
    return message + end


def _time(when: datetime) -> str:
    """Of a time in UTC. (``strftime`` takes four times as long.)"""
    return f"{when.isoformat()[:19]}Z"
