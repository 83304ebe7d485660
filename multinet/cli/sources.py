"""Where a command has pods and definitions from: a cluster's API, or a folder that stands for a cluster.

    @sources.options
    def ls(source: Choice, ...) -> None:
        with source.open() as cluster:
            for pod in cluster.pods(): ...

The first of these that is there:

1. ``--folder``, or ``--kubeconfig`` and ``--context``
2. ``folder`` of the node's settings (``--config``, /etc/multinet/config.yaml)
3. ``$KUBECONFIG``
4. ``agent.kubeconfig`` of the node's settings
5. ~/.kube/config
6. what the kubelet gives a pod
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import click

if TYPE_CHECKING:
    from multinet.cli.objects import Object
    from multinet.config import Settings
    from multinet.kube.access import Access
    from multinet.kube.client import Api
    from multinet.npwg.nad import NetworkAttachmentDefinition

CONFIG: Final = Path("/etc/multinet/config.yaml")
"""The agent's settings, on a node."""
KUBECONFIG: Final = Path(".kube/config")
"""In a person's home."""
HOME: Final = "default"
"""The namespace that is meant where nobody names one."""


class Cluster(Protocol):
    """Pods and definitions as somebody has them. Everything may raise MultinetError."""

    @property
    def told(self) -> str:
        """What it is, for people: ``the cluster https://...``, ``the folder ...``."""

    def pods(self, namespace: str = "", *, node: str = "") -> Sequence[Object]:
        """Of all namespaces and nodes, unless one is named."""

    def pod(self, namespace: str, name: str) -> Object | None: ...

    def definitions(self, namespace: str = "") -> Sequence[Object]: ...

    def definition(self, namespace: str, name: str) -> NetworkAttachmentDefinition | None: ...

    def events(self, pod: Object) -> Sequence[Mapping[str, Any]]:
        """The cluster's events about a pod, the oldest first; none where this user may not see them, as the
        agent's own account may not.
        """


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the options said."""

    kubeconfig: Path | None = None
    context: str = ""
    folder: Path | None = None
    config: Path | None = None
    named: str = ""
    """The namespace that the options name."""

    @cached_property
    def settings(self) -> Settings | None:
        """The node's; None where there are none. Raises MultinetError for a file that can't be used."""
        from multinet.config import Settings

        if self.config is None and not CONFIG.exists():
            return None
        return Settings.load(self.config or CONFIG)

    @property
    def namespace(self) -> str:
        """The one that is meant where none is written: that of the options, else of the kubeconfig's context."""
        return self.named or (HOME if self._folder else self._access.namespace) or HOME

    @contextmanager
    def open(self) -> Iterator[Cluster]:
        """Raises NotAvailable where no cluster is named in any way."""
        from multinet.cli import clusters

        if (folder := self._folder) is not None:
            yield clusters.Folder(folder)
            return
        with self.api() as api:
            yield clusters.Live(api)

    @contextmanager
    def api(self) -> Iterator[Api]:
        """The cluster's API itself, whatever folder is named. Raises NotAvailable where no cluster is."""
        from multinet.kube.client import Api

        api = Api(self._access)
        try:
            yield api
        finally:
            api.close()

    @contextmanager
    def open_or_nothing(self, *, needed: bool) -> Iterator[Cluster]:
        """A cluster without any object where none is named and none is ``needed``."""
        if not needed and not self.is_named:
            from multinet.cli import clusters

            yield clusters.Nothing()
            return
        with self.open() as cluster:
            yield cluster

    @property
    def is_named(self) -> bool:
        """Is there any cluster to open?"""
        from multinet.errors import NotAvailable

        try:
            return self._folder is not None or bool(self._access)
        except NotAvailable:
            return False

    @property
    def namespace_or_default(self) -> str:
        """``namespace``, also where no cluster is named."""
        return self.namespace if self.is_named else self.named or HOME

    @property
    def _folder(self) -> Path | None:
        if self.folder is not None:
            return self.folder
        if self.kubeconfig is not None or self.context:
            return None
        return self.settings.folder if self.settings is not None else None

    @cached_property
    def _access(self) -> Access:
        from multinet.errors import NotAvailable
        from multinet.kube.access import Access

        if files := self._kubeconfigs():
            return Access.of_kubeconfig(*files, context=self.context)
        try:
            return Access.in_cluster()
        except NotAvailable as error:
            raise NotAvailable(
                "no cluster is named: there is no kubeconfig, and this is not a pod",
                hint="--kubeconfig names one, or --folder a folder with manifests",
            ) from error

    def _kubeconfigs(self) -> list[Path]:
        if self.kubeconfig is not None:
            return [self.kubeconfig]
        if said := os.environ.get("KUBECONFIG", ""):
            # As kubectl does: those that are not there are no mistake as long as one is.
            named = [Path(one) for one in said.split(os.pathsep) if one]
            return [one for one in named if one.exists()] or named[:1]
        if self.settings is not None and self.settings.agent.kubeconfig is not None:
            return [self.settings.agent.kubeconfig]
        home = Path.home() / KUBECONFIG
        return [home] if home.exists() else []


_OPTIONS: Final = (
    click.option(
        "--kubeconfig",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The kubeconfig of the cluster; else $KUBECONFIG, ~/.kube/config.",
    ),
    click.option("--context", default="", help="The context of the kubeconfig; else its current one."),
    click.option(
        "--folder",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        help="A folder with manifests, instead of a cluster.",
    ),
    click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help=f"The settings of the agent on this node; else {CONFIG}, if it is there.",
    ),
)
_NAMESPACE: Final = click.option(
    "-n", "--namespace", "named", default="", help="The namespace that is meant where none is written."
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name a cluster; the command is handed a ``Choice`` as ``source``."""
    return _handing_over(command, (*_OPTIONS, _NAMESPACE))


def options_without_namespace(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same, for a command that has ``--namespace`` in another sense, or no use for it."""
    return _handing_over(command, _OPTIONS)


def _handing_over(
    command: Callable[..., Any], several: Sequence[Callable[[Callable[..., Any]], Callable[..., Any]]]
) -> Callable[..., Any]:
    @wraps(command)
    def with_source(
        *args: Any,
        kubeconfig: Path | None,
        context: str,
        folder: Path | None,
        config: Path | None,
        named: str = "",
        **others: Any,
    ) -> Any:
        if folder is not None and (kubeconfig is not None or context):
            raise click.UsageError(
                "--folder stands for a cluster: it goes without --kubeconfig and --context"
            )
        source = Choice(kubeconfig=kubeconfig, context=context, folder=folder, config=config, named=named)
        return command(*args, source=source, **others)

    result: Callable[..., Any] = with_source
    for one in reversed(several):
        result = one(result)
    return result
