"""The kubelet's exec probes, in an image that has neither a shell nor curl.

    python -m multinet.daemon.probe livez|readyz|startz [--address ADDRESS]

Exit status 0 when all is well; 1 when not, and then what is wrong is printed; 2 for a mistake in the call. It
runs every few seconds for as long as the node lives: it must start quickly, so it imports next to nothing.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Sequence

from multinet.daemon import endpoint
from multinet.errors import MultinetError

PROBES = ("livez", "readyz", "startz")
USAGE = f"usage: python -m multinet.daemon.probe {'|'.join(PROBES)} [--address ADDRESS]"

SECONDS = 4.0
"""For the whole answer. Give the probe a longer timeoutSeconds, or the kubelet hides what is printed here."""
MOST_ANSWER_BYTES = 64 << 10


def main(arguments: Sequence[str]) -> int:
    match arguments:
        case [name] if name in PROBES:
            address = endpoint.DEFAULT
        case [name, "--address", address] | ["--address", address, name] if name in PROBES:
            pass
        case _:
            print(USAGE, file=sys.stderr)
            return 2
    try:
        place = endpoint.parse(address)
    except MultinetError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        status, body = ask(place, f"/{name}")
    except OSError as error:
        print(f"no answer from the agent at {address}: {error.strerror or error}")
        return 1
    if status != 200:
        print(body.strip() or f"the agent answered {status}")
    return 0 if status == 200 else 1


def ask(
    place: endpoint.Endpoint, path: str, *, seconds: float = SECONDS, most: int = MOST_ANSWER_BYTES
) -> tuple[int, str]:
    """Status and body. Raises OSError."""
    end = time.monotonic() + seconds
    family, where = place
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        connection.connect(where)
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        answer = b""
        while len(answer) < most:
            connection.settimeout(max(0.001, end - time.monotonic()))
            if not (more := connection.recv(MOST_ANSWER_BYTES)):
                break
            answer += more
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    if len(words) < 2 or not words[1].isdigit():
        raise OSError("it hung up without an answer")
    return int(words[1]), body.decode(errors="replace")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
