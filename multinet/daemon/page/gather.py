"""The facts for one look at the page: nothing is kept here, nothing is changed, and the API server is not asked."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

from multinet import __version__
from multinet.cni.netconf import NetConfList
from multinet.daemon.page.facts import (
    Asked,
    Attachments,
    Facts,
    NetworkLine,
    Networks,
    Picture,
    Seen,
    T,
    Unseen,
)
from multinet.daemon.page.sources import Sources, state_of
from multinet.daemon.probes import failing
from multinet.delegate.pools import Pool
from multinet.errors import MultinetError
from multinet.kernel.namespace import Namespace
from multinet.plan import Record
from multinet.state.attachments import Attachments as Records
from multinet.view import pools as pools_of_node
from multinet.view.attached import Network, networks_of_journal, of_journal
from multinet.view.journal import Journal, name_of, told
from multinet.view.kernel import host_links
from multinet.view.picture import drawn, theirs
from multinet.view.sandboxes import Sandbox, look

SANDBOXES: Final = 50
"""On one page: half a full node's pods. Each is looked into in the kernel, which takes about 1 ms."""
NETWORKS: Final = 100
UNUSED: Final = 50
"""Names of definitions that nobody here uses; a cluster may have ten thousand."""
DRAWN: Final = 8
"""Pods in the picture, where they stand in a row."""
FAILURES: Final = 20


def gather(sources: Sources, asked: Asked) -> Facts:
    seen = _Look(sources, asked)
    recent = sources.history.recent()
    return Facts(
        node=sources.node,
        version=__version__,
        at=time.time(),
        asked=asked,
        missing=[f"{name}: {why}" for name, why in failing(sources.checks)],
        state=list(state_of(sources)),
        attachments=_seen(seen.attachments),
        networks=_seen(seen.networks),
        picture=_seen(seen.picture),
        verbs=sources.metrics.verb_latencies(),
        delegates=sources.metrics.delegate_latencies(),
        failures=[one for one in recent if one.failed][:FAILURES],
        remembered=len(recent),
    )


def _seen(ask: Callable[[], T]) -> Seen[T]:
    try:
        return ask()
    except MultinetError as error:
        return Unseen(str(error))


class _Look:
    """What several parts of the page need is looked at once. Everything may raise MultinetError."""

    def __init__(self, sources: Sources, asked: Asked) -> None:
        self._sources = sources
        self._asked = asked

    @cached_property
    def journal(self) -> Journal:
        return Journal.read(self._sources.state_dir)

    @cached_property
    def matching(self) -> list[Record]:
        return [one for one in self.journal.records if _matches(one, self._asked.words.lower())]

    @property
    def pages(self) -> int:
        return max(1, math.ceil(len(self.matching) / SANDBOXES))

    @property
    def page(self) -> int:
        return min(self._asked.page, self.pages)

    @property
    def records(self) -> list[Record]:
        """Those of this page."""
        return self.matching[(self.page - 1) * SANDBOXES : self.page * SANDBOXES]

    @cached_property
    def sandboxes(self) -> list[Sandbox]:
        """The same, beside what the kernel has of them."""
        return look(self.records)

    def attachments(self) -> Attachments:
        files = Records(self._sources.state_dir)
        written = [files.written(one.plan.container_id, one.plan.ifname) for one in self.records]
        return Attachments(
            shown=[(one, when or None) for one, when in zip(self.sandboxes, written, strict=True)],
            matching=len(self.matching),
            all=len(self.journal.records),
            page=self.page,
            pages=self.pages,
            damaged=len(self.journal.damaged),
        )

    def networks(self) -> Networks:
        """Those in use, then pools whose network nobody here has, then what else the cluster defines."""
        pools: dict[str, list[Pool]] = {}
        for pool in pools_of_node.gather(self.journal, self._primary()):
            pools.setdefault(pool.network, []).append(pool)
        cni_names = {
            one.network: one.conflist.name
            for record in self.journal.records
            for one in record.plan.attachments
        }
        found = networks_of_journal(self.journal, of_journal(self.journal, self._sources.node))
        lines = [
            NetworkLine(network=network, pools=pools.get(cni_names[network.name], ())) for network in found
        ]
        taken = set(cni_names.values())
        lines += [
            NetworkLine(network=_nobodys(name, held), pools=held)
            for name, held in pools.items()
            if name not in taken
        ]
        unused = sorted(set(self._sources.definitions()) - set(cni_names))
        return Networks(
            shown=lines[:NETWORKS],
            more=len(lines[NETWORKS:]),
            unused=unused[:UNUSED],
            all_unused=len(unused),
        )

    def _primary(self) -> NetConfList | None:
        try:
            return self._sources.primary.current()
        except MultinetError:
            return None

    def picture(self) -> Picture:
        pods = self.sandboxes[:DRAWN]
        with Namespace.current() as host:
            _, links = host_links(host)
        shape = drawn(self._sources.node, theirs(links, pods), pods)
        return Picture(topology=shape, pods=len(pods), of=len(self.matching))


def _matches(record: Record, words: str) -> bool:
    """``words`` in small letters, in anything that a person may look for."""
    if not words:
        return True
    forms = [name_of(record), record.plan.container_id]
    forms += [one.network for one in record.plan.attachments]
    for entry in told(record):
        forms += [entry.mac, *map(str, entry.ips)]
    return any(words in form.lower() for form in forms)


def _nobodys(name: str, pools: Sequence[Pool]) -> Network:
    return Network(
        name=name,
        defined=False,
        plugins=(),
        ipam=", ".join(dict.fromkeys(pool.type for pool in pools)),
        resource="",
        pods=0,
        interfaces=0,
    )
