"""Our NetworkAttachmentDefinition over the one that others install, with definitions that are there already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import yaml

from multinet.deadline import Deadline
from multinet.kube.client import Access, Api
from tests.deploy.applying import apply
from tests.support import kubeobjects
from tests.support.controlplane import ADMIN, APPLY_PATCH, MERGE_PATCH, ControlPlane, Refused
from tests.support.wait import until

pytestmark = pytest.mark.cluster

NAME = "network-attachment-definitions.k8s.cni.cncf.io"
KIND = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{NAME}"

THEIRS: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": NAME},
    "spec": {
        "group": "k8s.cni.cncf.io",
        "scope": "Namespaced",
        "names": {
            "plural": "network-attachment-definitions",
            "singular": "network-attachment-definition",
            "kind": "NetworkAttachmentDefinition",
            "shortNames": ["net-attach-def"],
        },
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "apiVersion": {"type": "string"},
                            "kind": {"type": "string"},
                            "metadata": {"type": "object"},
                            "spec": {"type": "object", "properties": {"config": {"type": "string"}}},
                        },
                    }
                },
            }
        ],
    },
}
"""As Multus's manifest has it, in fewer words."""
OURS = yaml.safe_load(kubeobjects.CRD.read_text())

TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"

GOOD = '{"cniVersion": "1.1.0", "type": "bridge"}'
NOT_JSON = "type: bridge"
NO_PLUGIN = '{"cniVersion": "1.1.0"}'


def path(namespace: str, name: str = "") -> str:
    return f"{kubeobjects.NADS.format(namespace=namespace)}/{name}".rstrip("/")


def make(plane: ControlPlane, namespace: str, name: str, config: str | None) -> None:
    body = {
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": {"name": name, "annotations": {"k8s.v1.cni.cncf.io/resourceName": f"vendor.com/{name}"}},
        "spec": {} if config is None else {"config": config},
    }
    plane.ask("POST", path(namespace), body)


def refused(plane: ControlPlane, namespace: str, config: str) -> str:
    try:
        plane.ask(
            "POST",
            f"{path(namespace)}?dryRun=All",
            {
                "apiVersion": "k8s.cni.cncf.io/v1",
                "kind": "NetworkAttachmentDefinition",
                "metadata": {"name": "trial"},
                "spec": {"config": config},
            },
        )
    except Refused as error:
        return str(error)
    return ""


OLD = {"good": GOOD, "not-json": NOT_JSON, "no-plugin": NO_PLUGIN, "empty": None, "to-mend": NOT_JSON}


@pytest.fixture(scope="module")
def namespace(plane: ControlPlane) -> Iterator[str]:
    """With definitions that were made under the others' kind, and ours applied over it since."""
    made = kubeobjects.namespace(plane)
    try:
        until(lambda: replaced(plane, THEIRS), seconds=30, what="the others' kind to be taken")
        until(lambda: not refused(plane, made, NOT_JSON), seconds=30, what="the others' kind to be served")
        for name, config in OLD.items():
            make(plane, made, name, config)
    finally:
        plane.ask("PATCH", f"{KIND}?fieldManager=kubectl&force=true", OURS, content_type=APPLY_PATCH)
    until(lambda: refused(plane, made, NOT_JSON), seconds=30, what="our kind to be served")
    yield made
    plane.ask("DELETE", path(made))


def replaced(plane: ControlPlane, kind: dict[str, Any]) -> bool:
    """False where the server's own controllers have just written its status."""
    version = plane.ask("GET", KIND)["metadata"]["resourceVersion"]
    try:
        plane.ask("PUT", KIND, {**kind, "metadata": {"name": NAME, "resourceVersion": version}})
    except Refused as error:
        if error.status != 409:
            raise
        return False
    return True


def test_what_is_there_stays_as_it_is_and_can_be_changed_and_deleted(plane: ControlPlane, namespace: str):
    items = plane.ask("GET", path(namespace))["items"]
    assert {one["metadata"]["name"]: one["spec"].get("config") for one in items} == OLD
    for name in ("not-json", "no-plugin", "empty"):
        label = {"metadata": {"labels": {"seen": "yes"}}}
        changed = plane.ask("PATCH", path(namespace, name), label, content_type=MERGE_PATCH)
        assert changed["metadata"]["labels"] == {"seen": "yes"}
        plane.ask("DELETE", path(namespace, name))


def test_a_config_that_changes_must_be_right_from_then_on(plane: ControlPlane, namespace: str):
    body = {"spec": {"config": "type: macvlan"}}
    with pytest.raises(Refused, match="must be a JSON object"):
        plane.ask("PATCH", path(namespace, "to-mend"), body, content_type=MERGE_PATCH)
    plane.ask("PATCH", path(namespace, "to-mend"), {"spec": {"config": GOOD}}, content_type=MERGE_PATCH)


@pytest.mark.parametrize(
    "config",
    [
        *(GOOD, "", f"\n  {GOOD}\n", '{"name": "n", "plugins": [{"Type": "bridge"}]}'),
        '{"cniVersion":"0.3.1","type":"macvlan","master":"eth0","ipam":{"type":"dhcp"}}',
    ],
)
def test_what_others_take_is_taken(plane: ControlPlane, namespace: str, config: str):
    assert refused(plane, namespace, config) == ""


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (NOT_JSON, 'must be a JSON object: {\\"cniVersion\\": ..., \\"type\\": ...}, or a list of them in'),
        (f"[{GOOD}]", "must be a JSON object"),
        (GOOD[:-1], "must be a JSON object"),
        (NO_PLUGIN, 'names no plugin: \\"type\\" is missing'),
    ],
)
def test_the_mistakes_that_are_made_most_are_refused(
    plane: ControlPlane, namespace: str, config: str, words: str
):
    assert words in refused(plane, namespace, config)


def test_others_may_apply_theirs_over_ours(plane: ControlPlane, namespace: str):
    apply(plane, THEIRS, dry_run=True)


def test_a_listing_has_the_resource_and_the_age_and_both_short_names(plane: ControlPlane, namespace: str):
    columns = OURS["spec"]["versions"][0]["additionalPrinterColumns"]
    assert [(one["name"], one.get("priority", 0)) for one in columns] == [
        ("Resource", 0),
        ("Config", 1),
        ("Age", 0),
    ]
    with closing(Api(Access(server=plane.server, ca=plane.ca_file, token=plane.token(ADMIN)))) as api:
        table = api.get(path(namespace), deadline=Deadline(20), accept=TABLE)
    assert [one["name"] for one in table["columnDefinitions"]] == ["Name", "Resource", "Config", "Age"]
    rows = {row["cells"][0]: row["cells"][1:3] for row in table["rows"]}
    assert rows["good"] == ["vendor.com/good", GOOD]
    (found,) = (
        one
        for one in plane.ask("GET", "/apis/k8s.cni.cncf.io/v1")["resources"]
        if one["kind"] == "NetworkAttachmentDefinition"
    )
    assert found["shortNames"] == ["nad", "net-attach-def"]


def test_whoever_applies_it_changes_nothing_that_is_stored(plane: ControlPlane, namespace: str):
    kind = plane.ask("GET", KIND)
    assert kind["status"]["storedVersions"] == ["v1"]
    assert kind["spec"]["names"]["plural"] == THEIRS["spec"]["names"]["plural"]
