from __future__ import annotations

NO_REFERENCE = {
    "dhcp": "it has a program, but that wants a server and a daemon: compared in "
    "tests/delegates/ipam/dhcp/test_same_as_reference.py"
}
