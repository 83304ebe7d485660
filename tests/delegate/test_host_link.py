"""Which link of the host a configuration wants to be made: by its name, or as the object describes it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from multinet.config import Settings
from multinet.delegate import host_link, host_links
from multinet.delegate.host_link import HostLink
from multinet.errors import InvalidConfig
from multinet.kernel.host_links import Vlan, Vxlan

VXLAN = {"type": "vxlan", "id": 42, "parent": "eth1", "group": "239.1.1.1"}
VLAN = {"type": "vlan", "id": 100, "parent": "eth1"}


@pytest.mark.parametrize(
    ("name", "parent", "number"),
    [
        ("eth1.100", "eth1", 100),
        ("bond0.1", "bond0", 1),
        ("eth1.4094", "eth1", 4094),
        ("eth1.100.200", "eth1.100", 200),  # a VLAN on a VLAN, where the first is there
        ("abcdefghijk.100", "abcdefghijk", 100),
    ],
)
def test_the_name_of_a_vlan_says_all(name: str, parent: str, number: int):
    expected = HostLink(name=name, shape=Vlan(parent=parent, id=number), described=False)

    assert host_link.read(name, None, key="master") == expected


@pytest.mark.parametrize(
    "name",
    [
        "",
        "eth1",
        "eth1.",
        ".100",
        "eth1.0",
        "eth1.4095",
        "eth1.0100",
        "eth1.x",
        "eth1.²",
        "abcdefghijkl.100",
        "../x.100",
        "e%d.1",
    ],
)
def test_any_other_name_is_of_a_link_that_has_to_be_there(name: str):
    assert host_link.read(name, None, key="master") is None


def test_a_name_of_fifteen_bytes_is_the_longest():
    assert host_link.named("äbcdefghij.100") is not None
    assert host_link.named("äbcdefghijk.100") is None


@pytest.mark.parametrize(
    ("said", "name", "shape"),
    [
        (VLAN, "eth1.100", Vlan(parent="eth1", id=100)),
        ({**VLAN, "mtu": 1400}, "eth1.100", Vlan(parent="eth1", id=100, mtu=1400)),
        (
            VXLAN,
            "vxlan42",
            Vxlan(parent="eth1", id=42, remote=ip_address("239.1.1.1"), local=None, port=4789),
        ),
        (
            {"TYPE": "vxlan", "Id": 1, "parent": "e", "remote": "fd00::2", "local": "fd00::1", "port": 8472},
            "vxlan1",
            Vxlan(parent="e", id=1, remote=ip_address("fd00::2"), local=ip_address("fd00::1"), port=8472),
        ),
    ],
)
def test_the_object_describes_it_and_names_it_where_nothing_else_does(said: Any, name: str, shape: Any):
    assert host_link.read("", said, key="master") == HostLink(name=name, shape=shape, described=True)
    assert host_link.read("mine", said, key="master") == HostLink(name="mine", shape=shape, described=True)


def test_what_add_refuses_is_nothing_to_del():
    wrong = {**VXLAN, "id": 0}
    with pytest.raises(InvalidConfig):
        host_link.read("vx", wrong, key="master")
    assert host_link.read("vx", wrong, key="master", lenient=True) is None
    assert host_link.of_master("vx", VXLAN, in_container=True, lenient=True) is None


def test_a_master_in_the_container_is_none_of_the_hosts():
    assert host_link.of_master("eth1.100", None, in_container=True, lenient=False) is None


def test_what_needs_no_settings_uses_the_folder_that_settings_have_by_default():
    settings = Settings.parse({"clusterNetwork": "x"})

    assert str(settings.host_links_dir) == host_links.STANDARD
    assert settings.host_links == host_links.TYPES
    assert Settings.parse({"clusterNetwork": "x", "hostLinks": []}).host_links == frozenset()
