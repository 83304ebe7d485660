"""vrf on a kernel that has it: networks with one subnet side by side, and the decisions of its README.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from multinet import steps
from multinet.errors import KernelError, MultinetError
from tests.support.netns import Netns
from tests.support.plugins import Attachment, pings, refusal
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.uml]

Attach = Callable[..., Attachment]


def vrfs(pod: Netns) -> dict[str, int]:
    """Name -> table."""
    shown = pod.json("ip", "-d", "-j", "link", "show", "type", "vrf")
    return {link["ifname"]: link["linkinfo"]["info_data"]["table"] for link in shown}


def master(pod: Netns, ifname: str = "eth0") -> str:
    (shown,) = pod.json("ip", "-j", "link", "show", ifname)
    return str(shown.get("master", ""))


def routes(pod: Netns, table: int | str, *family: str) -> list[str]:
    """Unicast ones but link-local; sorted."""
    shown = pod.json("ip", "-j", *family, "route", "show", "table", str(table), "type", "unicast")
    return sorted(
        " ".join(f"{key} {entry[key]}" for key in ("dst", "gateway", "dev", "metric") if key in entry)
        for entry in shown
        if not entry["dst"].startswith("fe80")
    )


@pytest.fixture
def below(pod: Netns, on_bridge: Attach) -> Attachment:
    """Both families, a default route of each."""
    one = on_bridge(pod, "10.1.2.0/24", "fd01:2::/64", isDefaultGateway=True)
    pod.ip("route", "add", "10.9.0.0/16", "via", "10.1.2.1", "metric", "7")
    return one


def test_two_networks_may_have_one_subnet(
    attach: Attach, chained: Attach, pod: Netns, ranges, host: Netns, netns
):
    """Each interface reaches its own gateway, which has the same address as the other's."""
    far = {"red": host, "blue": netns("blue")}
    for number, (name, place) in enumerate(far.items(), 1):
        network = {
            "cniVersion": "1.1.0", "name": name, "type": "bridge", "bridge": f"br-{name}", "isGateway": True,
            "isDefaultGateway": True, "ipam": ranges("10.1.2.0/24"),
        }  # fmt: skip
        below = attach(pod, network, ifname=f"net{number}").but(host=place).add()
        one = chained(below, type="vrf", vrfname=name).add()
        assert one.result == below.result
        one.check()
    assert vrfs(pod) == {"red": 1, "blue": 2}
    for name, place in far.items():
        place.ip("addr", "add", f"192.0.2.{len(name)}/32", "dev", f"br-{name}")
        until(lambda name=name: pings(pod, "10.1.2.1", "-I", name), what=f"the gateway of {name}")
        until(lambda name=name: pings(pod, f"192.0.2.{len(name)}", "-I", name), what=f"beyond that of {name}")
    assert not pings(pod, "192.0.2.4", "-I", "red", seconds=0.3)
    assert not pings(pod, "192.0.2.3", "-I", "blue", seconds=0.3)


def test_the_routes_are_in_the_table_of_the_vrf(below: Attachment, chained: Attach, pod: Netns):
    before = routes(pod, "main"), routes(pod, "main", "-6")
    assert len(before[0] + before[1]) == 5
    chained(below, type="vrf", vrfname="blue", table=77).add().check()
    assert (routes(pod, 77), routes(pod, 77, "-6")) == before
    assert (routes(pod, "main"), routes(pod, "main", "-6")) == ([], [])
    assert pod.addresses("eth0") == below.addresses
    until(lambda: pings(pod, "fd01:2::1", "-I", "blue"), what="an IPv6 ping")


def test_addresses_that_go_with_the_link_come_back(below: Attachment, chained: Attach, pod: Netns):
    pod.run("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/eth0/keep_addr_on_down")
    chained(below, type="vrf", vrfname="blue").add()
    assert pod.addresses("eth0") == below.addresses
    assert "dst default gateway fd01:2::1 dev eth0 metric 1024" in routes(pod, 1, "-6")


