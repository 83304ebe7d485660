"""``python -m multinet.delegate TYPE``: an installed delegate as a standard CNI executable."""

from __future__ import annotations

import os
import sys

from multinet import __version__, streams
from multinet.cni import answer
from multinet.delegate.registry import installed
from multinet.delegate.serve import serve


def main(argv: list[str]) -> int:
    streams.claim()
    if len(argv) != 2 or argv[1].startswith("-"):
        print(
            f"usage: python -m multinet.delegate TYPE\ninstalled: {', '.join(sorted(installed()))}",
            file=sys.stderr,
        )
        return 2
    type_ = argv[1]
    if type_ not in installed():
        print(
            f"no delegate is installed for {type_!r}; installed: {', '.join(sorted(installed()))}",
            file=sys.stderr,
        )
        return 2
    if not os.environ.get("CNI_COMMAND"):
        print(answer.about(type_, __version__), file=sys.stderr)
        return 0
    done = serve(type_, os.environ, streams.read)
    return done.exit_code if streams.answer(done.stdout) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
