"""The rules that look at several definitions, and at pods beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from multinet.cli import workloads
from multinet.cli.explain.study import study
from multinet.cli.findings import Finding, Severity
from multinet.cli.lint.subject import Subject
from multinet.cli.objects import Object
from multinet.cli.surroundings import Surroundings
from multinet.cli.workloads import Workload
from multinet.delegate.pools import Pool, Stretch
from multinet.errors import MultinetError
from multinet.npwg import selection
from multinet.npwg.annotations import NETWORKS
from multinet.resolve import runtime
from multinet.resolve.networks import FindDefinition


def same_names(objects: Sequence[Object], home: str) -> Iterator[Finding]:
    """Of files: the API has each name once."""
    seen: dict[tuple[str, str, str], Object] = {}
    for one in objects:
        key = (one.kind, str(one.metadata.get("namespace") or home), one.name)
        other = seen.setdefault(key, one)
        if other is not one and one.file:
            yield Finding(
                where=one.where,
                severity=Severity.ERROR,
                rule="same-name",
                message=f"there is a {one.kind} {key[1]}/{key[2]} at {other.where}, too",
                remedy="give one of them another name",
            )


def cni_names(subjects: Sequence[Subject]) -> Iterator[Finding]:
    """Plugins keep what they know by the CNI name, whatever definition it is of."""
    by_name: dict[str, list[Subject]] = defaultdict(list)
    for one in subjects:
        if one.conflist is not None:
            by_name[one.conflist.name].append(one)
    for name, several in by_name.items():
        first = several[0]
        for one in several[1:]:
            assert one.conflist is not None
            assert first.conflist is not None
            if one.name == first.name:
                continue
            same = one.conflist.plugins == first.conflist.plugins
            yield one.say(
                "same-cni-name",
                Severity.NOTE if same else Severity.WARNING,
                ("name",),
                f"its CNI name {name!r} is that of {first.name}, too: they share addresses and what else plugins "
                "keep by it",
                "" if same else "give one of them another 'name', or make their plugins the same",
            )
    definitions = {one.definition.name: one for one in subjects if one.definition}
    for one in subjects:
        if one.conflist is None or one.definition is None or one.conflist.name == one.definition.name:
            continue
        other = definitions.get(one.conflist.name)
        if other is not None and other.conflist is not None and other.conflist.name != one.conflist.name:
            yield one.say(
                "other-cni-name",
                Severity.WARNING,
                ("name",),
                f"its CNI name is {one.conflist.name!r}, which is the name of {other.name}",
                "call it as the definition is called, or leave 'name' out",
            )


class Span(NamedTuple):
    """A stretch of addresses, and whose it is. It sorts by its first address."""

    version: int
    first: int
    last: int
    place: int
    """The definition's, among all."""
    plugin: int
    """Its place in the definition's list."""
    stretch: Stretch
    pool: Pool


def overlaps(subjects: Sequence[Subject]) -> Iterator[Finding]:
    """Where both keep their addresses under one name in one folder, each knows what the other has given. Of each
    stretch only the first definition that it overlaps with is told.
    """
    for group in _touching(_spans(subjects)):
        ordered = sorted(group, key=lambda span: span.place)
        for number, mine in enumerate(ordered):
            other = next((one for one in ordered[:number] if _collide(one, mine)), None)
            if other is not None:
                yield subjects[mine.place].say(
                    "overlapping-ranges",
                    Severity.WARNING,
                    (*subjects[mine.place].base(mine.plugin), "ipam"),
                    f"its addresses {mine.stretch} overlap with {other.stretch} of {subjects[other.place].name}: "
                    "both may give out the same",
                    "keep the ranges apart, or give both definitions one CNI name, if they are one network",
                )


def _spans(subjects: Sequence[Subject]) -> list[Span]:
    return sorted(
        (
            Span(one.first.version, int(one.first), int(one.last), place, index, one, pool)
            for place, subject in enumerate(subjects)
            for index, pool in subject.pools
            for one in pool.stretches
        ),
        key=lambda span: span[:3],
    )


def _touching(spans: Sequence[Span]) -> Iterator[list[Span]]:
    """Groups outside of which nothing overlaps: a cluster may have thousands of definitions."""
    group: list[Span] = []
    reach = -1
    for span in spans:
        if group and (span.version != group[0].version or span.first > reach):
            yield group
            group, reach = [], -1
        group.append(span)
        reach = max(reach, span.last)
    if group:
        yield group


def _collide(one: Span, other: Span) -> bool:
    if one.place == other.place:
        return False
    if (one.pool.place, one.pool.network) == (other.pool.place, other.pool.network):
        return False
    return one.first <= other.last and other.first <= one.last


def pod(
    one: Workload, around: Surroundings, find: FindDefinition, subjects: Mapping[str, Subject]
) -> Iterator[Finding]:
    """What its annotation asks for that it can't have. What is wrong with a definition is said there."""
    where = _where(one)
    misplaced = list(workloads.misplaced(one))
    yield from misplaced
    explained = study(one, around, find, known=lambda: subjects)
    for finding in explained.findings:
        if finding.message not in {known.message for known in misplaced}:
            yield _of_pod(one, where, finding)
    for network in explained.networks:
        subject = subjects.get(network.name)
        if subject is None or not subject.is_wrong:
            for finding in network.findings:
                yield _of_pod(one, where, finding)
    yield from _undeclared(one, where, subjects)


def _of_pod(one: Workload, where: str, finding: Finding) -> Finding:
    return Finding(
        where=where,
        severity=finding.severity,
        rule="pod",
        message=f"{one.told}: {finding.message}",
        remedy=finding.remedy,
    )


def _undeclared(one: Workload, where: str, subjects: Mapping[str, Subject]) -> Iterator[Finding]:
    """Addresses and MACs may reach plugins by CNI_ARGS all the same, as long as those look there."""
    text = one.pod.annotations.get(NETWORKS, "").strip()
    try:
        asked = selection.parse(text, home=one.pod.namespace)
    except MultinetError:
        return  # it has been said
    for wanted in asked:
        subject = subjects.get(wanted.network)
        if subject is None or subject.conflist is None:
            continue
        declared = subject.conflist.capabilities()
        wishes: Mapping[str, Any] = runtime.capability_args(wanted)
        for capability in sorted(wishes.keys() - declared - runtime.ONLY_BY_CAPABILITY):
            yield Finding(
                where=where,
                severity=Severity.WARNING,
                rule="capability-undeclared",
                message=f"{one.told} asks {wanted.network} for {runtime.CAPABILITIES[capability]!r}, and no plugin "
                "of it declares that capability: only what reads CNI_ARGS hears of it",
                remedy=f'add "capabilities": {{"{capability}": true}} to the plugin that is to do it',
            )


def _where(one: Workload) -> str:
    origin = one.origin
    path = (*one.path, "metadata", "annotations", NETWORKS)
    return f"{origin.file}:{origin.line(*path)}" if origin.file else origin.where
