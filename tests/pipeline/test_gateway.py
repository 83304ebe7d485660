"""The arithmetic of the default route, without a kernel: which gateways, and what the results say afterwards."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface
from typing import Any

import pytest

from multinet.cni.netconf import NetConfList
from multinet.cni.types import Address, Interface, Result, Route
from multinet.errors import InvalidConfig
from multinet.pipeline import gateway, honoured
from multinet.plan import Attachment

CONFLIST = NetConfList(name="n", version="1.1.0", plugins=({"type": "bridge"},))
V4, V6 = ip_interface("0.0.0.0/0"), ip_interface("::/0")


def attachment(**more: Any) -> Attachment:
    return Attachment(network="default/n", ifname="net1", conflist=CONFLIST, **more)


def asking(*gateways: str) -> Attachment:
    return attachment(default_route=tuple(map(ip_address, gateways)))


def route(gw: str | None, dst: str = "0.0.0.0/0") -> Route:
    return Route(dst=ip_interface(dst), gw=ip_address(gw) if gw else None)


def address(text: str, gw: str | None = None) -> Address:
    return Address(address=ip_interface(text), gateway=ip_address(gw) if gw else None)


def words(found: dict[int, list[Any]]) -> dict[int, list[str]]:
    return {family: [str(one) for one in gateways] for family, gateways in found.items()}


def test_gateways_that_are_asked_for_are_sorted_by_family_and_keep_their_order() -> None:
    found = gateway.gateways_of(asking("fd00::2", "10.0.0.9", "10.0.0.1", "fd00::1"), Result())

    assert words(found) == {6: ["fd00::2", "fd00::1"], 4: ["10.0.0.9", "10.0.0.1"]}


def test_an_empty_list_takes_the_default_routes_gateway_before_an_addresss() -> None:
    result = Result(
        ips=(address("10.0.0.2/24", "10.0.0.1"), address("fd00::2/64", "fd00::1")),
        routes=(route("10.0.0.254"), route("10.0.0.7", "10.9.0.0/16")),
    )

    assert words(gateway.gateways_of(asking(), result)) == {4: ["10.0.0.254"], 6: ["fd00::1"]}


def test_an_empty_list_takes_the_first_address_that_has_a_gateway() -> None:
    result = Result(
        ips=(address("10.0.0.2/24"), address("10.0.1.2/24", "10.0.1.1"), address("10.0.2.2/24", "10.0.2.1"))
    )

    assert words(gateway.gateways_of(asking(), result)) == {4: ["10.0.1.1"]}


@pytest.mark.parametrize(
    "result",
    [Result(), Result(ips=(address("10.0.0.2/24"),), routes=(route(None),))],
    ids=["nothing", "none"],
)
def test_an_empty_list_without_any_gateway_is_refused(result: Result) -> None:
    with pytest.raises(InvalidConfig) as raised:
        gateway.gateways_of(asking(), result)

    assert str(raised.value) == (
        "default/n: 'default-route' is empty, and the network's own plugins gave no gateway "
        "(list the gateways in 'default-route')"
    )


def test_the_first_gateway_has_the_usual_metric_and_the_others_stand_behind() -> None:
    gateways = [ip_address("10.0.0.1"), ip_address("10.0.0.2"), ip_address("10.0.0.3")]

    made = gateway.with_defaults(Result(), 4, gateways)

    assert [(str(one.gw), one.priority, one.dst) for one in made.routes] == [
        ("10.0.0.1", 0, V4),
        ("10.0.0.2", 1025, V4),
        ("10.0.0.3", 1026, V4),
    ]


def test_only_the_default_routes_of_that_family_are_taken() -> None:
    kept = (route("10.0.0.7", "10.9.0.0/16"), route("fd00::1", "::/0"))
    result = Result(routes=(route("10.0.0.1"), *kept, route(None)))

    assert gateway.without_default(result, 4).routes == kept
    assert gateway.without_default(Result(routes=kept), 4) == Result(routes=kept)


def test_an_address_is_honoured_whatever_its_length() -> None:
    result = Result(ips=(address("10.0.0.2/16"),))

    honoured.verify(attachment(ips=("10.0.0.2/24",)), result)
    honoured.verify(attachment(ips=("10.0.0.2",)), result)
    with pytest.raises(InvalidConfig) as raised:
        honoured.verify(attachment(ips=("10.0.0.2", "10.0.0.3")), result)
    assert raised.value.message == (
        "default/n: the address 10.0.0.3 was asked for, but the network's plugins did not use it"
    )


def test_a_mac_is_honoured_in_the_sandbox_and_in_any_spelling() -> None:
    inside = Result(interfaces=(Interface(name="net1", mac="02:00:00:00:00:AB", sandbox="/n"),))
    outside = Result(interfaces=(Interface(name="veth1", mac="02:00:00:00:00:ab"),))

    honoured.verify(attachment(mac="02-00-00-00-00-ab"), inside)
    with pytest.raises(InvalidConfig):
        honoured.verify(attachment(mac="02:00:00:00:00:ab"), outside)
