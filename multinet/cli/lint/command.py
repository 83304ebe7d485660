"""``multinet lint [NAD|FILE|FOLDER]...``"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from multinet.cli import complete, sources
from multinet.cli import output as outputs
from multinet.cli.output import Format, examples
from multinet.cli.sources import Choice

if TYPE_CHECKING:
    from multinet.cli.findings import Finding
    from multinet.cli.objects import Object
    from multinet.cli.sources import Cluster
    from multinet.npwg.nad import NetworkAttachmentDefinition

STDIN = "-"


@click.command(
    epilog=examples(
        "multinet lint                      every definition of the cluster",
        "multinet lint shop/net-a           one of them, compared with the others",
        "multinet lint manifests/ --strict  files, before they are applied: warnings count, too",
        "multinet lint - -o json < nad.yaml",
    )
)
@click.argument(
    "what", nargs=-1, metavar="[NAD|FILE|FOLDER]...", shell_complete=complete.definitions_or_files
)
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings, too.")
@sources.options_of_lists
@outputs.option
def lint(what: tuple[str, ...], strict: bool, source: Choice, output: Format) -> None:
    """Find mistakes in NetworkAttachmentDefinitions, and in the pods beside them.

    A name is a definition of the cluster; anything that is there as a file is one, and `-` is stdin. Without any,
    it is every definition of the cluster (or of the namespace that --namespace names).

    Each finding has its place, its severity, the id of its rule and what mends it. The exit status is 1 if there is
    an error.
    """
    from multinet.cli.findings import is_bad, told

    files = [one for one in what if one == STDIN or Path(one).exists()]
    names = [one for one in what if one not in files]
    with source.open_or_nothing(needed=bool(names) or not what) as cluster:
        findings = sorted(_findings(files, names, source, cluster), key=_order)
    outputs.emit(
        output,
        [one.to_json() for one in findings],
        lambda: [*told(findings), _summary(findings)],
    )
    if is_bad(findings, strict=strict):
        raise SystemExit(1)


def _findings(
    files: Sequence[str], names: Sequence[str], source: Choice, cluster: Cluster
) -> Iterator[Finding]:
    from multinet.cli import surroundings, workloads
    from multinet.cli.findings import Finding
    from multinet.cli.lint import across, one
    from multinet.cli.objects import is_definition
    from multinet.errors import MultinetError
    from multinet.kernel.namespace import Namespace

    home = source.namespace_or_default
    around = surroundings.look(source, cluster)
    read, unread = _read(files)
    yield from unread
    everything = bool(files or names)
    there = list(cluster.definitions("" if names else source.listed)) if names or not everything else []
    looked_at = [*filter(is_definition, read), *_named(names, there, source)] if everything else there

    subjects, wanted = [], {id(one_) for one_ in looked_at}
    with ExitStack() as stack:
        host = stack.enter_context(Namespace.current()) if around.on_a_node else None
        for origin in [*looked_at, *(other for other in there if id(other) not in wanted)]:
            subject, found = one.look(origin, home, around, host)
            subjects.append(subject)
            if id(origin) in wanted:
                yield from found
    yield from across.same_names(read, home)
    mine = {id(subject.origin): subject.name for subject in subjects if id(subject.origin) in wanted}
    ours = set(mine.values())
    # Those that were asked for come last: of two, the later one is told of.
    ordered = sorted(subjects, key=lambda subject: id(subject.origin) in wanted)
    for finding in (*across.cni_names(ordered), *across.overlaps(ordered)):
        if finding.message.partition(": ")[0] in ours:
            yield finding
    by_name = {subject.name: subject for subject in subjects}

    def find(namespace: str, name: str) -> NetworkAttachmentDefinition | None:
        known = by_name.get(f"{namespace}/{name}")
        return known.definition if known else cluster.definition(namespace, name)

    for origin in filter(workloads.is_one, read):
        try:
            work = workloads.of(origin, home)
        except MultinetError as error:
            yield Finding.of(error, origin.where, rule="unreadable", place=False)
        else:
            yield from across.pod(work, around, find, by_name)


def _read(files: Sequence[str]) -> tuple[list[Object], list[Finding]]:
    """Every object, and what is wrong with files that can't be read."""
    from multinet.cli import objects
    from multinet.cli.findings import Finding
    from multinet.errors import MultinetError

    read: list[Object] = []
    unread = []
    for file in (one for path in files for one in objects.files_of(path)):
        try:
            read += objects.read(file)
        except MultinetError as error:
            unread.append(Finding.of(error, str(file), rule="unreadable", place=False))
    return read, unread


def _named(names: Sequence[str], there: Sequence[Object], source: Choice) -> Iterator[Object]:
    from multinet.errors import InvalidConfig, nearest

    for wanted in names:
        namespace, slash, name = wanted.rpartition("/")
        key = f"{namespace if slash else source.namespace}/{name}"
        found = next((one for one in there if str(one) == key), None)
        if found is None:
            meant = nearest(key, map(str, there))
            raise InvalidConfig(
                f"there is neither a file {wanted} nor a NetworkAttachmentDefinition {key}",
                hint=f"did you mean {meant}?"
                if meant
                else "name one as NAMESPACE/NAME, or a file that is there",
            )
        yield found


def _order(finding: Finding) -> tuple[Any, ...]:
    file, _, line = finding.where.rpartition(":")
    return (file, int(line)) if line.isdecimal() else (finding.where, 0)


def _summary(findings: Sequence[Finding]) -> str:
    from collections import Counter

    from multinet.cli.findings import Severity

    counted = Counter(one.severity for one in findings)
    if not counted:
        return "nothing found"
    return ", ".join(
        f"{counted[one]} {one.value}{'s' if counted[one] > 1 else ''}" for one in Severity if counted[one]
    )
