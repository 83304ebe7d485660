"""Fixtures every test may use. Namespaces, folders and processes made through them are always cleared up.

netns()        makes a named network namespace; ``netns("host")`` puts a word into its name
host, pod      two of them: where a plugin is called, and a container's (lo is down, as a runtime leaves it)
state          an empty folder for a plugin's or multinet's own state
peers          the folder of the reference's Go programs
control_plane  a real etcd and kube-apiserver for the whole run, with the CRD and the agent's account and rules
kube_namespace a namespace in it that no other test uses
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import kubeobjects, prepare, world
from tests.support import netns as namespaces
from tests.support.controlplane import ControlPlane
from tests.support.netns import Netns
from tests.support.wait import until

ROOT = Path(__file__).parent.parent
PEERS = ROOT / ".cache" / "peers"
NEEDS_ROOT = ("kernel", "peer", "uml", "qemu")

# How long an example takes says nothing on a machine that does other things at the same time.
settings.register_profile("multinet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("multinet")


def pytest_runtest_setup(item: pytest.Item) -> None:
    marks = [name for name in NEEDS_ROOT if item.get_closest_marker(name)]
    if marks and os.geteuid() != 0:
        pytest.fail(
            f"a test marked {marks[0]} must run as root; without root: pytest -m 'not kernel and not peer'"
        )


@pytest.fixture(scope="session")
def outside() -> Iterator[int]:
    """The network namespace the run was started in, for set-up that needs the machine's network."""
    with open("/proc/self/ns/net") as here:
        yield here.fileno()


@pytest.fixture(scope="session", autouse=True)
def own_world(outside: int) -> Iterator[None]:
    """The run happens in namespaces of its own, and fails when its tests leave something in them."""
    if os.geteuid() != 0:
        yield
        return
    world.enter()
    before = world.Traces.now()
    yield
    try:
        until(lambda: not world.Traces.now().since(before), seconds=2)
    except AssertionError:
        pytest.fail("after all tests: " + "; ".join(world.Traces.now().since(before)), pytrace=False)


@pytest.fixture(scope="session")
def peers(outside: int) -> Path:
    """The folder of the reference's plugins and cnitool, brought up to date by `make peers`."""
    prepare.make(outside, "peers")
    return PEERS


_numbers = itertools.count(1)


@pytest.fixture
def netns() -> Iterator[Callable[..., Netns]]:
    """Make named network namespaces; when the test is over each is removed and every process in it killed."""
    with ExitStack() as stack:

        def make(word: str = "") -> Netns:
            made = namespaces.make(
                "-".join(filter(None, ["mn", str(os.getpid()), str(next(_numbers)), word]))
            )
            stack.callback(namespaces.remove, made)
            return made

        yield make


@pytest.fixture
def host(netns: Callable[..., Netns]) -> Netns:
    """A namespace to stand for the machine's own: bridges, masters and host ends live here."""
    made = netns("host")
    made.ip("link", "set", "lo", "up")
    return made


@pytest.fixture
def pod(netns: Callable[..., Netns]) -> Netns:
    """A container's namespace."""
    return netns("pod")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """An empty folder for state files."""
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Started for the first test that wants it. A test that stops its API server starts it again."""
    with ControlPlane(tmp_path_factory.mktemp("cluster") / "plane") as plane:
        kubeobjects.install(plane)
        yield plane


@pytest.fixture
def kube_namespace(control_plane: ControlPlane) -> str:
    return kubeobjects.namespace(control_plane)
