"""A driver that gives the plugin another configuration than it was asked to, for testing the comparison."""

from __future__ import annotations

from dataclasses import dataclass

from tests.equality.case import Case
from tests.equality.runner import Driver, Reply, Request


@dataclass(frozen=True, slots=True)
class Instead:
    driver: Driver
    other: Case
    """Its first call is what really happens."""

    def call(self, request: Request) -> Reply:
        return self.driver.call(self.other.request(self.other.steps[0], {}))
