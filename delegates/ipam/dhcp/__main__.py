"""``python -m delegates.ipam.dhcp daemon``; the plugin itself is ``python -m multinet.delegate dhcp``."""

from __future__ import annotations

import sys

from delegates.ipam.dhcp.daemon import run


def main(argv: list[str]) -> int:
    if argv[1:2] != ["daemon"]:
        print("usage: python -m delegates.ipam.dhcp daemon [-h] [options]", file=sys.stderr)
        return 2
    return run(argv[2:])


if __name__ == "__main__":
    sys.exit(main(sys.argv))
