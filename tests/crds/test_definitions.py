"""The kinds as files: what the API server is told, and that the examples are what it would take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from multinet.npwg import annotations, nad, selection

CRDS = Path(__file__).parents[2] / "crds"
EXAMPLES = sorted((CRDS / "examples").rglob("*.yaml"))
DOCUMENTS = [
    pytest.param(document, id=f"{file.relative_to(CRDS / 'examples')}:{document['metadata']['name']}")
    for file in EXAMPLES
    for document in yaml.safe_load_all(file.read_text())
]


@pytest.fixture
def definition() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((CRDS / "network-attachment-definition.yaml").read_text())
    return document


def test_the_definition_has_the_names_that_everybody_knows_it_by(definition: dict[str, Any]) -> None:
    assert definition["metadata"]["name"] == "network-attachment-definitions.k8s.cni.cncf.io"
    spec = definition["spec"]
    assert (spec["group"], spec["scope"]) == ("k8s.cni.cncf.io", "Namespaced")
    assert spec["names"] == {
        "kind": "NetworkAttachmentDefinition",
        "plural": "network-attachment-definitions",
        "singular": "network-attachment-definition",
        "shortNames": ["nad", "net-attach-def"],
    }
    (version,) = spec["versions"]
    assert (version["name"], version["served"], version["storage"]) == ("v1", True, True)
    assert list(version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]) == ["config"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_an_example_is_what_the_api_server_takes_and_we_read(
    document: dict[str, Any], definition: dict[str, Any]
) -> None:
    metadata = document["metadata"]
    if document["kind"] == "NetworkAttachmentDefinition":
        schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        jsonschema.validate(document, schema)
        json.loads(nad.parse(document).config or "{}")
    else:
        assert (document["apiVersion"], document["kind"]) == ("v1", "Pod")
        assert all("name" in one and "image" in one for one in document["spec"]["containers"])
        if text := metadata.get("annotations", {}).get(annotations.NETWORKS):
            assert selection.parse(text, home=metadata.get("namespace", "default"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: str(file.relative_to(CRDS)))
def test_an_example_begins_with_what_it_shows(example: Path) -> None:
    assert example.read_text().startswith("# ")


def test_every_example_is_in_the_readme() -> None:
    told = (CRDS / "README.md").read_text()
    assert [
        path.name for path in (CRDS / "examples").iterdir() if f"](examples/{path.name})" not in told
    ] == []
