"""What a word may be completed to, looked up when somebody presses Tab: nobody waits long for it, and nothing is said
when it can't be told.

Each is a ``shell_complete`` of click: it is handed the words so far as ``ctx.params``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import wraps
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from multinet.cli.sources import Choice
    from multinet.config import Settings

SECONDS: Final = 2.0
"""For a cluster to answer: later, who pressed Tab has typed the word."""
MOST: Final = 500
"""Of a cluster's objects: a shell shows no more of them in a way that anybody reads."""

Look = Callable[[click.Context, str], Iterable[str]]
Completed = Callable[[click.Context, click.Parameter, str], list[str]]


def _completing(look: Look) -> Completed:
    """Those of ``look`` that begin so."""

    @wraps(look)
    def complete(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
        try:
            found = list(look(ctx, incomplete))
        except Exception:
            # Whatever it is, the command itself will say it.
            return []
        return sorted({one for one in found if one.startswith(incomplete)})

    return complete


def _in_time(ask: Callable[[], list[str]]) -> list[str]:
    """What ``ask`` returns; nothing where that takes too long. Name resolution knows no deadline, so one that hangs
    is left behind: it ends with the process.
    """
    found: list[str] = []

    def asking() -> None:
        with suppress(Exception):
            found.extend(ask())

    thread = Thread(target=asking, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return found.copy()


@_completing
def pods(ctx: click.Context, incomplete: str) -> Iterator[str]:
    """``name`` in the namespace that is meant, or ``namespace/name``."""
    from multinet.cli.node.settings import of_node

    source = _source(ctx)
    if (settings := of_node(source)) is not None:
        from multinet.view.journal import Journal, name_of

        for record in Journal.read(settings.state_dir).records:
            yield name_of(record)
            if record.plan.pod and source.named in ("", record.plan.pod.namespace):
                yield record.plan.pod.name
        return
    yield from _of_cluster(source, "pods", incomplete)


def definitions_or_files(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Where it is the name of no definition, the shell itself completes files."""
    from click.shell_completion import CompletionItem

    found = map(CompletionItem, definitions(ctx, parameter, incomplete))
    return [CompletionItem(incomplete, type="file"), *found]


@_completing
def definitions(ctx: click.Context, incomplete: str) -> Iterator[str]:
    """As ``pods``."""
    yield from _of_cluster(_source(ctx), "nads", incomplete)


@_completing
def namespaces(ctx: click.Context, _incomplete: str) -> Iterator[str]:
    source = _source(ctx)
    if source.has_folder:
        with source.open() as cluster:
            yield from (one.namespace for one in (*cluster.pods(), *cluster.definitions()))
    else:
        yield from _listed(source, "/api/v1/namespaces")


@_completing
def contexts(ctx: click.Context, _incomplete: str) -> Iterable[str]:
    from multinet.kube.kubeconfig import contexts_of

    return contexts_of(*_source(ctx).kubeconfigs())


@_completing
def networks(ctx: click.Context, _incomplete: str) -> Iterator[str]:
    """Names of CNI configurations that have given addresses here."""
    from multinet.cli.node.pools import primary
    from multinet.view.journal import Journal
    from multinet.view.pools import gather

    settings = _settings(ctx)
    yield from (pool.network for pool in gather(Journal.read(settings.state_dir), primary(settings)))


@_completing
def requests(ctx: click.Context, _incomplete: str) -> Iterator[str]:
    """Ids that the agent of this node remembers."""
    from multinet.cli.requests.door import Door

    yield from (one.request for one in Door(_settings(ctx)).recent())


@_completing
def sandboxes(ctx: click.Context, _incomplete: str) -> Iterator[str]:
    """Pods of ``multinet sandbox``."""
    from multinet.cli.sandbox.ledger import Ledger

    for pod in Ledger(Path(ctx.params["state"]), ctx.params["node"]).pods():
        yield pod.name
        yield str(pod)


def _source(ctx: click.Context) -> Choice:
    from multinet.cli import is_plugin
    from multinet.cli.sources import Choice

    said: dict[str, Any] = {key: ctx.params.get(key) for key in ("kubeconfig", "folder", "config")}
    return Choice(
        **said,
        context=ctx.params.get("context") or "",
        named=ctx.params.get("named") or "",
        plugin=is_plugin(ctx),
    )


def _settings(ctx: click.Context) -> Settings:
    from multinet.config import Settings

    return Settings.load(ctx.params["config"])


def _of_cluster(source: Choice, kind: str, incomplete: str) -> Iterator[str]:
    """Of the namespace that is written before a slash, else of the one that is meant."""
    from multinet.kube import paths

    written, slash, _ = incomplete.rpartition("/")
    namespace = written if slash else source.namespace
    if source.has_folder:
        with source.open() as cluster:
            objects = cluster.pods(namespace) if kind == "pods" else cluster.definitions(namespace)
            names = [one.name for one in objects]
    else:
        path = paths.pods(namespace) if kind == "pods" else paths.nads(namespace)
        names = _listed(source, path)
    yield from (f"{namespace}/{name}" if slash else name for name in names)


def _listed(source: Choice, path: str) -> list[str]:
    """The names of what is there."""
    from multinet.deadline import Deadline

    with source.api() as api:

        def ask() -> list[str]:
            answer = api.get(path, query={"limit": str(MOST)}, deadline=Deadline(SECONDS))
            return [str(item["metadata"]["name"]) for item in answer["items"]]

        return _in_time(ask)
