"""The picture: what stands on what, as text and as SVG, without a kernel."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from multinet.cli.sandbox import text, tree
from multinet.cli.sandbox.drawing import shape_of
from multinet.cli.sandbox.ledger import Node, Pod
from multinet.cli.sandbox.view import NodeView, PodView
from multinet.view import svg
from multinet.view.kernel import InterfaceView, LinkView
from multinet.view.topology import PodSeen, Topology, topology

SVG = "{http://www.w3.org/2000/svg}"


def link(name: str, **said: Any) -> LinkView:
    plain: dict[str, Any] = {"kind": "", "mac": "", "mtu": 1500, "up": True, "addresses": (), "master": ""}
    return LinkView(name=name, **{**plain, **said})


def interface(name: str, **said: Any) -> InterfaceView:
    plain: dict[str, Any] = {
        "kind": "veth",
        "mac": "02:00:00:00:00:01",
        "mtu": 1500,
        "up": True,
        "addresses": (),
        "host": "",
        "bridge": "",
        "network": "",
        "plugins": (),
        "default": False,
    }
    return InterfaceView(name=name, **{**plain, **said})


def pod(name: str, *interfaces: InterfaceView, phase: str = "up") -> PodView:
    known = Pod(node="n", namespace="default", name=name, uid="u", container_id="c")
    return PodView(pod=known, phase=phase, interfaces=interfaces, routes=(), published=())


@pytest.fixture
def shape() -> Topology:
    """One of each: a bridge with an uplink of its own, a macvlan, a wire to the node, an idle bridge, a device."""
    links = (
        link("lo"),
        link("eth0", kind="veth", addresses=("192.0.2.2/24", "fe80::1/64")),
        link("br0", kind="bridge", addresses=("10.0.0.1/24",)),
        link("trunk", master="br0"),
        link("idle", kind="bridge"),
        link("veth1", kind="veth", master="br0"),
        link("veth2", kind="veth"),
    )
    a = pod(
        "a",
        interface("lo", kind=""),
        interface(
            "eth0", host="veth1", bridge="br0", network="pods", addresses=("10.0.0.2/24", "fe80::2/64")
        ),
        interface("wire", host="veth2", network="default/wire", addresses=("10.1.0.2/32",)),
    )
    b = pod(
        "b",
        interface("net1", kind="macvlan", host="eth0", network="default/lan", addresses=("192.0.2.9/24",)),
        interface("tun0", kind="tun"),
    )
    view = NodeView(node=Node(name="n", here=False), links=links, pods=(a, b, pod("c", phase="gone")))
    return shape_of(view, uplink="eth0")


def test_the_text_is_a_tree_of_what_stands_on_what(shape: Topology) -> None:
    assert [line.rstrip() for line in tree.draw(shape).splitlines()] == [
        "node n",
        "├── br0  bridge  10.0.0.1/24  (pods)",
        "│   ├── trunk",
        "│   └── default/a eth0  10.0.0.2/24  02:00:00:00:00:01  via veth1",
        "├── idle  bridge",
        "├── the node's own routing  (default/wire)",
        "│   └── default/a wire  10.1.0.2/32  02:00:00:00:00:01  via veth2",
        "├── eth0  uplink  192.0.2.2/24  to n.lan  (default/lan)",
        "│   └── default/b net1  192.0.2.9/24  02:00:00:00:00:01",
        "├── on no link of the node",
        "│   └── default/b tun0  02:00:00:00:00:01",
        "└── default/c  gone, no interfaces",
    ]


def test_what_looks_like_markup_or_a_picture_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    odd = interface("[red]x", mac="02:00:ab:00:00:01", network=":ok:")
    view = NodeView(node=Node(name="n", here=True), links=(), pods=(pod("a", odd),))
    text.show(text.pods_table([view]))
    _, row = capsys.readouterr().out.splitlines()
    assert row.split() == ["n", "default/a", "up", "[red]x", ":ok:", "02:00:ab:00:00:01"]


def test_the_svg_says_all_that_the_text_says(shape: Topology) -> None:
    said = {element.text for element in ET.fromstring(svg.draw(shape)).iter(f"{SVG}text")}
    assert said == {
        *(
            "default/a",
            "eth0",
            "pods",
            "10.0.0.2/24",
            "02:00:00:00:00:01",
            "wire",
            "default/wire",
            "10.1.0.2/32",
        ),
        *("default/b", "net1", "default/lan", "192.0.2.9/24", "tun0", "no network of ours"),
        *("default/c", "gone"),
        *("node n", "br0", "bridge", "10.0.0.1/24", "port: trunk", "idle", "routed by the node"),
        *("uplink", "192.0.2.2/24", "LAN n.lan", "veth1", "veth2", "macvlan"),
    }


def test_each_wire_leads_from_its_interface_to_the_bar_that_it_stands_on(shape: Topology) -> None:
    drawing = ET.fromstring(svg.draw(shape))
    cards = [rect for rect in drawing.iter(f"{SVG}rect") if rect.get("class") == "port"]
    dots = {(dot.get("cx"), dot.get("cy"), dot.get("fill")) for dot in drawing.iter(f"{SVG}circle")}
    bars = {
        (float(rect.get("y", 0)) + svg.BAR / 2, rect.get("fill"))
        for rect in drawing.iter(f"{SVG}rect")
        if rect.get("height") == "8"
    }
    assert (len(cards), len(dots), len(bars)) == (4, 3, 4)
    assert {(float(y or 0), colour) for _, y, colour in dots} < bars
    standing = [card for card in cards if card.get("stroke") != svg.NOWHERE]
    middles = {svg.number(float(card.get("x", 0)) + float(card.get("width", 0)) / 2) for card in standing}
    assert middles == {x for x, _, _ in dots}


def test_nothing_overlaps_and_nothing_is_outside(shape: Topology) -> None:
    drawing = ET.fromstring(svg.draw(shape))
    _, _, width, height = map(float, drawing.get("viewBox", "").split())
    boxes = [
        tuple(float(rect.get(key, 0)) for key in ("x", "y", "width", "height"))
        for rect in drawing.iter(f"{SVG}rect")
        if rect.get("class") in ("pod", "node", "lan")
    ]
    for x, y, wide, high in boxes:
        assert x >= 0
        assert y >= 0
        assert x + wide <= width
        assert y + high <= height
    for index, (x, y, wide, high) in enumerate(boxes):
        for other_x, other_y, other_wide, other_high in boxes[index + 1 :]:
            apart_x = x + wide <= other_x or other_x + other_wide <= x
            assert apart_x or y + high <= other_y or other_y + other_high <= y


def test_a_node_without_pods_is_drawn_too() -> None:
    view = NodeView(node=Node(name="n", here=True), links=(link("lo"), link("eth0")), pods=())
    shape = shape_of(view, uplink="eth0")
    assert tree.draw(shape) == "node n\n"
    assert [one.text for one in ET.fromstring(svg.draw(shape)).iter(f"{SVG}text")] == ["node n"]


def test_two_sandboxes_of_one_pod_have_each_their_own_interfaces() -> None:
    """One that ends while its successor starts."""
    old = PodSeen(name="shop/web-0", phase="gone", interfaces=())
    new = PodSeen(name="shop/web-0", phase="up", interfaces=(interface("eth0", host="v", bridge="br0"),))
    links = (link("br0", kind="bridge"), link("v", kind="veth", master="br0"))
    shape = topology("n", links, [old, new])

    assert [[port.interface.name for port, _ in one.ports] for one in shape.pods] == [[], ["eth0"]]
    assert tree.draw(shape).splitlines() == [
        "node n",
        "├── br0  bridge",
        "│   └── shop/web-0 eth0  02:00:00:00:00:01  via v",
        "└── shop/web-0  gone, no interfaces",
    ]


def test_in_a_page_the_picture_goes_with_the_readers_taste_and_as_a_file_it_stays_as_it_is(
    shape: Topology,
) -> None:
    inside, alone = ET.fromstring(svg.inline(shape)), ET.fromstring(svg.draw(shape))
    styles = [one.find(f"{SVG}style") for one in (inside, alone)]

    assert [one is not None and "prefers-color-scheme" in (one.text or "") for one in styles] == [True, False]
    assert [one is not None and one.text for one in styles] == [svg.styles(dark=True), svg.styles()]
    assert all(line.startswith("svg ") for line in svg.STYLE.split("\n") if line)
