"""Results become entries of network-status: one for each interface that an attachment made in the sandbox."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface
from typing import Any

from multinet.cni.netconf import NetConfList
from multinet.cni.types import DNS, Address, Interface, Result, Route
from multinet.plan import Attachment, Outcome
from multinet.report.aggregate import aggregate
from multinet.report.network_status import network_status

NETNS = "/run/netns/pod"


def outcome(network: str, ifname: str = "net1", *, is_default: bool = False, **result: Any) -> Outcome:
    conflist = NetConfList(name="n", version="1.1.0", plugins=({"type": "a"}, {"type": "b"}))
    attachment = Attachment(network=network, ifname=ifname, conflist=conflist, is_default=is_default)
    return Outcome(attachment=attachment, result=Result(**result))


def within(name: str, mac: str = "") -> Interface:
    return Interface(name=name, mac=mac, sandbox=NETNS)


def ip(text: str, interface: int | None = None, gateway: str = "") -> Address:
    return Address(
        address=ip_interface(text), interface=interface, gateway=ip_address(gateway) if gateway else None
    )


def told(*outcomes: Outcome) -> list[tuple[str, str, list[str], bool]]:
    return [
        (one.name, one.interface, [str(address) for address in one.ips], one.default)
        for one in network_status(outcomes)
    ]


def test_each_interface_in_the_sandbox_gets_an_entry_with_its_addresses() -> None:
    made = outcome(
        "default/two",
        interfaces=(Interface(name="br0"), within("net1"), within("net1.5")),
        ips=(ip("10.0.0.2/24", 1), ip("10.0.5.2/24", 2), ip("fd00::2/64", 1)),
    )

    assert told(made) == [
        ("default/two", "net1", ["10.0.0.2/24", "fd00::2/64"], False),
        ("default/two", "net1.5", ["10.0.5.2/24"], False),
    ]
    assert [entry.host_interfaces for entry in network_status([made])] == [("br0",), ("br0",)]
    assert [entry.plugins for entry in network_status([made])] == [("a", "b"), ("a", "b")]


def test_addresses_without_an_interface_go_to_the_last() -> None:
    made = outcome(
        "n", interfaces=(within("net1"), within("net2")), ips=(ip("10.0.0.2/24"), ip("10.0.0.3/24", 0))
    )

    assert told(made) == [("n", "net1", ["10.0.0.3/24"], False), ("n", "net2", ["10.0.0.2/24"], False)]


def test_an_attachment_without_interface_is_told_by_the_name_it_was_given() -> None:
    assert told(outcome("default/sriov", "net3")) == [("default/sriov", "net3", [], False)]
    assert told(outcome("old", "net1", ips=(ip("10.0.0.2/24"),))) == [("old", "net1", ["10.0.0.2/24"], False)]


def test_of_several_interfaces_of_the_first_network_the_one_with_a_gateway_is_the_pods_own() -> None:
    first = outcome(
        "cluster",
        "eth0",
        is_default=True,
        interfaces=(within("eth0"), within("eth1")),
        ips=(ip("10.0.0.2/24", 0), ip("10.0.1.2/24", 1, gateway="10.0.1.1")),
    )
    without = outcome("cluster", "eth0", is_default=True, interfaces=(within("eth0"), within("eth1")))
    further = outcome("more", interfaces=(within("net1"),), ips=(ip("10.0.2.2/24", 0, gateway="10.0.2.1"),))

    assert [default for *_, default in told(first, further)] == [False, True, False]
    assert [default for *_, default in told(without)] == [True, False]


def test_gateways_are_those_of_the_default_routes() -> None:
    made = outcome(
        "n",
        interfaces=(within("net1"),),
        routes=(
            Route(dst=ip_interface("0.0.0.0/0"), gw=ip_address("10.0.0.1")),
            Route(dst=ip_interface("::/0"), gw=ip_address("fd00::1")),
            Route(dst=ip_interface("10.9.0.0/16"), gw=ip_address("10.0.0.9")),
            Route(dst=ip_interface("0.0.0.0/0")),
        ),
        dns=DNS(domain="example.org"),
    )
    (entry,) = network_status([made])

    assert entry.gateway == (ip_address("10.0.0.1"), ip_address("fd00::1"))
    assert len(entry.routes) == 4
    assert entry.dns.domain == "example.org"


def test_the_runtime_gets_the_first_networks_result_wherever_it_stands() -> None:
    first = outcome("cluster", "eth0", is_default=True, ips=(ip("10.0.0.2/24"),))
    further = outcome("more", ips=(ip("10.0.2.2/24"),))

    assert aggregate([further, first]) == first.result
