"""A machine of the driver `local` is apart from this one, and nothing of it is left, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster.machine import PLACES, Machine, hierarchies
from e2e.cluster.sweeper import Sweeper
from tests.support import tree
from tests.support.wait import until

pytestmark = pytest.mark.kernel

KILLED = """\
import sys
from pathlib import Path

from e2e.cluster.machine import Machine
from e2e.cluster.sweeper import Sweeper

folder, cgroup = Path(sys.argv[1]), sys.argv[2]
with Sweeper(folder, [cgroup]):
    machine = Machine(name="node-x", folder=folder / "node-x", cgroup=cgroup, logs=folder / "said")
    machine.start()
    sleep = "echo $$ > /sys/fs/cgroup/$1/cgroup.procs; exec sleep 3600"
    machine.begin("sleeper", "bash", "-c", sleep, "bash", sys.argv[3])
    print(machine.pid, flush=True)
    sys.stdin.read()
"""
"""A run that is in the middle of its work, with a process in a control group of the machine's."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """To be gone after the test."""
    made = Path(tempfile.mkdtemp(prefix="multinet-e2e-", dir="/var/tmp"))
    yield made
    assert not made.exists()


@pytest.fixture
def machine(folder: Path) -> Iterator[Machine]:
    cgroup = f"multinet-e2e-{os.getpid()}-x"
    with Sweeper(folder, [cgroup]):
        made = Machine(name="node-x", folder=folder / "node-x", cgroup=cgroup, logs=folder / "said")
        made.start()
        yield made
        made.stop()


def test_what_it_changes_is_its_own_and_is_still_there_after_a_reboot(machine: Machine):
    before = {place: os.path.exists(place) for place in PLACES}
    for place in PLACES:
        machine.shell("tee", f"{place}/changed", input="by node-x")
        assert machine.place(f"{place}/changed").read_text() == "by node-x"
        assert not os.path.exists(f"{place}/changed")
    machine.shell("ip", "link", "add", "br-x", "type", "bridge")
    assert machine.shell("ls", "/sys/class/net").stdout.split() == ["br-x", "lo"]
    assert machine.shell("hostname").stdout == "node-x\n"
    assert not os.path.exists("/proc/self/net/dev_snmp6/br-x")

    machine.stop()
    machine.start()
    assert machine.shell("ls", "/sys/class/net").stdout.split() == ["lo"]
    for place in PLACES:
        assert machine.shell("cat", f"{place}/changed").stdout == "by node-x"
    assert {place: os.path.exists(place) for place in PLACES} == before


def test_nothing_is_left_of_a_run_that_is_killed(folder: Path):
    cgroup = f"multinet-e2e-{os.getpid()}-killed"
    here = hierarchies()[0]
    inside = (here / cgroup).relative_to("/sys/fs/cgroup")
    run = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder), cgroup, str(inside)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tree.ROOT,
    )
    assert run.stdout is not None
    assert run.stdin is not None
    first = int(run.stdout.readline())
    until(lambda: (here / cgroup / "cgroup.procs").read_text(), what="the sleeper to be in its control group")

    run.send_signal(signal.SIGKILL)
    run.wait()
    until(lambda: not Path(f"/proc/{first}").exists(), what="the first process of the machine to end")
    until(lambda: not folder.exists(), seconds=30, what="the files to be gone")
    assert not any((hierarchy / cgroup).exists() for hierarchy in hierarchies())
    assert str(folder) not in Path("/proc/self/mountinfo").read_text()
    run.stdin.close()
    run.stdout.close()
