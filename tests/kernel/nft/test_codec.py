"""What we send is, byte for byte, what nft(8) sends for the same words."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from multinet.kernel.nft import (
    POSTROUTING,
    PREROUTING,
    PRIORITY_BRIDGE_DSTNAT,
    PRIORITY_SRCNAT,
    Chain,
    Family,
    Hook,
    Message,
    Table,
)
from multinet.kernel.nft_expr import (
    DROP,
    MASQUERADE,
    NEQ,
    RETURN,
    destination,
    ether_source,
    from_interface,
    goto,
    jump,
    protocol,
    source,
)
from tests.kernel.nft.oracle import nft_messages
from tests.support.netns import Netns

pytestmark = pytest.mark.kernel

INET = Table(family=Family.INET, name="mine", comment="What it is for: (this) and that")
CHECKS = Chain(table=INET, name="checks", comment="A comment of a chain")
NAT = Chain(table=INET, name="nat", hook=Hook(kind="nat", number=POSTROUTING, priority=PRIORITY_SRCNAT))
BRIDGE = Table(family=Family.BRIDGE, name="nat")
ENTRY = Chain(
    table=BRIDGE,
    name="PREROUTING",
    hook=Hook(kind="filter", number=PREROUTING, priority=PRIORITY_BRIDGE_DSTNAT, accept=True),
)

GROUND = """
add table inet mine { comment "What it is for: (this) and that" ; }
add chain inet mine checks { comment "A comment of a chain" ; }
"""

ADDRESSES = [ip_address("10.1.2.3"), ip_address("fd00:1::5")]
NETWORKS = [
    *[ip_network(f"10.1.2.3/{bits}", strict=False) for bits in (0, 1, 4, 7, 8, 16, 20, 24, 31, 32)],
    *[ip_network(f"fd00:1:2::5/{bits}", strict=False) for bits in (0, 3, 8, 61, 64, 127, 128)],
]


def bodies(*messages: Message) -> list[tuple[int, bytes]]:
    return [(message.kind, message.body) for message in messages]


def test_tables_and_chains(host: Netns):
    said = nft_messages(
        host,
        GROUND
        + """
        add chain inet mine nat { type nat hook postrouting priority srcnat ; }
        flush chain inet mine nat
        """,
    )
    assert bodies(INET.add(), CHECKS.add(), NAT.add(), NAT.flush()) == said


def test_a_base_chain_with_a_policy(host: Netns):
    said = nft_messages(
        host,
        """
        add table bridge nat
        add chain bridge nat PREROUTING { type filter hook prerouting priority -300 ; policy accept ; }
        """,
    )
    assert bodies(BRIDGE.add(), ENTRY.add()) == said


def test_deleting(host: Netns, net):
    net.commit([INET.add(), CHECKS.add(), CHECKS.append(DROP)], doing="prepare")
    (rule,) = CHECKS.rules(net)
    script = f"delete rule inet mine checks handle {rule.handle}\ndelete chain inet mine checks"
    assert bodies(CHECKS.delete_rule(rule.handle), CHECKS.delete()) == nft_messages(host, script)


@pytest.mark.parametrize("address", ADDRESSES, ids=str)
def test_a_source_address(host: Netns, address):
    word = "ip" if address.version == 4 else "ip6"
    said = nft_messages(host, f"{GROUND} add rule inet mine checks {word} saddr {address} drop")
    assert bodies(CHECKS.append(protocol(address.version), source(address), DROP)) == said[2:]


@pytest.mark.parametrize("network", NETWORKS, ids=str)
@pytest.mark.parametrize("op", ["==", "!="])
def test_a_destination_network(host: Netns, network, op):
    word = "ip" if network.version == 4 else "ip6"
    said = nft_messages(host, f"{GROUND} add rule inet mine checks {word} daddr {op} {network} return")
    match = destination(network, op=NEQ) if op == "!=" else destination(network)
    assert bodies(CHECKS.append(protocol(network.version), match, RETURN)) == said[2:]


def test_verdicts_and_masquerading(host: Netns):
    said = nft_messages(
        host,
        GROUND
        + """
        add chain inet mine nat { type nat hook postrouting priority srcnat ; }
        add rule inet mine nat goto checks
        add rule inet mine nat jump checks comment "a rule's comment, to the end"
        add rule inet mine checks masquerade comment "x"
        insert rule inet mine checks return
        """,
    )
    assert (
        bodies(
            NAT.append(goto("checks")),
            NAT.append(jump("checks"), comment="a rule's comment, to the end"),
            CHECKS.append(MASQUERADE, comment="x"),
            CHECKS.insert(RETURN),
        )
        == said[3:]
    )


def test_an_interface_and_a_mac(host: Netns):
    said = nft_messages(
        host,
        """
        add table bridge nat
        add chain bridge nat c
        add rule bridge nat c iifname "vethcafe0123" drop
        add rule bridge nat c iifname "a" drop
        add rule bridge nat c ether saddr 0a:58:0a:01:02:03 return
        """,
    )
    chain = Chain(table=BRIDGE, name="c")
    assert (
        bodies(
            chain.append(from_interface("vethcafe0123"), DROP),
            chain.append(from_interface("a"), DROP),
            chain.append(ether_source("0A:58:0a:01:02:03"), RETURN),
        )
        == said[2:]
    )
