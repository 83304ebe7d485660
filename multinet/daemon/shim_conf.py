"""What the shim is told, in a file beside the socket: it is read when there is no agent to ask."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from multinet import files
from multinet.config import Settings

NAME: Final = "shim.conf"
MARGIN_SECONDS: Final = 8.0
"""What the shim waits beyond the agent's own limit, so that the agent's words are heard, not its silence."""


def text(settings: Settings) -> bytes:
    agent = settings.agent
    lines = [
        f"wait_ms {int(agent.shim_wait_seconds * 1000)}",
        f"answer_ms {int((agent.request_seconds + MARGIN_SECONDS) * 1000)}",
        f"bin_dir {settings.bin_dir}",
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def write(settings: Settings) -> None:
    """Beside the socket, replaced in one step. Raises IOFailure."""
    file = settings.agent.socket.with_name(NAME)
    files.make_dirs(file.parent, mode=0o700)
    if not is_there(file, text(settings)):
        files.write_atomic(file, text(settings))


def is_there(file: Path, content: bytes) -> bool:
    try:
        return file.read_bytes() == content
    except OSError:
        return False
