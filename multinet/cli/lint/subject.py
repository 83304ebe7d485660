"""A definition as it is linted: read as far as it can be."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from multinet.cli.findings import Finding, Severity
from multinet.cli.lint.place import Places, Steps
from multinet.cli.objects import Object
from multinet.cni import jsonkeys
from multinet.cni.netconf import NetConfList
from multinet.delegate.invoke import Plugin
from multinet.delegate.pools import Pool
from multinet.errors import MultinetError
from multinet.npwg.nad import NetworkAttachmentDefinition


@dataclass(kw_only=True)
class Subject:
    origin: Object
    definition: NetworkAttachmentDefinition | None = None
    conflist: NetConfList | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The configuration as it stands."""
    read: dict[int, Plugin] = field(default_factory=dict)
    """The plugins that could be read, by their place in the list."""
    is_wrong: bool = False
    """Has something been found that no pod could start with?"""

    @property
    def name(self) -> str:
        return self.definition.network if self.definition else str(self.origin)

    @cached_property
    def places(self) -> Places:
        return Places(self.origin)

    def base(self, index: int) -> Steps:
        """Where in the text the plugin is: a list has them below ``plugins``."""
        return ("plugins", index) if "plugins" in jsonkeys.fold(self.raw, ("plugins",)) else ()

    @cached_property
    def pools(self) -> list[tuple[int, Pool]]:
        """What its IPAM plugins give out, with the place of the plugin in the list."""
        found = []
        for index, plugin in self.read.items():
            if plugin.ipam is not None:
                with suppress(MultinetError):  # what can't be read here is not known here
                    pool = plugin.ipam.delegate.pool(plugin.ipam.parsed, plugin.conf.name)
                    if pool is not None:
                        found.append((index, pool))
        return found

    def say(self, rule: str, severity: Severity, steps: Steps, message: str, remedy: str = "") -> Finding:
        self.is_wrong |= severity is Severity.ERROR
        return Finding(
            where=self.places.of(steps),
            severity=severity,
            rule=rule,
            message=f"{self.name}: {message}",
            remedy=remedy,
        )

    def refuse(self, rule: str, base: Steps, error: MultinetError) -> Finding:
        """An error of ours as a finding at the place that it names."""
        self.is_wrong = True
        return Finding(
            where=self.places.of_error(base, error),
            severity=Severity.ERROR,
            rule=rule,
            message=error.sentence
            if error.sentence.startswith(self.name)
            else f"{self.name}: {_bare(error)}",
            remedy=error.hint or error.details,
        )


def _bare(error: MultinetError) -> str:
    return error.sentence.lstrip(".")
