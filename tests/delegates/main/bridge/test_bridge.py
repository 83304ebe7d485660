"""What bridge makes and leaves where equality with the reference does not show it, or is not wanted.

The decisions of README.md, "Different from the reference", by their names.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from delegates.main.bridge.verify import follows_its_ports
from multinet.kernel import links
from multinet.kernel.namespace import Namespace
from tests.faults import facts
from tests.support.ipam import reserved
from tests.support.netns import Netns
from tests.support.plugins import pings, refusal
from tests.support.wait import until

pytestmark = pytest.mark.kernel

LOWEST = "00:00:00:00:00:02"


def bridge(**keys):
    return {"cniVersion": "1.1.0", "name": "net", "type": "bridge", "bridge": "br0", **keys}


def mac_of(where: Netns, link: str) -> str:
    return where.json("ip", "-j", "link", "show", link)[0]["address"]


@pytest.mark.parametrize("gateway", [True, False])
def test_the_gateways_address_pins_the_mac_of_the_bridge(attach, pod, host: Netns, ranges, gateway):
    """So a container's neighbour entry for its gateway stays right, whatever ports come and go."""
    one = attach(pod, bridge(isGateway=gateway, ipam=ranges("10.1.2.0/24"))).add()
    before = mac_of(host, "br0")
    host.ip("link", "add", "low", "address", LOWEST, "type", "veth", "peer", "name", "low-peer")
    host.ip("link", "set", "low", "master", "br0")
    assert mac_of(host, "br0") == (before if gateway else LOWEST)
    one.check()  # and CHECK does not ask of a bridge without a gateway what can't be


def test_a_gateways_bridge_has_its_mac_before_the_address(attach, pod, host: Netns, ranges):
    """Else containers that come together to a bridge that is not there yet are told of several MACs."""
    pod.ip("link", "add", "eth0", "type", "veth", "peer", "name", "other")
    refusal(
        attach(pod, bridge(isGateway=True, ipam=ranges("10.1.2.0/24"))).add
    )  # the bridge is made all the same
    before = mac_of(host, "br0")
    host.ip("link", "add", "low", "address", LOWEST, "type", "veth", "peer", "name", "low-peer")
    host.ip("link", "set", "low", "master", "br0")
    assert mac_of(host, "br0") == before


def test_a_bridge_that_is_there_keeps_its_mtu_and_its_filtering(attach, pod, host: Netns):
    """D-21"""
    host.ip("link", "add", "br0", "mtu", "1300", "type", "bridge")
    attach(pod, bridge(mtu=1400)).add()
    (link,) = host.json("ip", "-d", "-j", "link", "show", "br0")
    assert link["linkinfo"]["info_data"]["vlan_filtering"] == 0
    assert pod.json("ip", "-j", "link", "show", "eth0")[0]["mtu"] == 1400


def test_force_address_replaces_what_is_in_the_way_and_nothing_else(attach, pod, host: Netns, ranges):
    host.ip("link", "add", "br0", "type", "bridge")
    for address in ("10.9.9.1/24", "fd01:2::9/48", "fd99::1/64"):
        host.ip("addr", "add", address, "dev", "br0", *(["nodad"] if ":" in address else []))
    ipam = ranges("10.1.2.0/24", "fd01:2::/64")
    attach(pod, bridge(isGateway=True, forceAddress=True, ipam=ipam)).add()
    assert sorted(host.addresses("br0")) == ["10.1.2.1/24", "fd01:2::1/64", "fd99::1/64"]
    until(lambda: pings(pod, "10.1.2.1") and pings(pod, "fd01:2::1"), what="pings to the new gateways")


@pytest.mark.parametrize(
    ("there", "wanted"), [("10.9.9.1/24", "10.1.2.1/24"), ("fd01:2::9/48", "fd01:2::1/64")]
)
def test_a_conflict_on_the_bridge_leaves_no_link_no_rule_and_no_address(
    attach, pod, host: Netns, ranges, state: Path, there: str, wanted: str
):
    """D-6"""
    host.ip("link", "add", "br0", "type", "bridge")
    host.ip("link", "set", "br0", "up")
    host.ip("addr", "add", there, "dev", "br0", *(["nodad"] if ":" in there else []))
    before = facts.of_host(host)
    ipam = ranges("10.1.2.0/24" if "." in there else "fd01:2::/64")
    one = attach(
        pod, bridge(isGateway=True, macspoofchk=True, ipMasq=True, ipMasqBackend="nftables", ipam=ipam)
    )
    assert refusal(one.add) == f'"br0" already has an IP address different from {wanted}'
    assert (pod.links(), host.links(), reserved(state)) == ([], ["br0"], [])
    left = {fact for fact in facts.of_host(host) - before if "table" not in fact and "chain" not in fact}
    assert left == set()
    one.delete()


