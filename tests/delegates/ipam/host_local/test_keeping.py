"""CHECK, DEL, GC and STATUS, on folders as they are found in the field."""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest

from delegates.ipam.host_local import HostLocal
from multinet.cni.types import Address, Result
from multinet.errors import CheckFailed, InvalidConfig, IOFailure, NotAvailable
from tests.support.ipam import Ours, conf


@pytest.fixture
def ours() -> Ours:
    return Ours(delegate=HostLocal())


@pytest.fixture
def given(state: Path) -> dict[str, Any]:
    return network(state)


def network(state: Path, **ipam: Any) -> dict[str, Any]:
    return conf("host-local", ipam={"subnet": "10.1.2.0/29", "dataDir": str(state), **ipam})


def put(state: Path, files: Mapping[str, str]) -> None:
    (state / "net").mkdir(exist_ok=True)
    for name, content in files.items():
        (state / "net" / name).write_bytes(content.encode())


def names(state: Path) -> set[str]:
    return {path.name for path in (state / "net").iterdir()} - {"lock"}


def result(*addresses: str) -> Result:
    return Result(ips=tuple(Address(address=ip_interface(text)) for text in addresses))


# CHECK


def test_check_is_content_with_what_add_gave(ours: Ours, given: Any) -> None:
    ours.check(given, prev=ours.add(given))


def test_check_does_not_ask_for_addresses_of_others_in_prev_result(ours: Ours, given: Any) -> None:
    ours.add(given)
    ours.check(given, prev=result("10.1.2.2/29", "192.0.2.1/24", "fd12:5::2/64"))


@pytest.mark.parametrize(
    "files", [{"note": "c1\r\neth0"}, {"10.1.2.3": "c1\r\neth0\n"}, {"10.1.2.3": " c1 "}]
)
def test_check_takes_any_file_of_the_interface(
    ours: Ours, given: Any, state: Path, files: dict[str, str]
) -> None:
    put(state, files)
    ours.check(given)


@pytest.mark.parametrize(
    "files", [{}, {"10.1.2.3": "c1\r\nnet1"}, {"last_reserved_ip.0": "c1"}, {"lock": "c1"}]
)
def test_check_fails_without_a_reservation(
    ours: Ours, given: Any, state: Path, files: dict[str, str]
) -> None:
    put(state, files)
    with pytest.raises(CheckFailed) as caught:
        ours.check(given)
    assert str(caught.value) == (
        "host-local: Failed to find address added by container c1 "
        f"(its reservation in {state}/net is gone, and the address may be given again)"
    )


def test_check_without_a_folder_fails_and_makes_none(ours: Ours, given: Any, state: Path) -> None:
    with pytest.raises(CheckFailed):
        ours.check(given)
    assert list(state.iterdir()) == []


def test_check_fails_when_an_address_of_ours_is_reserved_for_another(
    ours: Ours, given: Any, state: Path
) -> None:
    put(state, {"10.1.2.2": "c2\r\neth0", "10.1.2.3": "c1\r\neth0"})
    with pytest.raises(CheckFailed) as caught:
        ours.check(given, prev=result("10.1.2.2/29"))
    assert str(caught.value) == (
        "host-local: 10.1.2.2 is not reserved for container c1 interface eth0 "
        f"(its reservation in {state}/net is gone, and the address may be given again)"
    )


# DEL


def test_delete_releases_all_of_the_interface_and_nothing_else(ours: Ours, given: Any, state: Path) -> None:
    put(
        state,
        {
            "10.1.2.2": "c1\r\neth0",
            "10.9.9.9": "c1\r\neth0\n",
            "note": "c1\r\neth0",
            "10.1.2.3": "c1\r\nnet1",
            "10.1.2.4": "c1",
            "10.1.2.5": "c2\r\neth0",
            "10.1.2.6": "",
            "last_reserved_ip.0": "10.1.2.6",
        },
    )
    (state / "net/folder").mkdir()
    ours.delete(given)
    assert names(state) == {"10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6", "folder", "last_reserved_ip.0"}


def test_delete_takes_very_old_files_when_there_is_nothing_newer(ours: Ours, given: Any, state: Path) -> None:
    put(state, {"10.1.2.3": "c1", "10.1.2.4": "c2"})
    ours.delete(given)
    assert names(state) == {"10.1.2.4"}


def test_delete_twice_and_without_a_folder_is_success(ours: Ours, given: Any, state: Path) -> None:
    ours.delete(given)
    assert list(state.iterdir()) == []
    ours.add(given)
    ours.delete(given)
    ours.delete(given)
    assert names(state) == {"last_reserved_ip.0"}


def test_delete_does_not_mind_what_was_asked_for(ours: Ours, given: Any, state: Path) -> None:
    ours.add(given)
    ours.delete({**given, "runtimeConfig": {"ips": ["ten"]}}, args="A=1;IP=ten;")
    assert names(state) == {"last_reserved_ip.0"}


