"""A real browser: Debian's chromium without a window, asked and watched by its DevTools protocol over a pipe.

    with Browser(folder, host) as browser:
        page = browser.open("http://127.0.0.1:9098/")
        assert page.ask("document.title") == "node-1"

Messages are JSON, each ended by a NUL, on the file descriptors 3 and 4 of the browser
(https://chromedevtools.github.io/devtools-protocol/, ``--remote-debugging-pipe``).
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.netns import Netns

PROGRAM = "chromium-headless-shell"
REBOUND = "rebound.test"
"""A name that its owner has led to this node."""
FLAGS = (
    "--no-sandbox",  # it refuses to run as root with one
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--no-first-run",
    "--disable-background-networking",
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1",
    "--remote-debugging-pipe",
)
SECONDS = 60.0
"""For one answer, the browser's start included, on a machine that has much else to do."""
COMPLAINTS = (
    "Log.entryAdded",
    "Runtime.exceptionThrown",
    "Runtime.consoleAPICalled",
    "Network.loadingFailed",
)


@dataclass(kw_only=True)
class Page:
    """One tab. ``complaints``: errors of the page's, its console's, of policies and of what it could not load."""

    browser: Browser
    session: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def call(self, method: str, **parameters: Any) -> Any:
        return self.browser.call(method, parameters, self)

    def go(self, address: str) -> Self:
        """Returns when everything of it is there."""
        return self.follow(lambda: self.call("Page.navigate", url=address))

    def follow(self, act: Callable[[], object]) -> Self:
        """Do what leads to another page, and wait until everything of that is there."""
        self.browser.forget()
        act()
        self.browser.wait("Page.loadEventFired", self)
        return self

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression; an AssertionError where it throws."""
        said = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def texts(self, selector: str) -> list[str]:
        """What a person reads in each of the elements."""
        found: list[str] = self.ask(
            f"[...document.querySelectorAll({json.dumps(selector)})].map(one => one.innerText.trim())"
        )
        return found

    def look(self, *, width: int, height: int = 900, dark: bool = False) -> None:
        """As on a screen of that size, for somebody who likes it dark or light."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, file: Path | None = None) -> bytes:
        """All of the page as PNG."""
        told = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        picture = base64.b64decode(told["data"])
        if file is not None:
            file.write_bytes(picture)
        return picture


class Browser:
    """From ``with`` to its end; in the network namespace ``where``, if there is one."""

    def __init__(self, folder: Path, where: Netns | None = None) -> None:
        self._profile = folder / "browser"
        self._where = where
        self._number = 0
        self._buffer = b""
        self._events: deque[dict[str, Any]] = deque()
        self._pages: dict[str, Page] = {}

    def __enter__(self) -> Self:
        to_it, self._ask = _pipe()
        self._hear, from_it = _pipe()
        command = [PROGRAM, *FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        if self._where is not None:
            command = self._where.command(*command)
        # The shell puts the pipes where the browser looks for them.
        moved = ["bash", "-c", f'exec "$@" 3<&{to_it} 4>&{from_it}', "bash"]
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *moved, *command],
            pass_fds=(to_it, from_it),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(self._profile)},
            start_new_session=True,
        )
        os.close(to_it)
        os.close(from_it)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._ask)
        os.close(self._hear)
        os.killpg(self._process.pid, 9)
        self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)

    def open(self, address: str = "about:blank") -> Page:
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Page(browser=self, session=session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        return page if address == "about:blank" else page.go(address)

    def call(self, method: str, parameters: Mapping[str, Any], page: Page | None = None) -> Any:
        """An AssertionError where the browser refuses."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if page is not None:
            message["sessionId"] = page.session
        os.write(self._ask, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + SECONDS
        while (said := self._next(until)).get("id") != self._number:
            self._events.append(said)
        assert "error" not in said, f"{method}: {said['error']}"
        return said["result"]

    def wait(self, event: str, page: Page) -> None:
        until = time.monotonic() + SECONDS
        while True:
            said = self._events.popleft() if self._events else self._next(until)
            if said.get("method") == event and said.get("sessionId") == page.session:
                return

    def forget(self) -> None:
        """What has happened so far is nothing to wait for."""
        self._events.clear()

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._hear], [], [], max(0.0, until - time.monotonic()))
            assert ready, "the browser did not answer in time"
            more = os.read(self._hear, 1 << 20)
            assert more, f"the browser has ended with status {self._process.wait()}"
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\0")
        said: dict[str, Any] = json.loads(line)
        self._watch(said)
        return said

    def _watch(self, said: dict[str, Any]) -> None:
        page = self._pages.get(said.get("sessionId", ""))
        if page is None:
            return
        if said.get("method") == "Network.requestWillBeSent":
            page.requests.append(said["params"]["request"]["url"])
        if said.get("method") in COMPLAINTS:
            page.complaints.append(json.dumps(said["params"]))


def _pipe() -> tuple[int, int]:
    """Its ends, where none is one of those that the browser wants."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 10) for one in ends)
    for one in ends:
        os.close(one)
    return moved[0], moved[1]
