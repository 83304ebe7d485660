"""What clears up goes on past what it can't clear, and says so then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.netns import Netns
from tests.support.plugins import Attachment, refusal

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize("how", ["GC", "DEL"])
@pytest.mark.parametrize("type_", ["bridge", "ptp"])
def test_masquerading_ends_though_the_addresses_can_not_be_given_back(
    attach: Callable[..., Attachment],
    pod: Netns,
    host: Netns,
    ranges: Callable[..., Any],
    state: Path,
    type_: str,
    how: str,
):
    conf = {"cniVersion": "1.1.0", "name": "net", "type": type_, "ipam": ranges("10.1.2.0/24")}
    one = attach(pod, {**conf, "ipMasq": True, "ipMasqBackend": "nftables"}).add()
    assert one.address in host.run("nft", "list", "ruleset").stdout
    (state / "net" / "lock").unlink()
    (state / "net" / "lock").symlink_to("lock")

    said = refusal(one.gc if how == "GC" else one.delete)

    assert str(state / "net") in said
    assert one.address not in host.run("nft", "list", "ruleset").stdout
