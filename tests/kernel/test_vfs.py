"""Virtual functions: every message byte for byte as pyroute2 encodes the same one, and the kernel's answer read."""

from __future__ import annotations

from struct import pack
from typing import Any, cast

import pytest
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from multinet.kernel import attributes, vfs
from multinet.kernel.link import IFINFOMSG
from multinet.kernel.links import End
from multinet.kernel.rtnl import Message, Rtnl
from multinet.kernel.vfs import Vf

PF = End(index=4, name="ens1")


def encoded(*attributes: Any) -> bytes:
    """Of ``ip link set ens1 vf 3 ...``."""
    message = ifinfmsg()
    message["index"] = 4
    message["attrs"] = [("IFLA_VFINFO_LIST", {"attrs": [("IFLA_VF_INFO", {"attrs": list(attributes)})]})]
    message.encode()
    return bytes(message.data)[16:]


MESSAGES: dict[str, tuple[Message, bytes, str]] = {
    "mac": (
        vfs.set_mac(PF, 3, "02:00:00:00:00:07"),
        encoded(("IFLA_VF_MAC", {"vf": 3, "mac": "02:00:00:00:00:07"})),
        "set VF 3 of ens1 to mac 02:00:00:00:00:07",
    ),
    "rates": (
        vfs.set_rate(PF, 3, 10, 200),
        encoded(("IFLA_VF_RATE", {"vf": 3, "min_tx_rate": 10, "max_tx_rate": 200})),
        "set VF 3 of ens1 to min_tx_rate 10, max_tx_rate 200",
    ),
    "spoofchk": (
        vfs.set_spoofchk(PF, 3, False),
        encoded(("IFLA_VF_SPOOFCHK", {"vf": 3, "setting": 0})),
        "set VF 3 of ens1 to spoofchk off",
    ),
    "trust": (
        vfs.set_trust(PF, 3, True),
        encoded(("IFLA_VF_TRUST", {"vf": 3, "trust": 1})),
        "set VF 3 of ens1 to trust on",
    ),
    "link state": (
        vfs.set_link_state(PF, 3, 2),
        encoded(("IFLA_VF_LINK_STATE", {"vf": 3, "link_state": 2})),
        "set VF 3 of ens1 to link_state disable",
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_what_pyroute2_sends(name: str) -> None:
    message, oracle, doing = MESSAGES[name]
    assert (message.body.hex(), message.doing) == (oracle.hex(), doing)


def test_the_vlan_is_what_ip_sends() -> None:
    """`ip link set ens1 vf 3 vlan 100 qos 5 proto 802.1ad`, whose structure has two bytes of padding at the end."""
    message = vfs.set_vlan(PF, 3, 100, 5, vfs.PROTOCOLS["802.1ad"])
    tag = pack("=HHIII", 20, 1, 3, 100, 5) + bytes.fromhex("88a80000")
    lists = [pack("=HH", len(tag) + 4 * depth, kind) for depth, kind in ((3, 22), (2, 1), (1, 12))]
    assert message.body == IFINFOMSG.pack(0, 0, 4, 0, 0) + b"".join(lists) + tag
    assert message.doing == "set VF 3 of ens1 to vlan 100, qos 5, proto 802.1ad"


class Answering:
    """Instead of a socket: the kernel's answer to the one question."""

    def __init__(self, *vfs: bytes) -> None:
        listed = b"".join(attributes.nested(1, vf) for vf in vfs)
        self.answer = IFINFOMSG.pack(0, 1, 4, 0, 0) + attributes.nested(22, listed)
        self.asked = b""

    def get(self, message: Message) -> bytes:
        self.asked = message.body
        return self.answer


MAC = attributes.raw(1, pack("=I6s26x", 1, bytes.fromhex("020000000007")))
VLAN = attributes.raw(2, pack("=III", 1, 100, 5))


def test_what_the_kernel_tells_is_read() -> None:
    tag = attributes.nested(12, attributes.raw(1, pack("=III", 1, 100, 5) + bytes.fromhex("88a80000")))
    told = (
        MAC + VLAN + tag + attributes.raw(6, pack("=III", 1, 10, 200)) + attributes.raw(4, pack("=II", 1, 0))
        + attributes.raw(5, pack("=II", 1, 2)) + attributes.raw(9, pack("=II", 1, 1))
    )  # fmt: skip
    net = Answering(told)
    (vf,) = vfs.dump(cast(Rtnl, net), PF)
    assert vf == Vf(
        number=1, mac="02:00:00:00:00:07", vlan=100, qos=5, protocol=0x88A8, min_rate=10, max_rate=200,
        spoofchk=False, trust=True, link_state=2,
    )  # fmt: skip
    assert net.asked == IFINFOMSG.pack(0, 0, 4, 0, 0) + pack("=HHI", 8, 29, 9)
    assert vfs.find(cast(Rtnl, net), PF, 2) is None


def test_what_a_driver_does_not_tell_is_not_known() -> None:
    """Then the kernel says -1, or nothing at all."""
    untold = attributes.raw(4, pack("=II", 1, 0xFFFFFFFF)) + attributes.raw(9, pack("=II", 1, 0xFFFFFFFF))
    for told in (MAC + VLAN, MAC + VLAN + untold):
        (vf,) = vfs.dump(cast(Rtnl, Answering(told)), PF)
        assert (vf.spoofchk, vf.trust, vf.protocol, vf.link_state) == (None, None, 0x8100, 0)
