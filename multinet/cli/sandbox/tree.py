"""The topology as lines of text: the node, its segments, and on each the pods' interfaces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import click

from multinet.view.topology import ROUTING, WAY_OUT, Port, Segment, Topology

Words = list[tuple[str, str]]
"""Text and what it is, in their order."""

LOOKS: dict[str, dict[str, object]] = {
    "": {},
    "name": {"bold": True},
    "segment": {"bold": True, "fg": "cyan"},
    "addresses": {"fg": "green"},
    "dim": {"dim": True},
}


@dataclass(slots=True)
class Branch:
    words: Words
    below: list[Branch] = field(default_factory=list)

    def add(self, *words: tuple[str, str]) -> Branch:
        branch = Branch(list(words))
        self.below.append(branch)
        return branch


def draw(shape: Topology, *, coloured: bool = False) -> str:
    """Ends with a line's end."""
    return "".join(f"{line}\n" for line in _lines(_tree(shape), "", "", coloured))


def _lines(branch: Branch, first: str, rest: str, coloured: bool) -> Iterator[str]:
    guide = click.style(first, dim=True) if coloured and first else first
    yield guide + "".join(_styled(text, what) if coloured else text for text, what in branch.words)
    for one in branch.below:
        last = one is branch.below[-1]
        yield from _lines(
            one, rest + ("└── " if last else "├── "), rest + ("    " if last else "│   "), coloured
        )


def _tree(shape: Topology) -> Branch:
    root = Branch([(f"{shape.what} ", "name"), (shape.node, "")])
    for segment in shape.segments:
        branch = root.add(*_segment(segment, shape))
        for link in segment.uplinks:
            branch.add((link, "dim"))
        for port in segment.ports:
            branch.add(*_port(port))
    loose = [port for pod in shape.pods for port, segment in pod.ports if segment is None]
    if loose:
        branch = root.add(("on no link of the node", "dim"))
        for port in loose:
            branch.add(*_port(port))
    for pod in shape.pods:
        if not pod.ports:
            root.add((pod.name, "name"), (f"  {pod.phase}, no interfaces", ""))
    return root


def _segment(segment: Segment, shape: Topology) -> Words:
    if segment.kind == ROUTING:
        words: Words = [("the node's own routing", "segment")]
    else:
        words = [(segment.name, "segment"), (f"  {segment.kind or 'device'}", "")]
    if segment.addresses:
        words.append((f"  {_joined(segment.addresses)}", ""))
    if segment.kind == WAY_OUT:
        words.append((f"  to {shape.lan}", ""))
    if segment.networks:
        words.append((f"  ({', '.join(segment.networks)})", "dim"))
    return words


def _port(port: Port) -> Words:
    words: Words = [(port.pod, "name"), (f" {port.interface.name}", "")]
    if port.addresses:
        words.append((f"  {_joined(port.addresses)}", "addresses"))
    if port.interface.mac:
        words.append((f"  {port.interface.mac}", "dim"))
    if port.via:
        words.append((f"  via {port.via}", "dim"))
    return words


def _joined(addresses: Sequence[str]) -> str:
    return " ".join(addresses)


def _styled(text: str, what: str) -> str:
    return click.style(text, **LOOKS[what]) if LOOKS[what] else text  # type: ignore[arg-type]
