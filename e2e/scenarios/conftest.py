"""What a scenario is given.

cluster  starts another cluster of the kind that `--driver` names
driver   the one that nearly all scenarios share, for the whole run
multinet what is installed there
space    a namespace of it for this test alone. When the test is over its pods are deleted, and then the nodes must
         hold what they held before: addresses, links, network namespaces, the agent's records
other    another one
report   a file of the run's report, to be written
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from deploy.image.assemble import assemble
from e2e.cluster.driver import Driver
from e2e.cluster.drivers import DRIVERS
from e2e.cluster.holdings import Holdings
from e2e.cluster.images import busybox
from e2e.cluster.multinet import Multinet
from e2e.cluster.pods import Space
from tests.support import tree, world
from tests.support.wait import until

MakeCluster = Callable[..., AbstractContextManager[Driver]]

REPORTS = tree.ROOT / ".cache" / "e2e" / "reports"
CLEAR_SECONDS = 30.0
"""For the runtime to have taken down the last sandbox after the API has forgotten its pod."""

_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--driver", choices=sorted(DRIVERS), default="local", help="the cluster to run the scenarios on"
    )


@pytest.fixture(scope="session")
def image() -> Path:
    """Of what is in this checkout. It is made before a run leaves the machine's network, which it may need."""
    return assemble()


@pytest.fixture(scope="session")
def own_world(request: pytest.FixtureRequest, image: Path) -> Iterator[None]:
    """Clusters of this machine are made in namespaces of the run's own, in which nothing is left of them."""
    if request.config.getoption("--driver") != "local":
        yield
        return
    world.enter()
    before = world.Traces.now()
    yield
    try:
        until(lambda: not world.Traces.now().since(before), seconds=5)
    except AssertionError:
        pytest.fail("after all scenarios: " + "; ".join(world.Traces.now().since(before)), pytrace=False)


@pytest.fixture(scope="session")
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, own_world: None
) -> MakeCluster:
    """A cluster that is started, with the image of the scenarios' pods on its nodes."""
    archive = busybox(tmp_path_factory.mktemp("images") / "busybox.tar")

    @contextmanager
    def make(*, only_ipv6: bool = False) -> Iterator[Driver]:
        made = DRIVERS[request.config.getoption("--driver")](only_ipv6=only_ipv6)
        made.start()
        try:
            made.load(archive)
            yield made
        finally:
            made.stop()

    return make


@pytest.fixture(scope="session")
def driver(cluster: MakeCluster) -> Iterator[Driver]:
    with cluster() as made:
        yield made


@pytest.fixture(scope="session")
def multinet(image: Path, driver: Driver) -> Multinet:
    made = Multinet(driver)
    made.install(image)
    return made


@pytest.fixture
def make_space(driver: Driver, multinet: Multinet) -> Iterator[Callable[[], Space]]:
    before = Holdings.all(driver)
    with ExitStack() as spaces:

        def make() -> Space:
            space = Space(driver=driver, name=f"scenario-{next(_numbers)}")
            space.create()
            spaces.callback(space.remove)
            return space

        yield make
    try:
        until(lambda: Holdings.all(driver) == before, seconds=CLEAR_SECONDS, what="the nodes to be as before")
    except AssertionError:
        assert Holdings.all(driver) == before


@pytest.fixture
def space(make_space: Callable[[], Space]) -> Space:
    return make_space()


@pytest.fixture
def other(make_space: Callable[[], Space]) -> Space:
    return make_space()


@pytest.fixture(scope="session")
def reports() -> Path:
    REPORTS.mkdir(parents=True, exist_ok=True)
    return REPORTS
