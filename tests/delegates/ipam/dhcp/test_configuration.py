"""What is read from a configuration, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from delegates.ipam.dhcp import Dhcp
from delegates.ipam.dhcp.conf import DhcpConf, pairs
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.errors import InvalidConfig


def read(args: str = "", lenient: bool = False, **ipam: Any) -> DhcpConf:
    raw = {"cniVersion": "1.1.0", "name": "net", "type": "macvlan", "ipam": {"type": "dhcp", **ipam}}
    return Dhcp().parse(NetConf(raw=raw, name="net", type="macvlan"), Args.parse(args, lenient=lenient))


def refused(**ipam: Any) -> str:
    with pytest.raises(InvalidConfig) as error:
        read(**ipam)
    return error.value.sentence


def test_nothing_asks_for_routers_and_the_mask():
    assert read() == DhcpConf(
        socket="/run/cni/dhcp.sock", options={55: b"\3\1"}, requested=frozenset(), priority=0
    )
    assert read(daemonSocketPath="", priority=7).priority == 7


def test_keys_are_read_in_any_case():
    conf = read(
        DaemonSocketPath="/x", Provide=[{"OPTION": "12", "fromarg": "K8S_POD_NAME"}], args="K8S_POD_NAME=a"
    )
    assert (conf.socket, conf.options[12]) == ("/x", b"a")


def test_an_argument_of_the_pod_is_more_than_the_configuration_s_value():
    provide = [{"option": "host-name", "value": "none", "fromArg": "K8S_POD_NAME"}]
    assert read(provide=provide).options[12] == b"none"
    assert read(provide=provide, args="K8S_POD_NAME=cart").options[12] == b"cart"
    assert 12 not in read(provide=[{"option": "12"}]).options


def test_arguments_are_split_at_the_first_equals_sign():
    assert pairs("A=b=c;;B;C=") == {"A": "b=c", "C": ""}


def test_what_is_too_long_is_refused():
    long = "x" * 256
    assert refused(provide=[{"option": "60", "value": long}]) == (
        f'ipam.provide[0]: value too long for option "60": "{long}"'
    )
    assert refused(args=f"A={long}", provide=[{"option": "60", "fromArg": "A"}]).startswith(
        'ipam.provide[0]: value too long for option "60": "xxx'
    )
    assert refused(provide=[{"option": str(code), "value": "x" * 250} for code in range(224, 228)]) == (
        "the options to be sent are longer than 900 octets"
    )


@pytest.mark.parametrize("option", ["0", "255", "256", "-1", "٣", " 3", "mtu", 0, 300])
def test_what_is_no_option_is_refused(option: str | int):
    assert refused(request=[{"option": option}]) == f'ipam.request[0]: there is no DHCP option "{option}"'


def test_to_release_only_the_socket_is_read():
    assert read(lenient=True, daemonSocketPath="/x", provide=[{"option": "nothing"}]) == DhcpConf(socket="/x")
