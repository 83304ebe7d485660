"""A disk that takes nothing more: it is said to everybody who asks, and pods end all the same."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemon.conftest import MakeNode, MakeSandbox
from tests.support.wait import until

pytestmark = [pytest.mark.kernel, pytest.mark.peer, pytest.mark.cluster]

FULL = "No space left on device"


@contextmanager
def small(folder: Path) -> Iterator[None]:
    """A file system of its own for ``folder``, with room for a few records."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "state", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_on_a_full_disk_no_pod_begins_and_every_pod_ends(make_node: MakeNode, sandbox: MakeSandbox):
    node = make_node()
    with small(node.state):
        node.start()
        running, new = sandbox(), sandbox()
        node.call("ADD", running).ok()
        waste = node.state / "waste"
        with pytest.raises(OSError, match=FULL):
            waste.write_bytes(bytes(1 << 20))

        place = node.state / "sandboxes"
        error = node.call("STATUS").error()
        assert (error["code"], error["msg"]) == (50, f"could not write to {place}: {FULL}")
        until(lambda: node.probe("readyz")[0] == 503)
        assert node.probe("readyz")[1].startswith(f"records: could not write to {place}: {FULL}")
        error = node.call("ADD", new).error()
        assert (error["code"], error["msg"].endswith(FULL)) == (5, True)
        node.call("DEL", new).ok()
        node.call("DEL", running).ok()
        assert (node.records(), node.addresses(), node.host.links()) == ([], [], ["br0"])

        waste.unlink()
        node.wait_ready()
        node.call("ADD", new).ok()
        node.call("DEL", new).ok()
        assert node.stop() == 0


def test_on_a_read_only_disk_nothing_begins_and_a_pod_waits_for_its_record_to_go(
    make_node: MakeNode, sandbox: MakeSandbox
):
    node = make_node()
    with small(node.state):
        node.start()
        running, new = sandbox(), sandbox()
        node.call("ADD", running).ok()
        record = node.state / "sandboxes" / node.records()[0]
        subprocess.run(["mount", "-o", "remount,ro", node.state], check=True)
        error = node.call("ADD", new).error()
        assert (error["code"], error["msg"].endswith("Read-only file system")) == (5, True)
        assert node.addresses() == ["cluster/10.244.0.2"]
        error = node.call("DEL", running).error()
        assert (error["code"], error["msg"]) == (5, f"could not remove {record}: Read-only file system")
        subprocess.run(["mount", "-o", "remount,rw", node.state], check=True)
        node.call("DEL", running).ok()
        assert (node.records(), node.addresses()) == ([], [])
        assert node.stop() == 0