def test_delete_works_after_the_ranges_have_changed(ours: Ours, given: Any, state: Path) -> None:
    ours.add(given)
    ours.delete(network(state, subnet="10.7.7.0/24"))
    assert names(state) == {"last_reserved_ip.0"}


def test_delete_goes_on_to_the_end_when_a_file_can_not_be_removed(
    ours: Ours, given: Any, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(state, {"10.1.2.2": "c1\r\neth0", "10.1.2.3": "c1\r\neth0"})
    unlink = os.unlink

    def stuck(path: str) -> None:
        if path.endswith("10.1.2.2"):
            raise PermissionError(1, "")
        unlink(path)

    monkeypatch.setattr(os, "unlink", stuck)
    with pytest.raises(IOFailure) as caught:
        ours.delete(given)
    assert str(caught.value) == (
        f"could not remove {state}/net/10.1.2.2: Operation not permitted "
        "(run as root, or give this user the right to)"
    )
    assert names(state) == {"10.1.2.2"}
    monkeypatch.undo()
    ours.delete(given)
    assert names(state) == set()


# GC


def test_gc_frees_what_is_not_attached_any_more(ours: Ours, given: Any, state: Path) -> None:
    put(
        state,
        {
            "10.1.2.2": "c1\r\neth0",
            "10.1.2.3": "c1\r\nnet1",
            "10.1.2.4": "c2\r\neth0",
            "10.9.9.9": "c3\r\neth0",
            "fd12:5::2": "c3\r\neth0",
        },
    )
    ours.gc(given, ("c1", "net1"), ("c4", "net7"))
    assert names(state) == {"10.1.2.3"}
    assert str(ours.add(given).ips[0].address.ip) == "10.1.2.2"


@pytest.mark.parametrize(
    "files",
    [
        {"10.1.2.2": ""},
        {"10.1.2.2": "kept for the printer"},
        {"10.1.2.2": "c1\r\nan interface"},
        {"10.1.2.2": "c1"},
        {"10.1.2.2": "\xff"},
        {"10.1.2.2": "c1" * 3000},
        {"note": "c1\r\neth0"},
        {"last_reserved_ip.0": "c1\r\neth0"},
        {"lock": "c1\r\neth0"},
    ],
)
def test_gc_leaves_files_that_are_no_reservations(
    ours: Ours, given: Any, state: Path, files: dict[str, str]
) -> None:
    put(state, files)
    before = names(state)
    ours.gc(given)
    assert names(state) == before


def test_gc_without_a_folder_makes_none(ours: Ours, given: Any, state: Path) -> None:
    ours.gc(given)
    assert list(state.iterdir()) == []


def test_gc_of_one_network_leaves_the_others(ours: Ours, given: Any, state: Path) -> None:
    other = {**given, "name": "other"}
    ours.add(other)
    ours.gc(given)
    assert (state / "other/10.1.2.2").exists()


# STATUS


def test_status_is_content_before_the_first_add_and_makes_nothing(
    ours: Ours, given: Any, state: Path
) -> None:
    ours.status(given)
    assert list(state.iterdir()) == []


def test_status_tells_of_a_full_range(ours: Ours, given: Any) -> None:
    for number in range(5):
        ours.status(given)
        ours.add(given, f"c{number}")
    with pytest.raises(NotAvailable) as caught:
        ours.status(given)
    assert caught.value.code == 50
    assert str(caught.value) == (
        "no IP addresses available in range set: 10.1.2.1-10.1.2.6 "
        "(widen the range, remove pods, or run GC to free what pods that are gone still hold)"
    )


def test_status_tells_of_a_range_that_is_only_its_gateway(ours: Ours, state: Path) -> None:
    with pytest.raises(NotAvailable):
        ours.status(network(state, rangeEnd="10.1.2.1"))


def test_status_tells_of_a_missing_resolv_conf(ours: Ours, state: Path) -> None:
    with pytest.raises(NotAvailable) as caught:
        ours.status(network(state, resolvConf=f"{state}/none"))
    assert str(caught.value) == f"could not read {state}/none: No such file or directory"


def test_status_tells_of_a_folder_that_can_not_be_made(ours: Ours, state: Path) -> None:
    (state / "file").touch()
    with pytest.raises(NotAvailable) as caught:
        ours.status(network(state / "file"))
    assert str(caught.value) == (
        f"could not write to {state}/file: Not a directory (a part of the path is a file)"
    )


def test_a_wrong_configuration_is_told_whatever_the_verb(ours: Ours, state: Path) -> None:
    wrong = network(state, subnet="10.1.2.0/31")
    for verb in (ours.add, ours.check, ours.delete, ours.gc, ours.status):
        with pytest.raises(InvalidConfig):
            verb(wrong)  # type: ignore[operator]
