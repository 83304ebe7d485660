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

from multinet.cli import complete, is_plugin

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
    everywhere: bool = False
    """All namespaces were asked for."""
    plugin: bool = False
    """It is kubectl that was called: what this machine is does not count, and kubectl's habits do."""

    @cached_property
    def settings(self) -> Settings | None:
        """The node's; None where there are none. Raises MultinetError for a file that can't be used."""
        from multinet.config import Settings

        if self.config is None and (self.plugin or not CONFIG.exists()):
            return None
        return Settings.load(self.config or CONFIG)

    @property
    def namespace(self) -> str:
        """The one that is meant where none is written: that of the options, else of the kubeconfig's context."""
        return self.named or (HOME if self._folder else self._access.namespace) or HOME

    @property
    def listed(self) -> str:
        """The namespace whose objects are listed, "" for those of all."""
        if self.named or self.everywhere or not self.plugin or self.config is not None:
            return self.named
        return self.namespace

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
    def has_folder(self) -> bool:
        """Does a folder stand for the cluster?"""
        return self._folder is not None

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

        if files := self.kubeconfigs():
            return Access.of_kubeconfig(*files, context=self.context)
        try:
            return Access.in_cluster()
        except NotAvailable as error:
            raise NotAvailable(
                "no cluster is named: there is no kubeconfig, and this is not a pod",
                hint="--kubeconfig names one, or --folder a folder with manifests",
            ) from error

    def kubeconfigs(self) -> list[Path]:
        """Those that are meant, in their order."""
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


_API: Final = (
    click.option(
        "--kubeconfig",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The kubeconfig of the cluster; else $KUBECONFIG, ~/.kube/config.",
    ),
    click.option(
        "--context",
        default="",
        shell_complete=complete.contexts,
        help="The context of the kubeconfig; else its current one.",
    ),
)
_OPTIONS: Final = (
    *_API,
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
    "-n",
    "--namespace",
    "named",
    default="",
    shell_complete=complete.namespaces,
    help="The namespace that is meant where none is written.",
)
_LISTED: Final = (
    click.option(
        "-n",
        "--namespace",
        "named",
        default="",
        shell_complete=complete.namespaces,
        help="Only what is in this namespace.",
    ),
    click.option(
        "-A",
        "--all-namespaces",
        "everywhere",
        is_flag=True,
        help="What is in any namespace, as without -n; kubectl's plugin takes the context's otherwise.",
    ),
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name a cluster; the command is handed a ``Choice`` as ``source``."""
    return _handing_over(command, (*_OPTIONS, _NAMESPACE))


def options_of_api(command: Callable[..., Any]) -> Callable[..., Any]:
    """Those that name a cluster with an API, for what a folder can't stand for."""
    return _handing_over(command, _API)


def options_of_lists(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same, for a command that lists what ``Choice.listed`` has."""
    return _handing_over(command, (*_OPTIONS, *_LISTED))


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
        folder: Path | None = None,
        config: Path | None = None,
        named: str = "",
        everywhere: bool = False,
        **others: Any,
    ) -> Any:
        if folder is not None and (kubeconfig is not None or context):
            raise click.UsageError(
                "--folder stands for a cluster: it goes without --kubeconfig and --context"
            )
        if named and everywhere:
            raise click.UsageError("--namespace and --all-namespaces can't both be meant")
        source = Choice(
            kubeconfig=kubeconfig,
            context=context,
            folder=folder,
            config=config,
            named=named,
            everywhere=everywhere,
            plugin=is_plugin(click.get_current_context()),
        )
        return command(*args, source=source, **others)

    result: Callable[..., Any] = with_source
    for one in reversed(several):
        result = one(result)
    return result
