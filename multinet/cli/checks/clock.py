"""Is the node's clock right? Certificates, tokens and the times of events depend on it."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Final

from multinet.cli.checks.finding import Finding, good, unknown, wrong
from multinet.kube.access import Access
from multinet.kube.connections import Connections
from multinet.kube.http import Unanswered

MOST_SECONDS: Final = 30.0
"""How far it may be from the API server's, which tells whole seconds. A token counts from when it was made."""
ANSWER_SECONDS: Final = 10.0
TIME_ERROR: Final = 5
"""adjtimex(2): nobody keeps the clock."""
TIMEX_BYTES: Final = 512
"""More than a struct timex has on any machine."""
SYNC: Final = "timedatectl set-ntp true"


def kept() -> Iterator[Finding]:
    """Does anybody keep it?"""
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    except AttributeError:
        return
    if state == TIME_ERROR:
        yield unknown("clock", "the kernel knows of nobody who keeps its clock (NTP)", SYNC)


def beside(access: Access) -> Iterator[Finding]:
    """Beside the API server's."""
    connections = Connections(access)
    try:
        before = time.time()
        reply = connections.send("GET", "/version", headers={}, silence=ANSWER_SECONDS, look=False)
        now = (before + time.time()) / 2
    except Unanswered:
        return  # whoever asks whether it can be reached tells it
    finally:
        connections.close()
    try:
        theirs = parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
    except ValueError:
        return
    ahead = now - theirs
    if abs(ahead) > MOST_SECONDS:
        which = "ahead of" if ahead > 0 else "behind"
        yield wrong("clock", f"the clock is {abs(ahead):.0f} seconds {which} the API server's", SYNC)
    else:
        yield good("clock", f"the clock is within {MOST_SECONDS:.0f} seconds of the API server's")
