"""Container ids, network names and interface names."""

from __future__ import annotations

import pytest

from multinet.cni.names import check_container_id, check_ifname, check_network_name
from multinet.errors import MultinetError

GOOD = ["a", "0", "a_b.c-d", "Z" * 200, "0.-_"]
BAD = ["-a", ".a", "_a", "a b", "a/b", "a\n", "ä", "a\0", "a:b", "\u0661"]


def refusal(check: object, value: str) -> tuple[int, str, str]:
    with pytest.raises(MultinetError) as caught:
        check(value)  # type: ignore[operator]
    return caught.value.cni_code, caught.value.message, caught.value.details


@pytest.mark.parametrize("name", GOOD)
def test_a_letter_or_digit_and_then_a_few_signs_too_make_a_name(name: str) -> None:
    check_container_id(name)
    check_network_name(name)


@pytest.mark.parametrize("name", BAD)
def test_anything_else_in_a_name_is_refused_to_the_very_end(name: str) -> None:
    assert refusal(check_container_id, name) == (4, "invalid characters in containerID", name)
    assert refusal(check_network_name, name) == (7, "invalid characters found in network name", name)


def test_a_name_can_not_be_empty():
    assert refusal(check_container_id, "") == (3, "missing containerID", "")
    assert refusal(check_network_name, "") == (7, "missing network name", "")


@pytest.mark.parametrize("name", ["eth0", "net1", "...", "a.b", "-", "x" * 15, "é" * 7, "a\x1cb", "@"])
def test_what_the_kernel_takes_is_an_interface_name(name: str) -> None:
    check_ifname(name)


SIGNS = "interface name contains / or : or whitespace characters"


@pytest.mark.parametrize(
    ("name", "message", "details"),
    [
        ("", "interface name is empty", ""),
        ("x" * 16, "interface name is too long", "interface name should be less than 16 characters"),
        ("é" * 8, "interface name is too long", "interface name should be less than 16 characters"),
        (" " * 16, "interface name is too long", "interface name should be less than 16 characters"),
        (".", "interface name is . or ..", ""),
        ("..", "interface name is . or ..", ""),
        ("a/b", SIGNS, ""),
        ("a:b", SIGNS, ""),
        ("a b", SIGNS, ""),
        ("eth0\n", SIGNS, ""),
        ("a\tb", SIGNS, ""),
        ("a\x85b", SIGNS, ""),
        ("a\xa0b", SIGNS, ""),
        ("a\u3000b", SIGNS, ""),
        ("a\u2028b", SIGNS, ""),
        ("a\0b", "interface name contains a NUL character", ""),
    ],
)
def test_anything_else_is_no_interface_name(name: str, message: str, details: str) -> None:
    assert refusal(check_ifname, name) == (4, message, details)
