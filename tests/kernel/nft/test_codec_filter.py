"""What a packet filter says beside addresses is, byte for byte, what nft(8) sends for the same words."""

from __future__ import annotations

import pytest

from multinet.kernel.nft import FORWARD, PRIORITY_BRIDGE_FILTER, PRIORITY_FILTER, Chain, Family, Hook, Table
from multinet.kernel.nft_expr import (
    ACCEPT,
    DROP,
    ESTABLISHED,
    NEQ,
    RELATED,
    from_interface,
    meanings,
    to_interface,
    tracked,
)
from tests.kernel.nft.oracle import nft_messages
from tests.support.netns import Netns

pytestmark = pytest.mark.kernel

INET = Table(family=Family.INET, name="mine")
BRIDGE = Table(family=Family.BRIDGE, name="mine")
ROUTED = Chain(table=INET, name="f", hook=Hook(kind="filter", number=FORWARD, priority=PRIORITY_FILTER))
BRIDGED = Chain(
    table=BRIDGE, name="f", hook=Hook(kind="filter", number=FORWARD, priority=PRIORITY_BRIDGE_FILTER)
)


def test_filters_of_what_is_forwarded(host: Netns):
    said = nft_messages(
        host,
        """
        add table inet mine
        add chain inet mine f { type filter hook forward priority filter ; }
        add table bridge mine
        add chain bridge mine f { type filter hook forward priority filter ; }
        add rule inet mine f ct state established,related accept
        add rule inet mine f iifname "br0" oifname "br0" drop
        add rule inet mine f iifname "br0" oifname != "br0" drop
        add rule bridge mine f oifname "veth0" drop
        """,
    )
    messages = [
        INET.add(),
        ROUTED.add(),
        BRIDGE.add(),
        BRIDGED.add(),
        ROUTED.append(tracked(ESTABLISHED | RELATED), ACCEPT),
        ROUTED.append(from_interface("br0"), to_interface("br0"), DROP),
        ROUTED.append(from_interface("br0"), to_interface("br0", op=NEQ), DROP),
        BRIDGED.append(to_interface("veth0"), DROP),
    ]
    assert [(one.kind, one.body) for one in messages] == said


def test_they_read_back_as_they_were_said(net):
    rules = [
        tracked(ESTABLISHED | RELATED) + ACCEPT,
        from_interface("br0") + to_interface("br0", op=NEQ) + DROP,
    ]
    net.commit([INET.add(), ROUTED.add(), *[ROUTED.append(rule) for rule in rules]], doing="prepare")
    assert [rule.meaning for rule in ROUTED.rules(net)] == [meanings(rule) for rule in rules]
