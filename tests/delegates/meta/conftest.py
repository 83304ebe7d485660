from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.netns import Netns
from tests.support.plugins import Attachment

Chained = Callable[..., Attachment]


@pytest.fixture
def on_bridge(
    attach: Callable[..., Attachment], host: Netns, ranges: Callable[..., dict[str, Any]]
) -> Chained:
    """An interface for a chained plugin: eth0 on the host's bridge ``br0``, which is the gateway, with an address of
    10.1.2.0/24, or of the subnets that are given."""

    def make(
        pod: Netns, *subnets: str, container: str = "c1", ifname: str = "eth0", **conf: Any
    ) -> Attachment:
        network = {
            "cniVersion": "1.1.0", "name": "net", "type": "bridge", "bridge": "br0", "isGateway": True,
            "ipam": ranges(*(subnets or ("10.1.2.0/24",))), **conf,
        }  # fmt: skip
        return attach(pod, network, container, ifname=ifname).add()

    return make


@pytest.fixture
def chained(attach: Callable[..., Attachment]) -> Chained:
    """``chained(below, type="tuning", mtu=1400)``: a plugin after another, not added yet."""

    def make(below: Attachment, **conf: Any) -> Attachment:
        whole = {"cniVersion": "1.1.0", "name": "net", "prevResult": below.result, **conf}
        args = str(whole.pop("args_text", ""))
        return attach(below.pod, whole, below.container, ifname=below.ifname, args=args)

    return make
