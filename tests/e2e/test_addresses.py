"""The network that joins the nodes of the driver `local`."""

from __future__ import annotations

import pytest

from e2e.cluster.addresses import DUAL_STACK, ONLY_IPV6, Addresses
from tests.support.netns import Netns

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize("addresses", [DUAL_STACK, ONLY_IPV6], ids=["both families", "IPv6 alone"])
def test_the_bridge_is_known_to_the_nodes_by_one_mac_whatever_node_comes_or_goes(
    host: Netns, addresses: Addresses
):
    def mac() -> str:
        (link,) = host.json("ip", "-json", "link", "show", addresses.bridge)
        return str(link["address"])

    host.run("ip", "-batch", "-", input="\n".join(addresses.at_the_bridge()))
    before = mac()
    for number in (1, 2):
        lowest = f"02:00:00:00:00:0{number}"
        host.ip("link", "add", f"to-{number}", "address", lowest, "type", "veth", "peer", f"p{number}")
        host.ip("link", "set", f"to-{number}", "up", "master", addresses.bridge)
        assert mac() == before
    host.ip("link", "delete", "to-1")
    assert mac() == before


def test_no_two_clusters_have_an_address_or_a_name_in_common():
    assert set(DUAL_STACK.names).isdisjoint(ONLY_IPV6.names)
    assert DUAL_STACK.bridge != ONLY_IPV6.bridge
    of_nodes = [
        {address for number in (1, 2) for address in one.network(number).addresses}
        for one in (DUAL_STACK, ONLY_IPV6)
    ]
    assert of_nodes[0].isdisjoint(of_nodes[1])
    of_pods = [
        {subnet for number in (1, 2) for subnet in one.network(number).pods}
        for one in (DUAL_STACK, ONLY_IPV6)
    ]
    assert of_pods[0].isdisjoint(of_pods[1])
