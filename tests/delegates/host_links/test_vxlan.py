"""VXLANs made when a container first needs one: shared, given back, and never somebody else's."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from multinet.errors import PluginFailed
from tests.delegates.host_links.conftest import Machine
from tests.support.netns import Netns
from tests.support.plugins import pings, refusal
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("other")]

HERE, THERE = "192.0.2.1", "192.0.2.2"


def vxlan(remote: str = THERE, **keys: Any) -> dict[str, Any]:
    return {"type": "vxlan", "id": 42, "parent": "eth1", "remote": remote, **keys}


def macvlan(address: str = "", link: dict[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    ipam = {"ipam": {"type": "static", "addresses": [{"address": address}]}} if address else {}
    return {"type": "macvlan", "master": "vx42", "hostLink": link or vxlan(), **ipam, **keys}


def bridge(address: str = "", **keys: Any) -> dict[str, Any]:
    conf = macvlan(address) | {"type": "bridge", "bridge": "br0", "uplink": "vx42"} | keys
    return {key: value for key, value in conf.items() if key != "master"}


def test_pods_of_two_nodes_reach_each_other_and_the_tunnel_goes_with_the_last_of_a_node(
    machine: Machine, other: Machine, pods
):
    first, second, far = pods(3)
    one = machine.attach(first, macvlan("10.1.2.1/24")).add()
    two = machine.attach(second, macvlan("10.1.2.2/24"), "c2").add()
    other.attach(far, macvlan("10.1.2.3/24", vxlan(HERE))).add()

    assert machine.users == {"vx42": ["c1", "c2"]}
    for pod in (first, second):
        until(lambda pod=pod: pings(pod, "10.1.2.3"), what="a ping through the tunnel")
        assert pings(pod, "10.1.2.3", "-M", "do", "-s", str(1450 - 28)), "a ping that fills the tunnel"
    one.check()
    one.delete()
    assert machine.users == {"vx42": ["c2"]}
    assert pings(second, "10.1.2.3")
    two.check()
    two.delete()
    assert machine.users == {}
    assert machine.host.links() == ["eth1"]
    one.delete()
    two.delete()
    assert "vx42" in other.host.links()


def test_a_link_that_was_made_says_so_and_has_no_address_of_its_own(machine: Machine, pod: Netns):
    machine.attach(pod, macvlan(link=vxlan(mtu=1400, port=8472, local=HERE))).add()

    link = machine.link("vx42")
    assert link["ifalias"] == "made by multinet, goes with its last user"
    assert 0x20000000 <= int(link["group"]) < 0x30000000
    assert link["mtu"] == 1400
    assert link["addr_info"] == []
    data = link["linkinfo"]["info_data"]
    assert {key: data[key] for key in ("id", "link", "remote", "local", "port")} == {
        "id": 42,
        "link": "eth1",
        "remote": THERE,
        "local": HERE,
        "port": 8472,
    }


def test_nodes_may_meet_in_a_multicast_group(machine: Machine, other: Machine, pods):
    here, there = pods(2)
    link = {"type": "vxlan", "id": 42, "parent": "eth1", "group": "239.1.1.1"}
    machine.attach(here, {**macvlan("10.1.2.1/24", link), "master": ""}).add()
    other.attach(there, {**macvlan("10.1.2.2/24", link), "master": ""}).add()

    assert machine.users == {"vxlan42": ["c1"]}
    until(lambda: pings(here, "10.1.2.2"), what="a ping through the group")


@pytest.mark.parametrize("kind", [macvlan, bridge])
def test_a_link_that_was_there_is_used_and_never_removed(
    machine: Machine, pod: Netns, kind: Callable[..., dict[str, Any]]
):
    machine.host.ip(*f"link add vx42 type vxlan id 42 dev eth1 remote {THERE} dstport 4789".split())
    machine.host.ip("link", "add", "br0", "type", "bridge")
    if kind is bridge:
        machine.host.ip("link", "set", "vx42", "master", "br0", "up")
    one = machine.attach(pod, kind()).add()

    assert machine.users == {}
    one.check()
    one.delete()
    one.gc()
    assert machine.sweep() == 0
    assert "vx42" in machine.host.links()
    assert "group" not in machine.link("vx42") or machine.link("vx42")["group"] == "default"


@pytest.mark.parametrize(
    ("difference", "told"),
    [
        ({"id": 43}, "its id is 42, not 43"),
        ({"remote": "192.0.2.9"}, "its far end is 192.0.2.2, not 192.0.2.9"),
        ({"port": 8472}, "its port is 4789, not 8472"),
        ({"parent": "lo"}, "its parent is eth1, not lo"),
        ({"local": HERE}, f"its local is none, not {HERE}"),
    ],
)
def test_two_networks_that_describe_one_link_differently_are_told_so(
    machine: Machine, pods, difference: dict[str, Any], told: str
):
    first, second = pods(2)
    machine.attach(first, macvlan()).add()

    wrong = machine.attach(second, macvlan(link={**vxlan(), **difference}), "c2")
    assert refusal(wrong.add) == f'the link "vx42" is not the one that is described: {told}'
    assert machine.users == {"vx42": ["c1"]}
    assert second.links() == []


def test_a_link_of_another_kind_that_has_the_name_is_left_alone(machine: Machine, pod: Netns):
    machine.host.ip("link", "add", "vx42", "type", "bridge")

    assert refusal(machine.attach(pod, macvlan()).add) == (
        'the link "vx42" is not the one that is described: its type is bridge, not vxlan'
    )
    assert machine.link("vx42")["linkinfo"]["info_kind"] == "bridge"


def test_a_vxlan_that_is_there_by_another_name_is_told(machine: Machine, pod: Netns):
    machine.host.ip(*f"link add theirs type vxlan id 42 dev eth1 remote {THERE} dstport 4789".split())

    with pytest.raises(PluginFailed) as refused:
        machine.attach(pod, macvlan()).add()
    assert str(refused.value) == (
        "could not make the vxlan vx42 on eth1: File exists (A VXLAN device with the specified VNI already exists)"
    )
    assert refused.value.details == "another link has VXLAN 42 already: name that one, or remove it"
    assert machine.users == {}


def test_what_somebody_put_on_it_since_keeps_the_link_until_it_is_gone(machine: Machine, pod: Netns):
    one = machine.attach(pod, macvlan()).add()
    machine.host.ip("addr", "add", "10.1.2.99/24", "dev", "vx42")
    one.delete()

    assert machine.kept == [{"link": "vx42", "why": "it has the address 10.1.2.99/24"}]
    machine.host.ip("link", "add", "theirs", "link", "vx42", "type", "macvlan")
    machine.host.ip("addr", "del", "10.1.2.99/24", "dev", "vx42")
    one.delete()
    assert machine.kept[1:] == [{"link": "vx42", "why": "theirs stands on it"}]
    machine.host.ip("link", "del", "theirs")
    machine.host.ip("link", "add", "br9", "type", "bridge")
    machine.host.ip("link", "set", "vx42", "master", "br9")
    one.gc()
    assert machine.kept[2:] == [{"link": "vx42", "why": "it is a port of br9"}]
    machine.host.ip("link", "set", "vx42", "nomaster")
    assert machine.sweep() == 1
    assert "vx42" not in machine.host.links()
    assert machine.users == {}


def test_a_link_that_was_put_in_its_place_is_left_alone(machine: Machine, pod: Netns):
    one = machine.attach(pod, macvlan()).add()
    machine.host.ip("link", "del", "vx42")
    machine.host.ip(*f"link add vx42 type vxlan id 42 dev eth1 remote {THERE} dstport 4789".split())
    one.delete()

    assert "vx42" in machine.host.links()
    assert machine.users == {}


def test_a_link_that_an_operator_takes_over_is_his(machine: Machine, pod: Netns):
    one = machine.attach(pod, macvlan()).add()
    machine.host.ip("link", "set", "vx42", "group", "default")
    one.delete()

    assert "vx42" in machine.host.links()
    assert machine.users == {}


def test_a_link_that_vanished_is_made_again_and_forgets_who_used_it(machine: Machine, pods):
    first, second = pods(2)
    one = machine.attach(first, macvlan()).add()
    machine.host.ip("link", "del", "vx42")
    assert refusal(one.check) == 'the master "vx42" was not found: Link not found'
    two = machine.attach(second, macvlan(), "c2").add()

    assert machine.users == {"vx42": ["c2"]}
    one.delete()
    assert "vx42" in machine.host.links()
    two.delete()
    assert "vx42" not in machine.host.links()


def test_an_add_that_fails_gives_the_link_back(machine: Machine, pod: Netns):
    ipam = {"type": "static"}
    assert (
        refusal(machine.attach(pod, macvlan(ipam=ipam)).add)
        == "[static]: IPAM plugin returned missing IP config"
    )
    assert machine.host.links() == ["eth1"]
    assert machine.users == {}


def test_del_needs_no_namespace(machine: Machine, pod: Netns, ranges):
    one = machine.attach(pod, macvlan(ipam=ranges("10.1.2.0/24"))).add()
    machine.host.run("ip", "netns", "delete", pod.name)
    one.delete()

    assert machine.host.links() == ["eth1"]


def test_gc_gives_back_what_nobody_valid_uses(machine: Machine, pods):
    first, second, third = pods(3)
    one = machine.attach(first, macvlan()).add()
    machine.attach(second, macvlan(), "c2").add()
    machine.attach(third, macvlan(name="elsewhere"), "c3").add()

    one.gc(("c1", "eth0"))
    assert machine.users == {"vx42": ["c1", "c3"]}
    one.gc()
    assert machine.users == {"vx42": ["c3"]}
    machine.attach(third, macvlan(name="elsewhere"), "c3").gc()
    assert machine.host.links() == ["eth1"]


def test_whose_namespace_is_gone_and_who_is_on_no_record_uses_nothing(machine: Machine, pods):
    first, second, third = pods(3)
    for number, pod in enumerate((first, second, third), 1):
        machine.attach(pod, macvlan(), f"c{number}").add()
    for pod in (first, second):
        machine.host.run("ip", "netns", "delete", pod.name)

    assert machine.sweep("c2") == 0
    assert machine.users == {"vx42": ["c2", "c3"]}


def test_many_that_come_at_once_make_one_link_and_the_last_takes_it_away(machine: Machine, pods):
    all_pods = pods(6)
    asked = [machine.attach(pod, macvlan(), f"c{number}") for number, pod in enumerate(all_pods)]
    with ThreadPoolExecutor(max_workers=6) as threads:
        list(threads.map(lambda one: one.add(), asked))
        assert sorted(machine.users["vx42"]) == [f"c{number}" for number in range(6)]
        list(threads.map(lambda one: one.delete(), asked[1:]))
        assert machine.users == {"vx42": ["c0"]}
        # The last goes while another comes: whoever is first, the newcomer has a link that stands.
        newcomer = machine.attach(all_pods[1], macvlan(), "new")
        list(threads.map(lambda act: act(), [asked[0].delete, newcomer.add]))
    newcomer.check()
    assert machine.users == {"vx42": ["new"]}


def test_a_damaged_file_keeps_the_link_and_is_told(machine: Machine, pod: Netns):
    one = machine.attach(pod, macvlan()).add()
    (file,) = machine.folder.glob("*.json")
    file.write_text("{")
    one.delete()

    assert machine.kept == [{"link": "vx42", "why": "who uses it can't be read"}]
    assert "vx42" in machine.host.links()


def test_what_the_settings_do_not_allow_is_not_made_but_given_back_all_the_same(machine: Machine, pods):
    first, second = pods(2)
    one = machine.attach(first, macvlan()).add()
    machine.types = frozenset({"vlan"})
    machine.attach(second, macvlan(), "c2").add().delete()  # it is there, whoever made it
    one.delete()
    assert machine.host.links() == ["eth1"]

    with pytest.raises(PluginFailed) as refused:
        one.add()
    assert str(refused.value) == 'the master "vx42" was not found: Link not found'
    assert refused.value.details == "make it on this node, or let the setting 'hostLinks' have 'vxlan'"
    assert not list(machine.folder.glob("*.json"))


def test_a_link_on_one_that_is_made_on_demand_is_refused(machine: Machine, pods):
    first, second = pods(2)
    machine.attach(first, macvlan()).add()
    again = {"type": "vxlan", "id": 43, "parent": "vx42", "remote": THERE}
    assert refusal(machine.attach(second, macvlan(link=again, master="vx43"), "c2").add) == (
        "vx43 can't be made on vx42, which was itself made on demand"
    )


def test_a_bridges_uplink_carries_its_ports_to_the_other_node(machine: Machine, other: Machine, pods):
    first, second, far = pods(3)
    one = machine.attach(first, bridge("10.1.2.1/24")).add()
    two = machine.attach(second, bridge("10.1.2.2/24"), "c2").add()
    other.attach(far, {**bridge("10.1.2.3/24"), "hostLink": vxlan(HERE)}).add()

    assert machine.link("vx42")["master"] == "br0"
    assert first.json("ip", "-j", "link", "show", "eth0")[0]["mtu"] == 1450
    for pod in (first, second):
        until(lambda pod=pod: pings(pod, "10.1.2.3"), what="a ping over the uplink")
    one.check()
    one.delete()
    assert pings(second, "10.1.2.3")
    two.delete()
    assert sorted(machine.host.links()) == ["br0", "eth1"]
    assert machine.users == {}


def test_a_bridge_takes_nobodys_link_for_its_port(machine: Machine, pod: Netns):
    machine.host.ip(*f"link add vx42 type vxlan id 42 dev eth1 remote {THERE} dstport 4789".split())

    assert refusal(machine.attach(pod, bridge()).add) == "vx42 is no port of br0"
    assert refusal(machine.attach(pod, {"type": "bridge", "bridge": "br0", "uplink": "eth1"}).add) == (
        'the uplink "eth1" is no port of br0'
    )
    assert "master" not in machine.link("vx42")
    assert "master" not in machine.link("eth1")


def test_one_link_is_a_bridges_uplink_or_others_master_and_not_both(machine: Machine, pods):
    first, second = pods(2)
    machine.attach(first, macvlan()).add()

    assert refusal(machine.attach(second, bridge(), "c2").add) == "vx42 is no port of br0"
    assert machine.users == {"vx42": ["c1"]}


def test_an_uplink_goes_back_into_its_bridge_when_somebody_made_that_anew(machine: Machine, pods):
    first, second = pods(2)
    machine.attach(first, bridge("10.1.2.1/24")).add()
    machine.host.ip("link", "del", "br0")
    two = machine.attach(second, bridge("10.1.2.2/24"), "c2").add()

    assert machine.link("vx42")["master"] == "br0"
    two.check()


def test_check_tells_that_an_uplink_is_gone(machine: Machine, pod: Netns):
    one = machine.attach(pod, bridge("10.1.2.1/24")).add()
    machine.host.ip("link", "del", "vx42")

    assert refusal(one.check) == "The uplink vx42 is no port of br0"


def test_a_file_of_a_namespace_that_is_no_more_holds_nobody(machine: Machine, pod: Netns):
    """Its number may be another's by now; the group of the link tells. So it is after a reboot."""
    one = machine.attach(pod, macvlan()).add()
    (file,) = machine.folder.glob("*.json")
    said = json.loads(file.read_text())
    said["group"] += 1
    said["users"].append({**said["users"][0], "container": "long ago"})
    machine.host.ip("link", "del", "vx42")
    file.write_text(json.dumps(said))
    one.delete()
    assert machine.users == {}
    one.add()
    assert machine.users == {"vx42": ["c1"]}
    one.delete()
    assert machine.host.links() == ["eth1"]
