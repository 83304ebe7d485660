"""ADD: which address is given, what is refused with which words, and what stays behind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from delegates.ipam.host_local import HostLocal
from multinet.cni.types import DNS, Result
from multinet.delegate.undo import Undo
from multinet.errors import AddressError, IOFailure, PluginFailed
from tests.support.ipam import Ours, Reference, conf

V4 = {"subnet": "10.1.2.0/24"}
TWO = {"subnet": "10.1.2.0/24", "rangeStart": "10.1.2.8", "rangeEnd": "10.1.2.9"}
V6 = {"subnet": "fd12:5::/64"}


@pytest.fixture
def ours() -> Ours:
    return Ours(delegate=HostLocal())


def network(folder: Path, *ranges: Any, **keys: Any) -> dict[str, Any]:
    ipam = {"ranges": [[one] for one in ranges], "dataDir": str(folder)}
    ipam.update({key.removeprefix("ipam_"): keys.pop(key) for key in list(keys) if key.startswith("ipam_")})
    return conf("host-local", ipam=ipam, **keys)


def addresses(result: Result) -> list[str]:
    return [str(one.address) for one in result.ips]


def files(folder: Path) -> dict[str, str]:
    """The reservations: address to owner."""
    return {
        path.name: path.read_bytes().decode().replace("\r\n", " ")
        for path in sorted((folder / "net").iterdir())
        if path.name != "lock" and not path.name.startswith("last")
    }


def test_the_first_address_after_the_gateway_is_given_with_the_subnets_length(
    ours: Ours, state: Path
) -> None:
    result = ours.add(network(state, V4, V6))
    assert addresses(result) == ["10.1.2.2/24", "fd12:5::2/64"]
    assert [str(one.gateway) for one in result.ips] == ["10.1.2.1", "fd12:5::1"]
    assert files(state) == {"10.1.2.2": "c1 eth0", "fd12:5::2": "c1 eth0"}
    assert (state / "net/last_reserved_ip.0").read_bytes() == b"10.1.2.2"
    assert (state / "net/last_reserved_ip.1").read_bytes() == b"fd12:5::2"
    assert (state / "net/10.1.2.2").read_bytes() == b"c1\r\neth0"


def test_a_released_address_is_given_again_only_after_all_others(ours: Ours, state: Path) -> None:
    given = network(state, {**V4, "rangeEnd": "10.1.2.4"})
    assert [addresses(ours.add(given, f"c{n}")) for n in (1, 2)] == [["10.1.2.2/24"], ["10.1.2.3/24"]]
    ours.delete(given, "c1")
    assert addresses(ours.add(given, "c3")) == ["10.1.2.4/24"]
    assert addresses(ours.add(given, "c4")) == ["10.1.2.2/24"]


def test_routes_and_dns_go_into_the_result(ours: Ours, state: Path) -> None:
    (state / "resolv.conf").write_text("nameserver 192.0.2.1\n")
    result = ours.add(
        network(state, V4, ipam_routes=[{"dst": "0.0.0.0/0"}], ipam_resolvConf=f"{state}/resolv.conf")
    )
    assert [str(route.dst) for route in result.routes] == ["0.0.0.0/0"]
    assert result.dns == DNS(nameservers=("192.0.2.1",))


def test_without_the_resolv_conf_nothing_is_given(ours: Ours, state: Path) -> None:
    with pytest.raises(IOFailure) as caught:
        ours.add(network(state, V4, ipam_resolvConf=f"{state}/none"))
    assert str(caught.value) == f"could not read {state}/none: No such file or directory"
    assert list(state.iterdir()) == []


def test_requested_addresses_are_given_each_from_its_set(ours: Ours, state: Path) -> None:
    given = network(
        state,
        V4,
        V6,
        {"subnet": "10.1.3.0/24"},
        runtimeConfig={"ips": ["fd12:5::99"]},
        args={"cni": {"ips": ["10.1.3.99/8"]}},
    )
    result = ours.add(given, args="IP=10.1.2.99")
    assert addresses(result) == ["10.1.2.99/24", "fd12:5::99/64", "10.1.3.99/24"]


def test_a_requested_address_moves_the_round(ours: Ours, state: Path) -> None:
    given = network(state, V4)
    ours.add(given, "c1", args="IP=10.1.2.99")
    assert addresses(ours.add(given, "c2")) == ["10.1.2.100/24"]


def test_a_requested_address_is_given_beside_one_the_interface_has(ours: Ours, state: Path) -> None:
    given = network(state, V4)
    ours.add(given)
    ours.add(given, args="IP=10.1.2.99")
    assert files(state) == {"10.1.2.2": "c1 eth0", "10.1.2.99": "c1 eth0"}


REFUSED: list[tuple[dict[str, str], dict[str, Any], str]] = [
    (
        {},
        {"args": {"cni": {"ips": ["10.1.2.1"]}}},
        "failed to allocate for range 0: requested ip 10.1.2.1 is subnet's gateway "
        "(ask for another, or give the range another gateway)",
    ),
    (
        {"10.1.2.7": "other\r\nnet1"},
        {"args": {"cni": {"ips": ["10.1.2.7"]}}},
        "failed to allocate for range 0: requested IP address 10.1.2.7 is not available in range set "
        "10.1.2.1-10.1.2.254 (it is reserved for container other, interface net1)",
    ),
    (
        {"10.1.2.7": "other"},
        {"args": {"cni": {"ips": ["10.1.2.7"]}}},
        "failed to allocate for range 0: requested IP address 10.1.2.7 is not available in range set "
        "10.1.2.1-10.1.2.254 (it is reserved for container other)",
    ),
    (
        {"10.1.2.7": ""},
        {"args": {"cni": {"ips": ["10.1.2.7"]}}},
        "failed to allocate for range 0: requested IP address 10.1.2.7 is not available in range set "
        "10.1.2.1-10.1.2.254",
    ),
    (
        {"10.1.2.77": "c1\r\neth0"},
        {},
        "failed to allocate for range 0: 10.1.2.77 has been allocated to c1, duplicate allocation is not "
        "allowed (run DEL for this container and interface first)",
    ),
    (
        {"10.1.2.77": "c1"},
        {},
        "failed to allocate for range 0: 10.1.2.77 has been allocated to c1, duplicate allocation is not "
        "allowed (run DEL for this container and interface first)",
    ),
    (
        {},
        {"runtimeConfig": {"ips": ["10.9.9.9", "fd12:5::5", "10.1.2.5", "10.1.2.6"]}},
        "failed to allocate all requested IPs: 10.9.9.9 10.1.2.6 "
        "(each must lie in a range set of its own, since a set gives one address)",
    ),
]


@pytest.mark.parametrize(("files_before", "keys", "words"), REFUSED)
def test_what_cannot_be_given_is_refused_and_leaves_nothing(
    ours: Ours, state: Path, files_before: dict[str, str], keys: dict[str, Any], words: str
) -> None:
    (state / "net").mkdir()
    for name, content in files_before.items():
        (state / "net" / name).write_bytes(content.encode())
    before = files(state)
    with pytest.raises(AddressError) as caught:
        ours.add(network(state, V4, V6, **keys))
    assert str(caught.value) == words
    assert files(state) == before


@pytest.mark.peer
@pytest.mark.parametrize(("files_before", "keys", "words"), REFUSED)
def test_the_reference_refuses_it_in_the_same_words(
    state: Path, peers: Path, files_before: dict[str, str], keys: dict[str, Any], words: str
) -> None:
    """It lists the addresses that are left over in any order."""
    (state / "net").mkdir()
    for name, content in files_before.items():
        (state / "net" / name).write_bytes(content.encode())
    with pytest.raises(PluginFailed) as caught:
        Reference(program=peers / "host-local").add(network(state, V4, V6, **keys))
    said = caught.value.message
    assert words.startswith(said) or said.startswith("failed to allocate all requested IPs: 10.")


def test_a_full_set_is_refused_and_what_was_taken_of_others_is_released(ours: Ours, state: Path) -> None:
    given = network(state, V6, TWO)
    for name in ("c1", "c2"):
        ours.add(given, name)
    before = files(state)
    with pytest.raises(AddressError) as caught:
        ours.add(given, "c3")
    assert str(caught.value) == (
        "failed to allocate for range 1: no IP addresses available in range set: 10.1.2.8-10.1.2.9 "
        "(widen the range, remove pods, or run GC to free what pods that are gone still hold)"
    )
    assert files(state) == before


def test_a_failed_add_does_not_release_what_an_earlier_one_was_given(ours: Ours, state: Path) -> None:
    given = network(state, V6, V4)
    ours.add(given)
    before = files(state)
    with pytest.raises(AddressError):
        ours.add(given, args="IP=fd12:5::77")
    assert files(state) == before


def test_the_caller_can_take_back_what_was_given(ours: Ours, state: Path) -> None:
    undo = Undo()
    call = ours.call(network(state, V4, V6))
    ours.delegate.add(call, undo)
    undo.run()
    assert files(state) == {}
    assert undo.leftovers == []


def test_two_interfaces_of_a_container_have_an_address_each(ours: Ours, state: Path) -> None:
    given = network(state, V4)
    ours.add(given, ifname="eth0")
    ours.add(given, ifname="net1")
    assert files(state) == {"10.1.2.2": "c1 eth0", "10.1.2.3": "c1 net1"}


def test_what_was_given_last_may_be_unreadable_or_of_another_range(state: Path) -> None:
    given = network(state, V4)
    (state / "net").mkdir()
    for number, last in enumerate(["ninety", "10.9.9.9", "10.1.2.9\n", "fd12:5::1", ""]):
        (state / "net/last_reserved_ip.0").write_text(last)
        started_anew = Ours(delegate=HostLocal())
        assert addresses(started_anew.add(given, f"c{number}")) == [f"10.1.2.{number + 2}/24"]


def test_a_file_that_appears_without_the_lock_is_passed_over(ours: Ours, state: Path) -> None:
    given = network(state, V4)
    ours.add(given, "c1")
    folder = state / "net"
    before = folder.stat()
    (folder / "10.1.2.3").touch()
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert addresses(ours.add(given, "c2")) == ["10.1.2.4/24"]
