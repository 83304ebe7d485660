"""Sockets that are kept: whose they are, how many, and that nothing waits for the kernel to free things."""

from __future__ import annotations

import os

import pytest

from multinet.errors import NotFound
from multinet.kernel import nfpool
from multinet.kernel.namespace import Namespace
from multinet.kernel.nfpool import borrowed
from multinet.kernel.nft import Chain, Family, Table
from tests.support.netns import Netns

pytestmark = pytest.mark.kernel

TABLE = Table(family=Family.INET, name="mine")
CHAIN = Chain(table=TABLE, name="chain")


@pytest.fixture(autouse=True)
def empty_pool():
    nfpool.close_all()
    yield
    nfpool.close_all()


def test_a_socket_is_used_again_in_its_own_namespace_only(host: Netns, pod: Netns, home, sandbox):
    with borrowed(home) as first:
        first.commit([TABLE.add(), CHAIN.add()], doing="prepare")
        with borrowed(home) as second:
            assert second is not first
    with borrowed(sandbox) as other:
        assert other not in (first, second)
        assert not CHAIN.exists(other)
    with Namespace.open(host.path) as again, borrowed(again) as third:
        assert third in (first, second)
        assert CHAIN.exists(third)


def test_a_socket_that_met_an_error_is_not_kept(home):
    with pytest.raises(NotFound), borrowed(home) as net:
        net.commit([CHAIN.delete()], doing="fail")
    with borrowed(home) as other:
        assert other is not net


def test_only_a_few_are_kept_the_last_ones(netns, monkeypatch):
    monkeypatch.setattr(nfpool, "KEPT_SOCKETS", 2)
    spaces = [Namespace.open(netns(str(number)).path) for number in range(3)]
    used = []
    for space in spaces:
        with borrowed(space) as net:
            used.append(net)
    for space, net, kept in zip(spaces, used, (False, True, True), strict=True):
        if kept:
            with borrowed(space) as again:
                assert again is net
        space.close()


def test_a_forked_child_has_sockets_of_its_own(home):
    with borrowed(home) as net:
        pass
    child = os.fork()
    if not child:
        code = 1
        try:
            with borrowed(home) as other:
                code = 0 if other is not net and other.generation() else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with borrowed(home) as again:
        assert again is net
        assert again.generation()
