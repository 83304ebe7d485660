"""Definitions as they are kept: small, and each with its own mistakes. The server is a script here."""

from __future__ import annotations

import gc
import json
import tracemalloc
from typing import Any

import pytest

from multinet.errors import InvalidConfig
from multinet.kube.nads import LONGEST_KEPT, NadCache
from multinet.npwg.nad import NetworkAttachmentDefinition
from tests.kube.script import Script


def listed(*pages: list[dict[str, Any]]) -> NadCache:
    return kept(*map(json.dumps, pages))


def kept(*pages: str) -> NadCache:
    cache = NadCache(Script(*pages).api)
    cache.reflector.start()
    try:
        assert cache.reflector.wait_in_sync(20)
    finally:
        cache.reflector.stop()
    return cache


def weighed(*pages: str) -> tuple[NadCache, int]:
    """With the bytes that it takes."""
    tracemalloc.start()
    try:
        cache = kept(*pages)
        gc.collect()
        return cache, tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def definition(name: str, *, namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    """As the API server sends it."""
    return {
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"0f{name}",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(spec)},
            "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {"f:config": {}}}}],
        },
        "spec": spec,
    }


def bridge(number: int) -> str:
    """A configuration of 300 bytes, as people write them."""
    return json.dumps(
        {
            "cniVersion": "1.1.0",
            "type": "bridge",
            "bridge": f"br{number}",
            "vlan": number % 4094 + 1,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": f"10.{number // 256}.{number % 256}.0/24"}]],
                "routes": [{"dst": "192.168.0.0/16"}],
            },
        },
        indent=2,
    )


def test_a_definition_is_what_it_was():
    shared = definition("shared", namespace="kube-system")
    shared["metadata"]["annotations"]["k8s.v1.cni.cncf.io/resourceName"] = "example.org/vf"
    cache = listed([definition("net-a", config=' {"type": "bridge"}\n'), shared])

    assert cache.get("shop", "net-a") == NetworkAttachmentDefinition(
        namespace="shop", name="net-a", config='{"type": "bridge"}'
    )
    assert cache.get("kube-system", "shared") == NetworkAttachmentDefinition(
        namespace="kube-system", name="shared", resource_name="example.org/vf"
    )
    assert cache.get("shop", "shared") is None


def test_one_that_can_not_be_read_stands_in_no_others_way():
    cache = listed(
        [definition("net-a", config={"type": "bridge"}), definition("net-b", confg="{}")],
        [definition("net-c", config='{"type": "bridge"}')],
    )

    assert cache.get("shop", "net-c") is not None
    for _ in range(2):
        with pytest.raises(InvalidConfig) as refusal:
            cache.get("shop", "net-a")
        assert str(refusal.value) == (
            "shop/net-a.spec.config: expected a string that holds JSON, got an object "
            "(in YAML, write it after 'config: |')"
        )
    with pytest.raises(InvalidConfig, match=r'\.spec\.confg: unknown key \(did you mean "config"\?\)'):
        cache.get("shop", "net-b")


LARGE = json.dumps({"type": "bridge", "description": "x" * LONGEST_KEPT})


def test_what_is_far_larger_than_people_write_them_is_only_known_to_be_there():
    most = json.dumps({"type": "x"}).ljust(LONGEST_KEPT - 1, " ") + "!"  # the spaces at an end don't count
    cache = listed(
        [
            definition("large", config=LARGE),
            definition("wrong", config={"type": "x" * LONGEST_KEPT}),
            definition("most", config=most),
            definition("more", config=most.replace("x", "xy")),
        ]
    )

    known = {name: cache.too_large("shop", name) for name in ("large", "wrong", "most", "more", "other")}
    assert known == {"large": True, "wrong": True, "most": False, "more": True, "other": False}
    assert cache.get("shop", "large") is None
    assert cache.get("shop", "wrong") is None
    found = cache.get("shop", "most")
    assert found is not None
    assert found.config == most


def test_a_thousand_large_ones_take_no_memory():
    pages = [
        json.dumps([definition(f"net-{number}", config=LARGE) for number in range(first, first + 25)])
        for first in range(0, 1000, 25)
    ]
    cache, held = weighed(*pages)
    assert len(cache.reflector) == 1000
    assert held < 1_000_000


def test_ten_thousand_take_less_than_eight_megabytes():
    pages = [
        json.dumps(
            [definition(f"net-{number}", config=bridge(number)) for number in range(first, first + 250)]
        )
        for first in range(0, 10_000, 250)
    ]
    cache, held = weighed(*pages)
    assert len(cache.reflector) == 10_000
    assert held < 8_000_000
