"""The tables of the backend nftables, as nft shows them, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from multinet import steps
from multinet.errors import MultinetError
from tests.support.netns import Netns
from tests.support.plugins import Attachment, refusal

pytestmark = pytest.mark.kernel

Attach = Callable[..., Attachment]

BOTH = ("10.1.2.0/24", "fd01:2::/64")
WHOLE = """\
table inet multinet_firewall {
	comment "multinet's firewall: what is routed"
	chain forward {
		type filter hook forward priority filter; policy accept;
		jump CNI-ADMIN
		jump isolation
		jump pods
	}

	chain isolation {
		iifname "br0" oifname "br0" drop
		iifname "br0" oifname != "br0" jump isolation_out
	}

	chain isolation_out {
		oifname "br0" drop
	}

	chain pods {
		ip daddr 10.1.2.2 ct state established,related accept comment "HASH, net: net, if: eth0, id: c1"
		ip saddr 10.1.2.2 accept comment "HASH, net: net, if: eth0, id: c1"
		ip6 daddr fd01:2::2 ct state established,related accept comment "HASH, net: net, if: eth0, id: c1"
		ip6 saddr fd01:2::2 accept comment "HASH, net: net, if: eth0, id: c1"
	}

	chain CNI-ADMIN {
	}
}
table bridge multinet_firewall {
	comment "multinet's firewall: what stays on one bridge"
	chain forward {
		type filter hook forward priority filter; policy accept;
		iifname "VETH" drop comment "HASH, net: net, if: eth0, id: c1"
		oifname "VETH" drop comment "HASH, net: net, if: eth0, id: c1"
	}
}
"""

OTHERS = """
table inet filter {
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
	}
}
table ip multinet_firewall {
	chain forward {
		counter
	}
}
"""


def ruleset(host: Netns) -> str:
    return host.run("nft", "list", "ruleset").stdout


def rules(host: Netns, chain: str, family: str = "inet") -> list[str]:
    """Without comments and handles."""
    text = host.run("nft", "list", "chain", family, "multinet_firewall", chain).stdout
    lines = [re.sub(r' comment ".*"$', "", line.strip()) for line in text.splitlines()[2:-2]]
    return [line for line in lines if not line.startswith("type ")]


def test_what_is_made_and_what_stays(walled: Attach, host: Netns, pod: Netns):
    one = walled(pod, *BOTH, backend="nftables", ingressPolicy="isolated").add()
    shown = re.sub(r"[0-9a-f]{16}-[0-9a-f]{16}", "HASH", ruleset(host))
    host_end = one.result["interfaces"][1]["name"]
    assert shown.replace(host_end, "VETH") == WHOLE
    one.check()
    one.delete()
    kept = "\n".join(line for line in WHOLE.splitlines() if "HASH" not in line) + "\n"
    assert ruleset(host) == kept
    one.delete()
    assert ruleset(host) == kept


def test_nobody_else_s_table_is_touched(walled: Attach, host: Netns, pod: Netns):
    host.run("nft", "-f", "-", input=OTHERS)
    before = ruleset(host)
    one = walled(pod, backend="nftables", ingressPolicy="isolated").add()
    assert ruleset(host).startswith(before)
    one.delete()
    one.gc()
    assert ruleset(host).startswith(before)


def test_what_the_operator_puts_into_ours_stays(walled: Attach, host: Netns, pod: Netns):
    """A policy, a rule before and behind ours, a rule of the administrator's chain."""
    one = walled(pod, backend="nftables").add()
    host.run(
        "nft", "-f", "-",
        input="""
        chain inet multinet_firewall forward { policy drop; }
        insert rule inet multinet_firewall forward iifname "lo" accept
        add rule inet multinet_firewall forward counter
        add rule inet multinet_firewall CNI-ADMIN ip saddr 192.0.2.1 drop
        """,
    )  # fmt: skip
    before = ruleset(host)
    one.add()
    assert ruleset(host) == before
    assert "policy drop" in before
    one.delete()
    assert rules(host, "CNI-ADMIN") == ["ip saddr 192.0.2.1 drop"]
    assert rules(host, "pods") == []


def test_one_change_is_all_or_nothing(walled: Attach, host: Netns, pod: Netns):
    """ADD announces one step, and one whose batch is refused leaves nothing."""
    one = walled(pod, *BOTH, backend="nftables", ingressPolicy="isolated")
    taken: list[str] = []
    steps.listen(taken.append)
    try:
        one.add()
    finally:
        steps.listen(None)
    assert taken == ["let what eth0 sends and is answered through"]
    host.run("nft", "add chain inet multinet_firewall BASE { type filter hook input priority 0 ; }")
    before = ruleset(host)
    other = one.but(container="c2", conf={**one.conf, "iptablesAdminChainName": "BASE"})
    assert "could not insert a rule into chain forward" in refusal(
        other.add
    )  # a base chain can't be jumped to
    assert ruleset(host) == before


