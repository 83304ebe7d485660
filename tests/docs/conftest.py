"""The shim of this checkout, as the agent's tests have it."""

from tests.daemon.conftest import shim as shim
