"""The picture of a node, in the form that was asked for."""

from __future__ import annotations

import json
from pathlib import Path

from multinet import files
from multinet.cli.output import colours
from multinet.cli.sandbox import tree, view
from multinet.cli.sandbox.ledger import Ledger, Node
from multinet.cli.sandbox.node import UPLINK
from multinet.cli.sandbox.view import NodeView
from multinet.view import svg
from multinet.view.topology import PodSeen, Topology, topology

MODE = 0o644


def draw(node: Node, ledger: Ledger, output: str) -> str:
    """``output`` is text, svg or json. Ends with a line's end."""
    seen = view.look(node, ledger)
    if output == "json":
        return json.dumps(view.node_to_json(seen), indent=2, ensure_ascii=False) + "\n"
    shape = shape_of(seen, uplink=UPLINK)
    if output == "svg":
        return svg.draw(shape)
    return tree.draw(shape, coloured=colours())


def shape_of(seen: NodeView, *, uplink: str) -> Topology:
    """``uplink``: the name of the link that leads out of a node of ours."""
    ours = not seen.node.here
    return topology(
        seen.node.name,
        seen.links,
        [PodSeen(name=str(one.pod), phase=one.phase, interfaces=one.interfaces) for one in seen.pods],
        uplink=uplink if ours else "",
        lan=seen.node.lan if ours else "",
    )


def write(file: Path, drawn: str) -> None:
    files.write_atomic(file, drawn.encode(), mode=MODE)