def test_no_address_left_leaves_no_link(attach, pods, host: Netns, ranges, state: Path):
    """D-6, where IPAM fails in the midst."""
    first, second = pods(2)
    conf = bridge(ipam=ranges("10.1.2.0/30"))
    attach(first, conf).add()
    assert refusal(attach(second, conf, "c2").add) == (
        "[host-local]: failed to allocate for range 0: no IP addresses available in range set: 10.1.2.1-10.1.2.2"
    )
    assert (second.links(), len(host.links()), reserved(state)) == ([], 2, ["10.1.2.2"])


def test_a_name_that_is_taken_is_refused_and_stays_who_it_was(attach, pod, host: Netns, ranges, state: Path):
    pod.ip("link", "add", "eth0", "type", "veth", "peer", "name", "other")
    index = pod.json("ip", "-j", "link", "show", "eth0")[0]["ifindex"]
    assert (
        refusal(attach(pod, bridge(ipam=ranges("10.1.2.0/24"))).add) == "there is an interface 'eth0' already"
    )
    assert pod.json("ip", "-j", "link", "show", "eth0")[0]["ifindex"] == index
    assert (host.links(), reserved(state)) == (["br0"], [])


def test_a_link_of_that_name_that_is_no_bridge_is_left_alone(attach, pod, host: Netns):
    host.ip("link", "add", "br0", "type", "veth", "peer", "name", "other")
    assert refusal(attach(pod, bridge()).add) == '"br0" already exists but is not a bridge'
    assert (sorted(host.links()), pod.links()) == (["br0", "other"], [])


def test_a_duplicate_address_is_detected_and_taken_back(attach, pods, netns, host: Netns, ranges):
    """With enabledad; its pod is one where the kernel does test addresses."""
    (first,) = pods(1)
    second = netns("careful")
    ipam = {"type": "static", "addresses": [{"address": "fd01:2::5/64", "gateway": "fd01:2::1"}]}
    one = attach(first, bridge(isGateway=True, ipam=ipam)).add()
    other = attach(second, bridge(isGateway=True, enabledad=True, ipam=ipam), "c2")
    assert refusal(other.add) == "link eth0 has address fd01:2::5 in DADFAILED state"
    assert (second.links(), sorted(host.links())) == ([], ["br0", one.host_end])


def test_the_callers_own_namespace_is_refused_before_anything_is_made(
    attach, host: Netns, ranges, state: Path
):
    """D-1"""
    one = attach(host, bridge(ipam=ranges("10.1.2.0/24")))
    assert refusal(one.add) == "plugin's netns and netns from CNI_NETNS should not be the same"
    assert (host.links(), reserved(state)) == ([], [])


def test_mtu_and_advmss_of_routes_are_installed(attach, pod, ranges):
    """D-2"""
    routes = [{"dst": "10.9.0.0/16", "gw": "10.1.2.1", "mtu": 1300, "advmss": 1200}]
    attach(pod, bridge(isGateway=True, ipam=ranges("10.1.2.0/24", routes=routes))).add()
    (route,) = pod.json("ip", "-j", "route", "show", "10.9.0.0/16")
    assert route["metrics"] == [{"mtu": 1300, "advmss": 1200}]
    said = pod.run("ping", "-c1", "-W0.1", "-Mdo", "-s1273", "10.9.0.1", check=False)
    assert "mtu=1300" in said.stdout + said.stderr


def test_a_route_in_a_table_of_its_own_passes_check(attach, pod, ranges):
    """D-3"""
    routes = [{"dst": "10.9.0.0/16", "gw": "10.1.2.1", "table": 100}]
    attach(pod, bridge(isGateway=True, ipam=ranges("10.1.2.0/24", routes=routes))).add().check()
    assert pod.json("ip", "-j", "route", "show", "table", "100")


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
@pytest.mark.parametrize("loss", ["the addresses", "the namespace"])
def test_masquerading_goes_without_what_it_was_for(attach, pod: Netns, host: Netns, ranges, backend, loss):
    """D-4, and the next DEL finds nothing to do."""
    one = attach(pod, bridge(ipMasq=True, ipMasqBackend=backend, ipam=ranges("10.1.2.0/24"))).add()
    assert "10.1.2.2" in host.run("nft", "list", "ruleset").stdout
    if loss == "the addresses":
        pod.ip("addr", "flush", "dev", "eth0")
    else:
        host.run("ip", "netns", "delete", pod.name)
    one.delete()
    assert "10.1.2.2" not in host.run("nft", "list", "ruleset").stdout
    one.delete()


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
def test_a_network_attached_twice_keeps_the_masquerading_of_the_other(
    attach, pod, host: Netns, ranges, backend
):
    """D-5"""
    conf = bridge(ipMasq=True, ipMasqBackend=backend, ipam=ranges("10.1.2.0/24"))
    one, other = attach(pod, conf).add(), attach(pod, conf, ifname="net1").add()
    one.delete()
    rules = host.run("nft", "list", "ruleset").stdout
    assert (one.address in rules, other.address in rules) == (False, True)
    other.check()
    other.delete()
    assert other.address not in host.run("nft", "list", "ruleset").stdout


