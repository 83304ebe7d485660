"""Every row of the tables is refused in exactly these words, with exactly this code, and nothing is changed by it.

A table is a YAML file in this folder: what goes in (``front_doors`` says how), then ``code``, ``message`` and
``details`` of the error that comes out. What a row does not say is in order, and is the same for all of them.
``needs: uml`` in a row names the marker of the kernel that it needs. Those in ``plugins`` are about the
configuration of one of our plugins, called by itself as a CNI executable is, each in a file of its type's name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from multinet.delegate.registry import installed
from tests.bad_input.front_doors import Place, Seen, play
from tests.support import netns as namespaces

FOLDER = Path(__file__).parent

HARMLESS_FILES = ("state/locks/", "addresses/net/lock", "addresses/net/last_reserved_ip.")
"""Locks, which stay; and where host-local's round robin is, which is no reservation."""

HARMLESS_STEPS = ("make the folder ", "create $FOLDER/state/locks/")
"""What may be done before it is known that a request can't be served."""

INNARDS = (
    "internal error",
    "Traceback",
    "<class",
    " object at 0x",
    "None",
    "NoneType",
    "Error(",
    "<byte string>",
)
"""Words of Python's, which say nothing to an operator."""


FOUND_BEFORE_ANY_STEP = ("annotations", "definitions", "settings")
"""What a pod and the settings say is read whole before anything is begun; there is nothing to undo then."""


TABLES: Mapping[str, list[dict[str, Any]]] = {
    str(file.relative_to(FOLDER).with_suffix("")): yaml.safe_load(file.read_text())
    for file in sorted(FOLDER.rglob("*.yaml"))
}


def rows() -> list[Any]:
    return [
        pytest.param(
            table,
            row,
            id=f"{table}: {row['name']}",
            marks=[getattr(pytest.mark, row["needs"])] if "needs" in row else [],
        )
        for table, table_rows in TABLES.items()
        for row in table_rows
    ]


@pytest.fixture(scope="module")
def ground() -> Iterator[Place]:
    """The namespaces that all rows share: none of them may change anything there."""
    host, pod = namespaces.make("mn-bad-host"), namespaces.make("mn-bad-pod")
    try:
        host.ip("link", "set", "lo", "up")
        host.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
        yield Place(host=host, pod=pod, folder=Path("/nonexistent"))
    finally:
        namespaces.remove(host)
        namespaces.remove(pod)


@pytest.fixture
def place(ground: Place, tmp_path: Path) -> Place:
    return Place(host=ground.host, pod=ground.pod, folder=tmp_path)


def changed(seen: Seen) -> list[str]:
    """What a refused request may not have done."""
    files = [name for name in seen.files if not name.startswith(HARMLESS_FILES)]
    return seen.links + files


def begun(seen: Seen, place: Place) -> list[str]:
    return [step for step in map(place.untold, seen.steps) if not step.startswith(HARMLESS_STEPS)]


@pytest.mark.kernel
@pytest.mark.parametrize(("table", "row"), rows())
def test_a_mistake_is_told_in_these_words_and_changes_nothing(
    table: str, row: Mapping[str, Any], place: Place
) -> None:
    seen = play(row, place)

    said = json.loads(seen.stdout)
    expected = {"code": row["code"], "msg": row["message"]}
    if "details" in row:
        expected["details"] = row["details"]
    assert {
        key: place.untold(text) if isinstance(text, str) else text for key, text in said.items()
    } == expected
    assert seen.exit_code == 1
    assert changed(seen) == []
    if table in FOUND_BEFORE_ANY_STEP:
        assert begun(seen, place) == []
    assert not [word for word in INNARDS if word in said["msg"]]


@pytest.mark.kernel
def test_these_checks_would_see_a_change(place: Place) -> None:
    """The same eyes on a request without a mistake."""
    seen = play({"name": "no mistake", "networks": "net-a"}, place)
    try:
        assert seen.exit_code == 0
        assert f"{place.host.name}: br-a" in changed(seen)
        assert f"{place.pod.name}: net1" in changed(seen)
        assert "state/sandboxes/c0ffee@eth0.json" in changed(seen)
        assert "cluster/default.cart.status.json" in changed(seen)
        assert begun(seen, place)
    finally:
        place.host.ip("link", "delete", "br-a")
        place.pod.run("ip", "link", "delete", "net1", check=False)
        place.pod.ip("link", "set", "lo", "down")


def test_no_installed_delegate_is_left_out() -> None:
    asked = {row.get("type") for table_rows in TABLES.values() for row in table_rows}
    left_out = sorted(set(installed()) - asked)

    assert not left_out, (
        f"nobody has tried wrong configurations of: {', '.join(left_out)}; each wants rows in "
        "tests/bad_input/plugins/<type>.yaml"
    )


def test_no_two_rows_have_one_name() -> None:
    names = [row.id for row in rows()]

    assert len(names) == len(set(names))
    assert len(names) >= 80
