"""api      a client of the real API server, as the agent
make_api  more of them: of another user, at another address, with a token of one's own
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from multinet.kube.client import Access, Api
from tests.support.controlplane import AGENT, ControlPlane

MakeApi = Callable[..., Api]


@pytest.fixture
def make_api(control_plane: ControlPlane) -> Iterator[MakeApi]:
    with ExitStack() as stack:

        def make(*, user: str = AGENT, port: int = 0, token: Path | str | None = None) -> Api:
            access = Access(
                server=f"https://127.0.0.1:{port or control_plane.port}",
                ca=control_plane.ca_file,
                token=control_plane.token_file(user) if token is None else token,
            )
            made = Api(access)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    return make_api()
