"""What the agent may do, and what it says when it may not."""

from __future__ import annotations

import pytest

from tests.daemon.conftest import MakeNode
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]


def test_an_agent_that_may_not_enter_namespaces_says_so_and_does_not_start(make_node: MakeNode):
    without = ("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin", "--")
    node = make_node(wrapper=without)
    node.start(ready=False)
    assert node.process is not None
    until(lambda: node.process is not None and node.process.poll() is not None, seconds=20)
    assert node.process.returncode == 1
    assert node.log.splitlines()[-1] == (
        "multinet: this process may not enter network namespaces"
        " (it needs the capability SYS_ADMIN (and NET_ADMIN, to make anything there))"
    )
    assert not node.conflist.exists()
