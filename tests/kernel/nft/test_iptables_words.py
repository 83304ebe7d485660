"""How iptables prints a rule, read; and how a comment is written for it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multinet.kernel.iptables import Rule, quoted


def test_a_jump_is_read():
    line = '-A POSTROUTING -s 10.1.2.3/32 -m comment --comment "name: \\"net-a\\" id: \\"0ab5\\"" -j CNI-c08d'
    rule = Rule.parse(line)
    assert rule == Rule(
        spec=line.removeprefix("-A "),
        chain="POSTROUTING",
        source=ip_network("10.1.2.3/32"),
        destination=None,
        target="CNI-c08d",
        comment='name: "net-a" id: "0ab5"',
    )


@pytest.mark.parametrize(
    ("line", "destination", "target", "comment"),
    [
        ("-A C -d fd00:1::/64 -j ACCEPT", ip_network("fd00:1::/64"), "ACCEPT", ""),
        ("-A C ! -d 224.0.0.0/4 -m comment --comment x -j MASQUERADE", None, "MASQUERADE", "x"),
        ("-A C -p tcp -m tcp --dport 80", None, "", ""),
        ("-A C", None, "", ""),
        ("-A C -d 10.0.1.0/255.0.255.0 -j X", None, "X", ""),
        ('-A C -m comment --comment "-j it\\\'s \\\\ back" -j RETURN', None, "RETURN", "-j it's \\ back"),
        ('-A C -m comment --comment "" -j RETURN', None, "RETURN", ""),
        ('-A C -m string --string "no end -j X', None, "X", ""),
    ],
)
def test_rules_of_all_kinds_are_read(line, destination, target, comment):
    rule = Rule.parse(line)
    assert (rule.destination, rule.target, rule.comment) == (destination, target, comment)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r")))
def test_a_quoted_comment_reads_back(comment):
    assert Rule.parse(f"-A C -m comment --comment {quoted(comment)} -j X").comment == comment


@given(st.text())
def test_a_line_of_anything_is_never_an_error(text):
    assert Rule.parse(f"-A C {text}").chain == "C"
