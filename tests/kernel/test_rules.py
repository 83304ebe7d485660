"""Rules on the real kernel."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

import pytest

from multinet.errors import NotFound
from multinet.kernel import rules
from multinet.kernel.namespace import Namespace
from multinet.kernel.rules import Rule
from tests.support.netns import Netns

pytestmark = pytest.mark.kernel

SOURCE = ip_address("10.1.2.3")


def test_a_rule_is_as_ip_shows_it(pod: Netns, pod_ns: Namespace) -> None:
    pod_ns.rtnl.batch([rules.add(SOURCE, 1000), rules.add(ip_address("fd00::3"), 7)])
    (shown,) = [rule for rule in pod.json("ip", "-j", "rule") if rule["src"] != "all"]
    assert (shown["priority"], shown["src"], shown["table"]) == (32765, "10.1.2.3", "1000")
    assert [rule for rule in rules.dump(pod_ns.rtnl) if rule.src] == [
        Rule(version=4, src=ip_interface("10.1.2.3/32"), table=1000, priority=32765),
        Rule(version=6, src=ip_interface("fd00::3/128"), table=7, priority=32765),
    ]


def test_the_kernels_own_rules_are_listed_and_those_that_lead_to_no_table(
    pod: Netns, pod_ns: Namespace
) -> None:
    pod.ip("rule", "add", "from", "10.0.0.0/8", "priority", "9", "unreachable")
    assert {(rule.version, rule.table, rule.priority) for rule in rules.dump(pod_ns.rtnl)} == {
        (4, 255, 0), (4, 0, 9), (4, 254, 32766), (4, 253, 32767), (6, 255, 0), (6, 254, 32766),
    }  # fmt: skip


def test_a_rule_is_deleted_by_what_is_listed_and_no_other(pod: Netns, pod_ns: Namespace) -> None:
    pod_ns.rtnl.batch([rules.add(SOURCE, 100), rules.add(SOURCE, 100), rules.add(SOURCE, 70000)])
    first, *others = (rule for rule in rules.dump(pod_ns.rtnl) if rule.src)
    assert [rule.table for rule in (first, *others)] == [70000, 100, 100]
    for gone in (others[0], first):
        pod_ns.rtnl.request(rules.delete(gone))
    assert [rule for rule in rules.dump(pod_ns.rtnl) if rule.src] == [others[1]]
    with pytest.raises(NotFound) as failure:
        pod_ns.rtnl.request(rules.delete(first))
    assert str(failure.value) == (
        "could not delete the rule of 10.1.2.3/32 for table 70000: No such file or directory"
    )
