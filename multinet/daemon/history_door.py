"""What the agent did lately, as JSON, for root of this node alone: ``history.sock`` beside the agent's socket.

    /history            the requests that are kept, the newest first; ?most=20
    /history/3f2a91c0   one of them, by its id; 404 where it is not kept (any more)
    /recordings         of which requests there are recordings, the newest first; /recordings/3f2a91c0 is one
    /recordings/next    keep the next request, of ?pod=; with ?after= the number of before, which one it was

It is not where metrics are: those may be on a port that every pod in the host's network reaches, and what is
here names pods and networks, and tells what plugins said.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from multinet.daemon.endpoint import UNIX
from multinet.daemon.history import History
from multinet.daemon.probes import PLAIN, Door, Page
from multinet.daemon.recording.recordings import Recordings

NAME: Final = "history.sock"
JSON: Final = "application/json"
PAGE: Final = "/history"
RECORDINGS: Final = "/recordings"
NEXT: Final = f"{RECORDINGS}/next"


def place(agent_socket: Path) -> Path:
    return agent_socket.with_name(NAME)


class HistoryDoor(Door):
    serves = "the history"
    setting = "socket"

    def __init__(self, agent_socket: Path, history: History, recordings: Recordings) -> None:
        super().__init__(f"{UNIX}{place(agent_socket)}")
        self._history = history
        self._recordings = recordings

    def answer(self, path: str, query: str) -> Page:
        if path == PAGE:
            most = parse_qs(query).get("most", [""])[0]
            recent = self._history.recent(int(most) if most.isdecimal() else None)
            return _page([one.to_json() for one in recent])
        if path.startswith(f"{PAGE}/"):
            request_id = path.removeprefix(f"{PAGE}/")
            if (found := self._history.find(request_id)) is not None:
                return _page(found.to_json())
            return HTTPStatus.NOT_FOUND, PLAIN, f"no request {request_id} is kept\n".encode()
        if path == NEXT:
            asked = parse_qs(query)
            pod, after = asked.get("pod", [""])[0], asked.get("after", [""])[0]
            number, request_id = self._recordings.next(pod, int(after) if after.isdecimal() else None)
            return _page({"after": number, "request": request_id})
        if path == RECORDINGS:
            return _page(self._recordings.requests())
        if path.startswith(f"{RECORDINGS}/"):
            request_id = path.removeprefix(f"{RECORDINGS}/")
            if (recording := self._recordings.find(request_id)) is not None:
                return HTTPStatus.OK, JSON, recording.content
            return HTTPStatus.NOT_FOUND, PLAIN, f"the request {request_id} is not recorded\n".encode()
        known = ", ".join([PAGE, f"{PAGE}/ID", RECORDINGS, f"{RECORDINGS}/ID", NEXT])
        return HTTPStatus.NOT_FOUND, PLAIN, f"there are {known}\n".encode()


def _page(document: Any) -> Page:
    return HTTPStatus.OK, JSON, json.dumps(document, ensure_ascii=False).encode(errors="replace")
