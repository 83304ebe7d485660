"""The topology as an SVG picture.

Pods stand in a row; below them lies the node with its segments as bars, one under another. A wire goes
straight down from each interface to the bar that it stands on, where it ends in a dot; the bars on its way
cover it. Labels stand in a column to the left that no wire crosses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from multinet.view.topology import ROUTING, PodBox, Port, Segment, Topology

MARGIN = 24.0
GAP = 28.0
"""Between neighbouring pods."""
PADDING = 14.0
LINE = 17.0
TITLE = 34.0
"""Height of a box's title."""
DROP = 46.0
"""From the pods down to the node."""
BAR = 8.0
ROW = 30.0
"""Least distance of two bars beyond the lines of their labels."""
CORNER = 8.0

WIDTHS = {"title": 9.6, "name": 8.9, "kind": 7.3}
MONO = 7.3
"""Widths of characters: averages of the wide font that most machines have, and that of 12 px monospaced."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b5548c", "#a87900", "#3a8fc2", "#6b4c9a", "#7a5c2e")
NOWHERE = "#6b7280"

STYLE = """
svg text { font: 12px 'DejaVu Sans Mono', 'Liberation Mono', Menlo, Consolas, monospace; fill: #374151; }
svg .title { font: bold 14px 'DejaVu Sans', 'Liberation Sans', Helvetica, Arial, sans-serif; fill: #111827; }
svg .name { font: bold 13px 'DejaVu Sans', 'Liberation Sans', Helvetica, Arial, sans-serif; fill: #111827; }
svg .kind { font: 12px 'DejaVu Sans', 'Liberation Sans', Helvetica, Arial, sans-serif; fill: #6b7280; }
svg .dim { fill: #6b7280; }
svg .via { font-size: 10px; fill: #6b7280; }
svg .paper { fill: #ffffff; }
svg .pod { fill: #ffffff; stroke: #9ca3af; }
svg .node { fill: #f3f4f6; stroke: #9ca3af; }
svg .lan { fill: #ffffff; stroke: #9ca3af; stroke-dasharray: 5 4; }
svg .port { fill: #ffffff; stroke-width: 1.5; }
svg .wire { fill: none; stroke-width: 2; }
svg .dot { stroke: #ffffff; stroke-width: 2; }
"""
"""Of the picture alone, also where it stands in a page."""
DARK = """
@media (prefers-color-scheme: dark) {
  svg text { fill: #c3cad6; }
  svg .title, svg .name { fill: #e4e8ef; }
  svg .kind, svg .dim, svg .via { fill: #98a3b5; }
  svg .paper { fill: #171c25; }
  svg .pod, svg .lan { fill: #1d2430; stroke: #4a5568; }
  svg .node { fill: #141922; stroke: #4a5568; }
  svg .port { fill: #171c25; }
  svg .dot { stroke: #171c25; }
}
"""
"""For a page whose reader likes it dark. A picture that is a file of its own stays as it is, wherever it is put."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """An interface in its pod's box, at its place."""

    port: Port
    colour: str
    segment: Segment | None
    x: float
    width: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A pod at its place."""

    pod: PodBox
    cards: tuple[Card, ...]
    x: float
    width: float


def draw(shape: Topology) -> str:
    """The whole document."""
    return ET.tostring(_drawn(shape, styles()), encoding="unicode", xml_declaration=True) + "\n"


def inline(shape: Topology) -> str:
    """The same as an element of a page, dark where its reader likes that."""
    return ET.tostring(_drawn(shape, styles(dark=True)), encoding="unicode")


def styles(*, dark: bool = False) -> str:
    """What stands in its style element."""
    return STYLE + DARK if dark else STYLE


def _drawn(shape: Topology, style: str) -> ET.Element:
    colours = {one.name: COLOURS[place % len(COLOURS)] for place, one in enumerate(shape.segments)}
    labels = {one.name: list(label(one)) for one in shape.segments}
    title = f"{shape.what} {shape.node}"
    column = PADDING * 2 + max(
        [_wide(text, name) for lines in labels.values() for name, text in lines] + [_wide(title, "title")]
    )
    boxes = list(place(shape.pods, colours, MARGIN + column + PADDING))
    right = max([box.x + box.width for box in boxes], default=MARGIN + column + 200.0)
    width = right + PADDING + MARGIN

    pods_height = TITLE + max([_lines(card) for box in boxes for card in box.cards], default=0) * LINE
    pods_height += 3 * PADDING
    node_y = MARGIN + pods_height + DROP
    bars: dict[str, float] = {}
    y = node_y + TITLE
    for one in shape.segments:
        bars[one.name] = y + LINE
        y += max(len(labels[one.name]), 1) * LINE + ROW
    node_height = max(y - node_y, TITLE + PADDING)
    height = node_y + node_height + (DROP + TITLE if shape.lan else 0) + MARGIN

    svg = _document(width, height, f"Networks of the pods on {shape.node}", style)
    _rect(svg, "node", MARGIN, node_y, width - 2 * MARGIN, node_height)
    _text(svg, "title", MARGIN + PADDING, node_y + 22, title)
    if shape.lan:
        _lan(svg, shape, MARGIN + column, node_y + node_height + DROP)
        _wire(svg, MARGIN + column, bars[shape.uplink], node_y + node_height + DROP, colours[shape.uplink])
    for box in boxes:
        _rect(svg, "pod", box.x, MARGIN, box.width, pods_height)
    for card in [card for box in boxes for card in box.cards if card.segment]:
        assert card.segment is not None
        _wire(svg, card.middle, MARGIN + pods_height - PADDING, bars[card.segment.name], card.colour)
    for one in shape.segments:
        _bar(svg, MARGIN + column - PADDING, right + PADDING / 2, bars[one.name], colours[one.name])
        for line, (name, text) in enumerate(labels[one.name]):
            _text(svg, name, MARGIN + PADDING, bars[one.name] + 4 + line * LINE, text)
    for box in boxes:
        _pod(svg, box, pods_height, bars)
    ET.indent(svg)
    return svg


def place(pods: Sequence[PodBox], colours: dict[str, str], x: float) -> Iterator[Box]:
    """Boxes from left to right, each as wide as its interfaces need."""
    for pod in pods:
        cards = []
        inner = x + PADDING
        for port, segment in pod.ports:
            width = max(_wide(text, name) for name, text in card_lines(port)) + 2 * 10
            colour = colours[segment.name] if segment else NOWHERE
            cards.append(Card(port=port, colour=colour, segment=segment, x=inner, width=width))
            inner += width + 10
        width = max(inner - 10 - x, _wide(pod.name, "title") + PADDING) + PADDING
        yield Box(pod=pod, cards=tuple(cards), x=x, width=width)
        x += width + GAP


def label(segment: Segment) -> Iterator[tuple[str, str]]:
    """The lines to the left of a bar, each with its class."""
    yield "name", "routed by the node" if segment.kind == ROUTING else segment.name
    if segment.kind != ROUTING:
        yield "kind", segment.kind or "device"
    for address in segment.addresses:
        yield "", address
    for network in segment.networks:
        yield "dim", network
    if segment.uplinks:
        yield "dim", f"port: {', '.join(segment.uplinks)}"


def card_lines(port: Port) -> Iterator[tuple[str, str]]:
    """What is said of an interface, each line with its class."""
    yield "name", port.interface.name
    yield "kind", port.interface.network or "no network of ours"
    for address in port.addresses:
        yield "", address
    yield "dim", port.interface.mac


def _lines(card: Card) -> int:
    return len(list(card_lines(card.port)))


def _wide(text: str, name: str) -> float:
    return len(text) * WIDTHS.get(name, MONO)


def _pod(svg: ET.Element, box: Box, height: float, bars: dict[str, float]) -> None:
    _text(svg, "title", box.x + PADDING, MARGIN + 24, box.pod.name)
    if not box.cards:
        _text(svg, "kind", box.x + PADDING, MARGIN + 24 + LINE, box.pod.phase)
    for card in box.cards:
        top = MARGIN + TITLE + PADDING / 2
        bottom = MARGIN + height - PADDING
        rect = _rect(svg, "port", card.x, top, card.width, bottom - top)
        rect.set("stroke", card.colour)
        for line, (name, text) in enumerate(card_lines(card.port)):
            _text(svg, name, card.x + 10, top + 20 + line * LINE, text)
        if card.segment is None:
            continue
        y = bars[card.segment.name]
        ET.SubElement(
            svg, "circle", {"class": "dot", "cx": number(card.middle), "cy": number(y), "r": "6"}
        ).set("fill", card.colour)
        _text(svg, "via", card.middle + 9, y - 9, card.port.via or card.port.interface.kind)


def _lan(svg: ET.Element, shape: Topology, x: float, y: float) -> None:
    """The LAN below the node, at the end of the uplink's wire."""
    name = f"LAN {shape.lan}"
    _rect(svg, "lan", x - PADDING, y, _wide(name, "title") + 2 * PADDING, TITLE)
    _text(svg, "title", x, y + 22, name)


def _document(width: float, height: float, title: str, style: str) -> ET.Element:
    svg = ET.Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=number(width),
        height=number(height),
        role="img",
    )
    ET.SubElement(svg, "title").text = title
    ET.SubElement(svg, "style").text = style
    ET.SubElement(svg, "rect", {"class": "paper"}, width="100%", height="100%")
    return svg


def _rect(svg: ET.Element, name: str, x: float, y: float, width: float, height: float) -> ET.Element:
    place = {
        "x": number(x),
        "y": number(y),
        "width": number(width),
        "height": number(height),
        "rx": number(CORNER),
    }
    return ET.SubElement(svg, "rect", {"class": name, **place})


def _text(svg: ET.Element, name: str, x: float, y: float, text: str) -> None:
    attributes = {"x": number(x), "y": number(y)} | ({"class": name} if name else {})
    ET.SubElement(svg, "text", attributes).text = text


def _wire(svg: ET.Element, x: float, top: float, bottom: float, colour: str) -> None:
    path = {"class": "wire", "d": f"M {number(x)} {number(top)} V {number(bottom)}", "stroke": colour}
    ET.SubElement(svg, "path", path)


def _bar(svg: ET.Element, left: float, right: float, y: float, colour: str) -> None:
    place = {
        "x": number(left),
        "y": number(y - BAR / 2),
        "width": number(right - left),
        "height": number(BAR),
    }
    ET.SubElement(svg, "rect", {**place, "rx": number(BAR / 2), "fill": colour})


def number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
