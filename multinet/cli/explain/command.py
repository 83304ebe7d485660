"""``multinet explain [POD]``"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from multinet.cli import complete, sources
from multinet.cli import output as outputs
from multinet.cli.output import Format, examples
from multinet.cli.sources import Choice

if TYPE_CHECKING:
    from multinet.cli.explain.explanation import Explanation
    from multinet.cli.objects import Object
    from multinet.cli.sources import Cluster
    from multinet.errors import MultinetError
    from multinet.npwg.nad import NetworkAttachmentDefinition
    from multinet.npwg.status import NetworkStatus


@click.command(
    epilog=examples(
        "multinet explain shop/cart-0                    a pod of the cluster",
        "multinet explain -f cart.yaml                   before it is applied; exit status 1 if it would fail",
        "kubectl create deployment ... -o yaml --dry-run=client | multinet explain -f -",
        "multinet explain --folder crds/examples/demo -f cart.yaml       a folder stands for the cluster",
    )
)
@click.argument("pod", required=False, shell_complete=complete.pods)
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    metavar="FILE",
    help="Explain the pods and templates of this manifest (- is stdin), with its definitions. May be repeated.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only say what stands against each pod: a line each, nothing if all is well.",
)
@click.option("--configurations", is_flag=True, help="Show each plugin's final configuration, too.")
@sources.options
@outputs.option
def explain(
    pod: str | None,
    files: tuple[str, ...],
    dry_run: bool,
    configurations: bool,
    source: Choice,
    output: Format,
) -> None:
    """Tell what a pod is given and why, and what stands against it.

    POD is [NAMESPACE/]NAME of a pod that is there. For a manifest it says the same before anything is applied: which
    definition each network of the annotation means, whether the pod may use it, devices, names, addresses, the
    plugins in order with their configuration, and each fault with what mends it.

    On a node also what only a node knows: addresses that are left, devices, the links that networks stand on.

    The exit status is 1 if a pod would not start.
    """
    if bool(pod) == bool(files):
        raise click.UsageError("name a POD, or a manifest by --file")
    with source.open_or_nothing(needed=not files) as cluster:
        explained = _explained(pod, files, source, cluster)
    if dry_run:
        outputs.emit(output, _problems(explained), lambda: _lines(explained))
    else:
        from multinet.cli.explain import text

        def tables() -> list[Any]:
            return [
                thing for one in explained for thing in (*text.page(one, configurations=configurations), "")
            ][:-1]

        outputs.emit(output, [one.to_json() for one in explained], tables)
    if any(one.would_fail for one in explained):
        raise SystemExit(1)


def _explained(pod: str | None, files: Sequence[str], source: Choice, cluster: Cluster) -> list[Explanation]:
    from multinet.cli import objects, surroundings, workloads
    from multinet.cli.explain.study import study
    from multinet.cli.objects import is_definition
    from multinet.errors import MultinetError
    from multinet.kernel.namespace import Namespace

    read = objects.read_all(files)
    found = [one for one in read if workloads.is_one(one)] if files else [_live(pod or "", source, cluster)]
    if not found:
        raise click.UsageError(f"there is no pod, and nothing that makes pods, in {', '.join(files)}")
    around = surroundings.look(source, cluster)
    home = source.namespace_or_default

    def find(namespace: str, name: str) -> NetworkAttachmentDefinition | None:
        """The manifest's own go first: they will be there as well."""
        for one in read:
            if is_definition(one) and (one.metadata.get("namespace") or home, one.name) == (
                namespace,
                name,
            ):
                return one.definition(home)
        return cluster.definition(namespace, name)

    def known() -> list[str]:
        brought = [
            f"{one.metadata.get('namespace') or home}/{one.name}" for one in read if is_definition(one)
        ]
        return brought + [str(one) for one in cluster.definitions()]

    explained = []
    with ExitStack() as stack:
        host = stack.enter_context(Namespace.current()) if around.on_a_node else None
        for one in found:
            try:
                work = workloads.of(one, home)
            except MultinetError as error:
                explained.append(_unreadable(one, around.told, error))
                continue
            given = () if files else _given(work.pod.annotations)
            explanation = study(work, around, find, known=known, given=given, host=host)
            if not files:
                explanation = replace(
                    explanation,
                    where=cluster.told,
                    status=_status(work.pod.annotations),
                    events=[_event(event) for event in cluster.events(one)],
                )
            explained.append(explanation)
    return explained


def _unreadable(one: Object, settings: str, error: MultinetError) -> Explanation:
    from multinet.cli.explain.explanation import Explanation
    from multinet.cli.findings import Finding

    return Explanation(
        pod=str(one),
        kind=one.kind,
        where=one.where,
        settings=settings,
        networks=(),
        findings=(Finding.of(error, "", place=False),),
    )


def _live(pod: str, source: Choice, cluster: Cluster) -> Object:
    from multinet.errors import InvalidConfig

    namespace, slash, name = pod.rpartition("/")
    found = cluster.pod(namespace if slash else source.namespace, name)
    if found is None:
        where = namespace if slash else source.namespace
        raise InvalidConfig(
            f"there is no pod {where}/{name} in {cluster.told}",
            hint="a manifest is named by --file, another namespace as NAMESPACE/NAME",
        )
    return found


def _given(annotations: Mapping[str, str]) -> Sequence[NetworkStatus]:
    from multinet.errors import MultinetError
    from multinet.npwg import status
    from multinet.npwg.annotations import NETWORK_STATUS

    try:
        return status.parse(annotations[NETWORK_STATUS]) if annotations.get(NETWORK_STATUS) else ()
    except MultinetError:
        return ()


def _status(annotations: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """As it is written on the pod."""
    import json

    from multinet.npwg.annotations import NETWORK_STATUS

    try:
        found = json.loads(annotations.get(NETWORK_STATUS) or "[]")
    except ValueError:
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _event(event: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "when": event.get("lastTimestamp") or event.get("eventTime") or "",
        "type": event.get("type") or "",
        "reason": event.get("reason") or "",
        "message": event.get("message") or "",
        "count": event.get("count") or 1,
    }


def _problems(explained: Sequence[Explanation]) -> list[Any]:
    return [
        {**found.to_json(), "pod": one.pod, "where": found.where or one.where}
        for one in explained
        for found in one.all_findings
    ]


def _lines(explained: Sequence[Explanation]) -> list[Any]:
    from multinet.cli.findings import told

    return [
        line
        for one in explained
        for line in told(
            replace(found, where=found.where or f"{one.where}: {one.pod}") for found in one.all_findings
        )
    ]
