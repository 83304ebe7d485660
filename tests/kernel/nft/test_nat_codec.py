"""Rules that translate addresses are, byte for byte, what nft(8) sends for the same words, and are read again."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from multinet.kernel.nfnetlink import Nfnetlink
from multinet.kernel.nft import OUTPUT, PREROUTING, PRIORITY_DSTNAT, Chain, Family, Hook, Table
from multinet.kernel.nft_expr import MASQUERADE, jump
from multinet.kernel.nft_nat import (
    PROTOCOLS,
    Translation,
    dnat,
    to_address,
    to_port,
    to_this_host,
    translated_from,
    translation,
)
from tests.kernel.nft.oracle import nft_messages, ruleset
from tests.support.netns import Netns

pytestmark = pytest.mark.kernel

TABLES = {
    "ip": Table(family=Family.IPV4, name="mine"),
    "ip6": Table(family=Family.IPV6, name="mine"),
}
V4, V6 = ip_address("10.1.2.3"), ip_address("fd01:2::3")

WORDS = {
    "ip": {
        "fib daddr type local jump ports": to_this_host() + jump("ports"),
        "tcp dport 8080 dnat to 10.1.2.3:80": to_port("tcp", 8080) + dnat(V4, 80),
        "udp dport 53 dnat to 10.1.2.3:5353": to_port("udp", 53) + dnat(V4, 5353),
        "sctp dport 1 dnat to 10.1.2.3:65535": to_port("sctp", 1) + dnat(V4, 65535),
        "dccp dport 1 dnat to 10.1.2.3:1": to_port("dccp", 1) + dnat(V4, 1),
        "udplite dport 1 dnat to 10.1.2.3:1": to_port("udplite", 1) + dnat(V4, 1),
        "ip daddr 10.1.2.3 tcp dport 80 ct status dnat ct original proto-dst 8080 masquerade": to_address(V4)
        + to_port("tcp", 80)
        + translated_from(8080)
        + MASQUERADE,
    },
    "ip6": {
        "fib daddr type local jump ports": to_this_host() + jump("ports"),
        "ip6 daddr fd01:2::3 tcp dport 8080 dnat to [fd01:2::3]:80": to_address(V6)
        + to_port("tcp", 8080)
        + dnat(V6, 80),
    },
}


@pytest.mark.parametrize(
    ("family", "words"), [(family, words) for family, rows in WORDS.items() for words in rows]
)
def test_a_rule_is_encoded_as_nft_encodes_it(host: Netns, family: str, words: str):
    ground = f"add table {family} mine\nadd chain {family} mine ports\nadd chain {family} mine from\n"
    entry = Chain(table=TABLES[family], name="from")
    (*_, (_, body)) = nft_messages(host, f"{ground}add rule {family} mine from {words}\n")
    assert entry.append(WORDS[family][words]).body == body


@pytest.mark.parametrize(("name", "number"), [("prerouting", PREROUTING), ("output", OUTPUT)])
def test_a_chain_before_routing_is_hooked_as_nft_hooks_it(host: Netns, name: str, number: int):
    hook = Hook(kind="nat", number=number, priority=PRIORITY_DSTNAT)
    script = f"add table ip mine\nadd chain ip mine {name} {{ type nat hook {name} priority {PRIORITY_DSTNAT} ; }}\n"
    (*_, (_, body)) = nft_messages(host, script)
    assert Chain(table=TABLES["ip"], name=name, hook=hook).add().body == body


@pytest.mark.parametrize("family", ["ip", "ip6"])
def test_a_translation_is_read_from_the_kernel(net: Nfnetlink, family: str):
    table, address, version = TABLES[family], V4 if family == "ip" else V6, 4 if family == "ip" else 6
    chain = Chain(table=table, name="ports")
    rules = [
        to_address(address) + to_port("udp", 53) + dnat(address, 5353),
        dnat(address, 80),
        to_port("tcp", 1) + MASQUERADE,
    ]
    net.commit([table.add(), chain.add(), *map(chain.append, rules)], doing="make rules")
    assert [translation(rule.meaning, version) for rule in chain.rules(net)] == [
        Translation(
            protocol=PROTOCOLS["udp"], address=address.packed, port=53, to=address.packed, to_port=5353
        ),
        Translation(protocol=None, address=None, port=None, to=address.packed, to_port=80),
        None,
    ]


def test_a_mark_is_kept_beside_the_comment_and_not_shown(net: Nfnetlink, host: Netns):
    table = TABLES["ip"]
    chain = Chain(table=table, name="ports")
    rules = [
        chain.append(MASQUERADE, comment="a comment"),
        chain.append(MASQUERADE, comment="a comment", mark="a mark"),
        chain.append(MASQUERADE, mark="a mark"),
    ]
    net.commit([table.add(), chain.add(), *rules], doing="make rules")
    assert [(rule.comment, rule.mark) for rule in chain.rules(net)] == [
        ("a comment", ""),
        ("a comment", "a mark"),
        ("", "a mark"),
    ]
    shown = [entry["rule"] for entry in ruleset(host) if "rule" in entry]
    assert shown[0] == shown[1]
    assert "comment" not in shown[2]
