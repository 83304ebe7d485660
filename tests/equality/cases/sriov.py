from __future__ import annotations

NO_REFERENCE = {
    "sriov": "sriov-cni is none of the reference's plugins, and can't be had as a Go module to be built beside them; "
    "its records and what it does with them are held by tests/delegates/main/sriov"
}
