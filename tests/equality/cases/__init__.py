"""The table: every row is a configuration that both are given."""

from __future__ import annotations

from tests.equality.case import Case
from tests.equality.cases import (
    bridge,
    bridge_gateway,
    bridge_vlan,
    dummy,
    failures,
    host_device,
    host_local,
    ipvlan,
    loopback,
    macvlan,
    ptp,
    sbr,
    static,
    tap,
    tuning,
    versions,
    vlan,
    vrf,
)

CASES: tuple[Case, ...] = (
    *bridge.CASES,
    *bridge_gateway.CASES,
    *bridge_vlan.CASES,
    *ptp.CASES,
    *macvlan.CASES,
    *ipvlan.CASES,
    *vlan.CASES,
    *dummy.CASES,
    *loopback.CASES,
    *host_device.CASES,
    *tap.CASES,
    *host_local.CASES,
    *static.CASES,
    *tuning.CASES,
    *sbr.CASES,
    *vrf.CASES,
    *versions.CASES,
    *failures.CASES,
)
