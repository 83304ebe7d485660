"""What iptables prints of rules, others' among them: none of it keeps a pod from its ports."""

from __future__ import annotations

import pytest

from delegates.meta.portmap.listing import Line
from multinet.kernel.iptables import Rule

COMMENT_OF_TWO_LINES = '-A CNI-HOSTPORT-DNAT -m comment --comment "dnat name: \\"net'


@pytest.mark.parametrize(
    "text",
    [
        COMMENT_OF_TWO_LINES,
        "-A",
        "-A ",
        "",
        "it's",
        '"',
        "-A CNI -d 10.0.1.0/255.0.255.0 -j X",
        "-A CNI -d x",
    ],
)
def test_a_line_that_is_none_of_ours_is_read_as_far_as_it_goes(text: str):
    """iptables prints a comment with a line break as it is, and so half of a word in quotes."""
    line = Line.parse(text)
    assert line.port[2] == ""
    assert line.target in ("", "X")
    assert Rule.parse(text).chain == line.chain


def test_a_rule_of_ours_says_where_it_leads():
    line = Line.parse("-A CNI-DN-1 -d 10.0.0.1/32 -p tcp --dport 80 -j DNAT --to-destination [fd00::3]:8080")
    assert (line.chain, line.target, line.port) == ("CNI-DN-1", "DNAT", ("tcp", "80", "10.0.0.1"))
    assert line.leads_to("[fd00::3]")