def test_two_networks_may_name_two_admin_chains(walled: Attach, host: Netns, pods):
    first, second = pods(2)
    walled(first, backend="nftables").add()
    walled(second, container="c2", backend="nftables", iptablesAdminChainName="TENANT").add().check()
    assert rules(host, "forward") == ["jump TENANT", "jump CNI-ADMIN", "jump isolation", "jump pods"]


def test_two_attachments_with_one_address_are_told_apart(walled: Attach, host: Netns, pod: Netns):
    one = walled(pod, backend="nftables").add()
    two = one.but(ifname="net1").add()
    one.delete()
    two.check()
    assert len(rules(host, "pods")) == 2
    two.delete()
    assert rules(host, "pods") == []


def test_del_needs_neither_result_nor_namespace_nor_policy(walled: Attach, host: Netns, pod: Netns):
    one = walled(pod, backend="nftables", ingressPolicy="same-bridge").add()
    bare = {**one.conf, "prevResult": None, "ingressPolicy": "bogus", "backend": "iptables"}
    one.but(conf=bare, result={}, pod=Netns(name="gone")).delete()
    assert rules(host, "pods") == []


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("flush chain inet multinet_firewall pods", "rules of eth0 are not found in chain pods"),
        (
            "flush chain inet multinet_firewall isolation_out",
            "rules of eth0 are not found in chain isolation_out",
        ),
        ("flush chain bridge multinet_firewall forward", "rules of eth0 are not found in chain forward"),
        (
            "flush chain inet multinet_firewall forward",
            "expected rule [jump CNI-ADMIN] not found in chain forward",
        ),
        ("delete table inet multinet_firewall", "expected rule [jump CNI-ADMIN] not found in chain forward"),
    ],
)
def test_check_sees_what_is_gone_and_another_add_mends_it(
    walled: Attach, host: Netns, pod: Netns, broken: str, message: str
):
    one = walled(pod, backend="nftables", ingressPolicy="isolated").add()
    before = sorted(ruleset(host).splitlines())
    host.run("nft", broken)
    assert refusal(one.check).startswith(message)
    one.add().check()
    assert sorted(ruleset(host).splitlines()) == before


def test_a_way_that_lost_a_part_is_laid_in_its_order_again(walled: Attach, host: Netns, pod: Netns):
    one = walled(pod, backend="nftables").add()
    listed = host.run("nft", "-a", "list", "chain", "inet", "multinet_firewall", "forward").stdout
    handle = re.search(r"jump isolation # handle (\d+)", listed)
    assert handle
    host.run("nft", "delete", "rule", "inet", "multinet_firewall", "forward", "handle", handle[1])
    assert refusal(one.check).startswith("expected rule [jump isolation] not found")
    one.add().check()
    assert rules(host, "forward") == ["jump CNI-ADMIN", "jump isolation", "jump pods"]


def test_gc_removes_who_is_gone_and_bridges_that_are(walled: Attach, host: Netns, pods):
    first, second = pods(2)
    keys = {"backend": "nftables", "ingressPolicy": "isolated"}
    one = walled(first, **keys).add()
    walled(second, "10.1.3.0/24", bridge="br1", container="c2", **keys).add()
    other = one.but(conf={**one.conf, "name": "other"}, ifname="net1").add()
    host.ip("link", "delete", "br1")
    one.gc(("c1", "eth0"))
    assert rules(host, "isolation_out") == ['oifname "br0" drop']
    assert rules(host, "isolation") == [
        'iifname "br0" oifname "br0" drop',
        'iifname "br0" oifname != "br0" jump isolation_out',
    ]
    one.check()
    other.check()
    one.gc()
    other.check()
    assert len(rules(host, "pods")) == 2


def test_it_is_what_is_left_where_iptables_is_not_installed(
    walled: Attach, host: Netns, pod: Netns, monkeypatch: pytest.MonkeyPatch, tmp_path
):
    one = walled(pod, ingressPolicy="same-bridge")
    explicit = one.but(conf={**one.conf, "backend": "iptables"})
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refusal(explicit.add) == "failed to locate iptables: it is nowhere in PATH"
    with pytest.raises(MultinetError) as said:
        explicit.call("STATUS", {})
    assert (said.value.cni_code, said.value.sentence) == (50, "iptables can't be used here")
    one.call("STATUS", {})
    one.add().check()
    one.delete()
    monkeypatch.undo()
    assert rules(host, "pods") == []
    assert "CNI-FORWARD" not in ruleset(host)