def test_a_network_without_ipam_passes_check(attach, pod):
    """D-7"""
    attach(pod, bridge()).add().check()


def test_gc_clears_what_is_no_longer_attached_and_spares_the_rest(
    attach, pods, host: Netns, ranges, state: Path
):
    """D-19"""
    first, second = pods(2)
    conf = bridge(ipMasq=True, ipMasqBackend="nftables", macspoofchk=True, ipam=ranges("10.1.2.0/24"))
    gone, kept = attach(first, conf).add(), attach(second, conf, "c2").add()
    host.run("ip", "link", "delete", gone.host_end)
    kept.gc(("c2", "eth0"))
    rules = host.run("nft", "list", "ruleset").stdout
    assert (gone.address in rules, kept.address in rules) == (False, True)
    assert (gone.host_end in rules, kept.host_end in rules) == (False, True)
    assert reserved(state) == [kept.address]
    kept.check()


def test_status_is_that_of_its_ipam(attach, pod, ranges, state: Path):
    conf = bridge(ipam=ranges("10.1.2.0/30"))
    one = attach(pod, conf)
    one.call("STATUS", {})
    one.add()
    assert refusal(lambda: one.call("STATUS", {})).startswith("[host-local]: no IP addresses available in ")


def test_unknown_arguments_are_an_error_for_add_and_none_for_del(attach, pod, ranges, state: Path):
    """D-25"""
    one = attach(pod, bridge(ipam=ranges("10.1.2.0/24"))).add()
    other = one.but(args="COLOUR=red")
    assert refusal(other.but(container="c2", ifname="net1").add) == 'ARGS: unknown args ["COLOUR=red"]'
    other.delete()
    assert (pod.links(), reserved(state)) == ([], [])


def test_a_second_add_is_refused_and_leaves_the_first_whole(attach, pod, host: Netns, ranges, state: Path):
    one = attach(pod, bridge(isGateway=True, macspoofchk=True, ipam=ranges("10.1.2.0/24"))).add()
    assert refusal(one.but().add) == "there is an interface 'eth0' already"
    one.check()
    until(lambda: pings(pod, "10.1.2.1"), what="a ping to the gateway")


def test_a_bridge_that_had_its_address_before_may_follow_its_ports(attach, pods, host: Netns, ranges):
    """Nobody pinned its MAC: what another port changes is no damage, but what somebody sets is."""
    first, second = pods(2)
    host.ip("link", "add", "br0", "type", "bridge")
    host.ip("addr", "add", "10.1.2.1/24", "dev", "br0")
    conf = bridge(isGateway=True, ipam=ranges("10.1.2.0/24"))
    one = attach(first, conf).add()
    host.ip("link", "add", "low", "address", LOWEST, "type", "veth", "peer", "name", "low-peer")
    host.ip("link", "set", "low", "master", "br0")
    assert mac_of(host, "br0") == LOWEST
    one.check()
    attach(second, conf, "c2").add().check()
    host.ip("link", "set", "br0", "address", "02:00:00:00:00:99")
    assert refusal(one.check) == "Bridge interface br0 Mac doesn't match: 02:00:00:00:00:99"


def test_a_pod_that_comes_while_check_looks_makes_nobodys_bridge_another(attach, pod, host: Netns, ranges):
    attach(pod, bridge(ipam=ranges("10.1.2.0/24"))).add()
    with Namespace.open(host.path) as namespace:
        seen = links.get(namespace.rtnl, "br0")
        host.ip("link", "add", "low", "address", LOWEST, "type", "veth", "peer", "name", "low-peer")
        host.ip("link", "set", "low", "master", "br0")
        assert follows_its_ports(namespace.rtnl, seen)
        host.ip("link", "set", "br0", "address", "02:00:00:00:00:99")
        assert not follows_its_ports(namespace.rtnl, links.get(namespace.rtnl, "br0"))
