"""One attachment: the plugins of its list in order, each given what the one before it answered (CNI 1.1,
section 3).

Reading comes first and touches nothing, so that ``run`` can read all lists of a pod before it makes anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from multinet.cni.args import Args
from multinet.cni.request import VERBS, Verb
from multinet.cni.types import Result
from multinet.cni.versions import at_least
from multinet.delegate.executable import Executable
from multinet.delegate.invoke import Find, Plugin, Scene, prepare
from multinet.delegate.undo import Undo
from multinet.errors import MultinetError, attempt, inside, raise_together
from multinet.plan import Attachment

PREV_RESULT_ON_DEL_SINCE = "0.4.0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """An attachment whose configurations have all been read."""

    attachment: Attachment
    plugins: tuple[Plugin, ...]

    @property
    def runs_programs(self) -> bool:
        """Is any of its plugins, or their IPAM, a program, which may take its time?"""
        return any(
            isinstance(one.delegate, Executable)
            for plugin in self.plugins
            for one in (plugin, plugin.ipam)
            if one is not None
        )

    def add(self, scene: Scene, undo: Undo) -> Result:
        """Every plugin in order. What was made is on ``undo``."""
        result: Result | None = None
        with inside(self.attachment.network):
            for plugin in self.plugins:
                result = plugin.add(scene, result, undo)
        assert result is not None, "a list holds at least one plugin"
        return result

    @property
    def is_checked(self) -> bool:
        """Lists that ask not to be are passed over, and versions without CHECK."""
        conflist = self.attachment.conflist
        return not conflist.disable_check and at_least(conflist.version, VERBS[Verb.CHECK].since)

    def check(self, scene: Scene, recorded: Result | None) -> None:
        """Every plugin in order, each with the final result."""
        if not self.is_checked:
            return
        with inside(self.attachment.network):
            for plugin in self.plugins:
                plugin.check(scene, recorded)

    def gc(self, scene: Scene) -> None:
        """Every plugin, to the end; raises the first failure with the others as notes."""
        if self.attachment.conflist.disable_gc:
            return
        failures: list[MultinetError] = []
        for plugin in self.plugins:
            attempt(failures, partial(plugin.gc, scene), self.attachment.network)
        raise_together(failures)

    def status(self, scene: Scene) -> None:
        with inside(self.attachment.network):
            for plugin in self.plugins:
                plugin.status(scene)

    def prev_result_for_del(self, recorded: Result | None) -> Result | None:
        return recorded if at_least(self.attachment.conflist.version, PREV_RESULT_ON_DEL_SINCE) else None


def read(attachment: Attachment, find: Find, *, lenient: bool = False) -> Chain:
    """Find every delegate and let it read its configuration.

    ``lenient``: CNI_ARGS that only ADD must understand are no error.
    """
    args = Args.parse(attachment.args, lenient=lenient)
    plugins = []
    for index in range(len(attachment.conflist.plugins)):
        conf = attachment.conflist.plugin_request(
            index,
            prev_result=None,
            capability_args=attachment.capability_args,
            extra=attachment.extra(),
        )
        with inside(f"{attachment.network}[{conf.type}]"):
            plugins.append(prepare(find, conf, args, network=attachment.network))
    return Chain(attachment=attachment, plugins=tuple(plugins))


def read_all(attachments: Sequence[Attachment], find: Find) -> list[Chain]:
    return [read(attachment, find) for attachment in attachments]
