"""Pods and definitions from files: read, named, laid down."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from multinet.cli.sandbox import manifests
from multinet.cli.sandbox.manifests import Manifest
from multinet.errors import DecodingFailure, InvalidConfig, MultinetError

Write = Callable[[str, str], Path]

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web-0, annotations: {note: "yes"}}
spec:
  containers:
  - ports: [{containerPort: 80, hostPort: 8080}, {containerPort: 443}]
"""


def test_a_folder_gives_its_files_in_their_order_and_other_kinds_are_passed_over(write: Write) -> None:
    write("b.yaml", POD)
    folder = write(
        "a.yaml", "kind: Service\nmetadata: {name: s}\n---\nkind: Pod\nmetadata: {name: first}"
    ).parent
    write("notes.txt", "not YAML: [")
    assert [one.name for one in manifests.read([folder])] == ["first", "web-0"]


def test_a_pod_is_read_as_a_runtime_needs_it(write: Write) -> None:
    assert manifests.pods(manifests.read([write("pod.yaml", POD)])) == [
        Manifest(
            namespace="default",
            name="web-0",
            annotations={"note": "yes"},
            port_mappings=({"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": ""},),
        )
    ]


def test_objects_are_laid_down_a_file_each_and_a_later_one_takes_the_place(
    write: Write, tmp_path: Path
) -> None:
    """As an API server would keep them. YAML's own dates become text."""
    manifests.store(manifests.read([write("pod.yaml", POD)]), tmp_path)
    again = "kind: Pod\nmetadata: {name: web-0, creationTimestamp: 2024-01-02T03:04:05Z}"
    manifests.store(manifests.read([write("other.yaml", again)]), tmp_path)
    document = json.loads((tmp_path / "default.web-0.pod.json").read_bytes())
    assert document["metadata"]["creationTimestamp"] == "2024-01-02 03:04:05+00:00"


def test_two_objects_of_one_name_are_refused(write: Write) -> None:
    folder = write("a.yaml", POD).parent
    write("b.yaml", POD)
    with pytest.raises(InvalidConfig) as refused:
        manifests.read([folder])
    assert str(refused.value) == f"{folder}/b.yaml: Pod default/web-0 is also in {folder}/a.yaml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "kind: Pod\nmetadata: {name: ../etc}",
            "a Pod named default/../etc: "
            "expected a name without '/': the namespace has a key of its own, \"namespace\"",
        ),
        ("kind: Pod", "a Pod named default/: expected a name: lower-case letters, digits, '-' and '.'"),
        (
            "kind: Pod\nmetadata: {name: a, namespace: A}",
            "a Pod named A/a: expected a namespace: lower-case letters, digits and '-'",
        ),
        (
            "kind: Pod\nmetadata: {name: a}\nspec: text",
            "default/a is not a Pod: 'str' object has no attribute 'get'",
        ),
    ],
)
def test_what_can_be_no_object_is_refused_with_its_file(write: Write, text: str, message: str) -> None:
    file = write("pod.yaml", text)
    with pytest.raises(MultinetError) as refused:
        manifests.pods(manifests.read([file]))
    assert str(refused.value) == f"{file}: {message}"


def test_what_is_not_yaml_is_told_with_its_line(write: Write) -> None:
    with pytest.raises(DecodingFailure, match=r"line 1, column 8"):
        manifests.read([write("pod.yaml", "kind: [}")])