def test_a_vrf_is_shared_and_goes_with_its_last_interface(on_bridge: Attach, chained: Attach, pod: Netns):
    first = chained(on_bridge(pod, ifname="eth0"), type="vrf", vrfname="blue", table=5).add()
    second = chained(
        on_bridge(pod, "10.1.3.0/24", ifname="net1", bridge="br1"), type="vrf", vrfname="blue"
    ).add()
    other = chained(
        on_bridge(pod, "10.1.4.0/24", ifname="net2", bridge="br2"), type="vrf", vrfname="red"
    ).add()
    assert vrfs(pod) == {"blue": 5, "red": 1}
    assert (
        refusal(
            chained(
                on_bridge(pod, "10.1.5.0/24", ifname="net3", bridge="br3"), type="vrf", vrfname="red", table=5
            ).add
        )
        == "VRF red already exist with different routing table 1"
    )
    first.delete()
    assert (vrfs(pod), master(pod), master(pod, "net1")) == ({"blue": 5, "red": 1}, "", "blue")
    second.delete()
    second.delete()
    assert vrfs(pod) == {"red": 1}
    other.delete(vrfname="")
    assert vrfs(pod) == {"red": 1}
    other.delete()
    assert vrfs(pod) == {}


def test_del_removes_the_vrf_also_when_the_interface_is_gone(below: Attachment, chained: Attach, pod: Netns):
    """D-13"""
    one = chained(below, type="vrf", vrfname="blue").add()
    pod.ip("link", "delete", "eth0")
    one.delete()
    assert vrfs(pod) == {}


def test_del_leaves_what_is_somebody_elses(below: Attachment, chained: Attach, pod: Netns):
    one = chained(below, type="vrf", vrfname="blue").add()
    pod.ip("link", "add", "red", "type", "vrf", "table", "9")
    pod.ip("link", "set", "eth0", "master", "red")
    one.delete()
    assert (vrfs(pod), master(pod)) == ({"red": 9}, "red")
    pod.ip("link", "add", "green", "type", "bridge")
    one.delete(vrfname="green")
    assert "green" in pod.links()


def test_what_is_no_vrf_or_not_free_is_refused(below: Attachment, chained: Attach, pod: Netns):
    pod.ip("link", "add", "green", "type", "bridge")
    assert refusal(chained(below, type="vrf", vrfname="green").add) == "Netlink green is not a VRF"
    assert refusal(chained(below, type="vrf", vrfname="eth0").add) == "Netlink eth0 is not a VRF"
    pod.ip("link", "set", "eth0", "master", "green")
    assert refusal(chained(below, type="vrf", vrfname="blue").add) == (
        "interface eth0 has already a master set: green"
    )
    assert vrfs(pod) == {}


def test_a_refused_add_leaves_all_as_it_was(below: Attachment, chained: Attach, pod: Netns):
    pod.run("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/eth0/keep_addr_on_down")
    pod.ip("route", "add", "10.8.0.0/16", "dev", "eth0")
    before = routes(pod, "main"), routes(pod, "main", "-6"), pod.addresses("eth0")

    def refuse_last(what: str) -> None:
        if what == "put the route to ::/0 into table 1":
            raise KernelError("it was told to fail")

    steps.listen(refuse_last)
    try:
        with pytest.raises(MultinetError, match="it was told to fail"):
            chained(below, type="vrf", vrfname="blue").add()
    finally:
        steps.listen(None)
    assert (routes(pod, "main"), routes(pod, "main", "-6"), pod.addresses("eth0")) == before
    assert vrfs(pod) == {}


DAMAGES: dict[str, tuple[tuple[str, ...], str]] = {
    "the VRF": (("link", "delete", "blue"), "there is no VRF blue"),
    "its interface": (
        ("link", "set", "eth0", "nomaster"),
        "failed to find eth0 associated to vrf blue",
    ),
    "the interface": (("link", "delete", "eth0"), "Cannot find container link eth0"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_check_sees_what_is_missing(below: Attachment, chained: Attach, pod: Netns, damage: str):
    one = chained(below, type="vrf", vrfname="blue").add()
    one.check()
    words, said = DAMAGES[damage]
    pod.ip(*words)
    assert refusal(one.check) == said


def test_check_sees_another_table(below: Attachment, chained: Attach, pod: Netns):
    one = chained(below, type="vrf", vrfname="blue", table=5).add()
    pod.ip("link", "delete", "blue")
    pod.ip("link", "add", "blue", "type", "vrf", "table", "6")
    pod.ip("link", "set", "eth0", "master", "blue")
    assert refusal(one.check) == "VRF blue has routing table 6 and not 5"


def test_older_versions_than_the_references_are_not_served(below: Attachment, chained: Attach):
    conf: dict[str, Any] = {"cniVersion": "0.3.0", "name": "net", "type": "vrf", "vrfname": "blue"}
    one = chained(below, type="vrf").but(conf=conf)
    assert refusal(one.add).startswith("incompatible CNI versions")
