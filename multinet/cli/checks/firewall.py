"""Is this node's firewall firewalld, and can it be spoken to?

Where it can't, the plugin ``firewall`` lets pods through by iptables or nftables, and firewalld rejects them all the
same: each table that sees a packet may.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from multinet.cli.checks.finding import Finding, good, warning, wrong
from multinet.cli.checks.patient import Patient
from multinet.kernel.namespace import Namespace
from multinet.kernel.nfnetlink import Nfnetlink
from multinet.kernel.nft import Chain, Family, Table

FORWARDED: Final = Chain(table=Table(family=Family.INET, name="firewalld"), name="filter_FORWARD")
"""What it makes by nf_tables, its backend since 0.6."""
BUS: Final = Path("/var/run/dbus/system_bus_socket")
ELSEWHERE: Final = "DBUS_SYSTEM_BUS_ADDRESS"
PLUGIN: Final = "firewall"
MEND: Final = "kubectl apply -k OVERLAY  # with deploy/components/firewalld among its components"


def look(patient: Patient) -> Iterator[Finding]:
    if not _forwards():
        return
    if BUS.is_socket() or os.environ.get(ELSEWHERE):
        yield good("firewall", "firewalld is this node's firewall, and D-Bus is here")
        return
    says = f"firewalld is this node's firewall, and can't be told of pods: there is no {BUS}"
    told = wrong if PLUGIN in patient.types_in_use else warning
    yield told("firewall", says, MEND)


def _forwards() -> bool:
    """Does firewalld see what is forwarded here?"""
    with Namespace.current() as host, Nfnetlink.open(host) as net:
        return FORWARDED.exists(net)
