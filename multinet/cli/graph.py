"""``multinet graph``: the picture of networks, pods, interfaces and addresses."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from multinet.cli import complete, sources
from multinet.cli import output as outputs
from multinet.cli.node.settings import node_name, of_node
from multinet.cli.sources import Choice

if TYPE_CHECKING:
    from multinet.view.topology import Topology

ENDINGS: Final = {".svg": "svg", ".html": "html", ".json": "json"}
PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<style>body {{ margin: 0; font-family: sans-serif }} svg {{ max-width: 100% }}</style></head>
<body>
{picture}</body>
</html>
"""


@click.command(
    epilog=outputs.examples(
        "multinet graph                               this node, as text",
        "multinet graph shop/web-0 shop/web-1         two pods of it",
        "multinet graph --kubeconfig ~/.kube/config -n shop --file shop.svg",
        "multinet graph --folder crds/examples/demo --file demo.html",
    )
)
@click.argument("pods", nargs=-1, metavar="[POD]...", shell_complete=complete.pods)
@sources.options_of_lists
@click.option("--on", "node", default="", metavar="NODE", help="Only the pods of this node.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "svg", "html", "json"]),
    help="What to write; else what the name of the file ends in, or text.",
)
@click.option(
    "--file", type=click.Path(path_type=Path, dir_okay=False), help="Write it there; else to stdout."
)
def graph(
    pods: tuple[str, ...],
    source: Choice,
    node: str,
    output: str | None,
    file: Path | None,
) -> None:
    """Draw how pods and networks hang together: all of them, those of a namespace or node, or single PODs.

    On a node (see `multinet ls`) by what the kernel has: bridges, masters, and the wires of the pods that are on
    record. Of a cluster by network-status: networks, and the interfaces on each.
    """
    kind = output or (ENDINGS.get(file.suffix, "text") if file else "text")
    shape, document = _look(source, pods, node)
    drawn = _drawn(kind, shape, document, to_terminal=file is None)
    if file is None:
        click.echo(drawn, nl=False)
    else:
        from multinet.cli.sandbox.drawing import write

        write(file, drawn)


def _look(source: Choice, names: tuple[str, ...], node: str) -> tuple[Topology, Any]:
    from multinet.cli import attached, shapes
    from multinet.view import picture
    from multinet.view.attached import to_json

    settings = None if node else of_node(source)
    if settings is not None:
        from multinet.view.journal import Journal

        journal = Journal.read(settings.state_dir)
        records = [record for name in names for record in journal.of(name)] if names else journal.records
        chosen = [
            one
            for one in records
            if not source.listed or (one.plan.pod and one.plan.pod.namespace == source.listed)
        ]
        return picture.of_node(node_name(settings), chosen)
    with source.open() as cluster:
        found = attached.of_cluster(cluster, namespace=source.listed, node=node)
        chosen_pods = [one for one in found if not names or names_one(names, str(one), one.name)]
        _refuse_unknown(names, [(str(one), one.name) for one in found], cluster.told)
    shape = shapes.of_cluster(cluster.told.rpartition(" ")[2], chosen_pods)
    return shape, [to_json(one) for one in chosen_pods]


def names_one(names: tuple[str, ...], *forms: str) -> bool:
    return any(form in names for form in forms)


def _refuse_unknown(names: tuple[str, ...], known: list[tuple[str, str]], where: str) -> None:
    from multinet.errors import InvalidConfig, nearest

    forms = {form for both in known for form in both}
    for name in names:
        if name not in forms:
            close = nearest(name, sorted(forms))
            raise InvalidConfig(
                f"there is no pod {name} with networks of its own in {where}",
                hint=f"did you mean {close}?" if close else "`multinet ls` lists those that there are",
            )


def _drawn(kind: str, shape: Topology, document: Any, *, to_terminal: bool) -> str:
    if kind == "json":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if kind == "text":
        from multinet.cli.sandbox import tree

        return tree.draw(shape, coloured=to_terminal and outputs.colours())
    from multinet.view import svg

    picture = svg.draw(shape)
    if kind == "svg":
        return picture
    title = html.escape(f"Networks of the pods on {shape.node}")
    return PAGE.format(title=title, picture=picture.partition("?>\n")[2])
