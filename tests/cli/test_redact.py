"""What a recording never tells, and what it tells otherwise when it is to be shown to others."""

from __future__ import annotations

import json
import re
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from multinet.cli.requests import redact

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"


@pytest.mark.parametrize(
    ("given", "told", "places"),
    [
        ({"password": "x", "type": "bridge"}, {"password": "REDACTED", "type": "bridge"}, ["password"]),
        ({"k8s_auth_token": "x"}, {"k8s_auth_token": "REDACTED"}, ["k8s_auth_token"]),
        ({"ipam": [{"clientKey": "x"}]}, {"ipam": [{"clientKey": "REDACTED"}]}, ["ipam[0].clientKey"]),
        ({"config": '{"secret": "x"}'}, {"config": '{"secret": "REDACTED"}'}, ["config.secret"]),
        ({"config": '{"mtu":  9}'}, {"config": '{"mtu":  9}'}, []),
        ({"stderr": f"read {PEM} well"}, {"stderr": "read REDACTED well"}, ["stderr"]),
        ({"stderr": f"token {JWT}"}, {"stderr": "token REDACTED"}, ["stderr"]),
        ({"url": "https://me:mine@host/"}, {"url": "https://REDACTED@host/"}, ["url"]),
        ({"msg": "login password=x, failed"}, {"msg": "login password=REDACTED, failed"}, ["msg"]),
        ({"kubeconfig": "/etc/kubeconfig", "token": ""}, {"kubeconfig": "/etc/kubeconfig", "token": ""}, []),
        (
            {"annotations": {"k8s.v1.cni.cncf.io/networks": "lan", "vault/login": "x"}},
            {"annotations": {"k8s.v1.cni.cncf.io/networks": "lan", "vault/login": "REDACTED"}},
            ["annotations.vault/login"],
        ),
    ],
)
def test_secrets_are_taken_out_and_where_is_told(given: Any, told: Any, places: list[str]) -> None:
    assert redact.without_secrets(given) == (told, places)


RECORDING: dict[str, Any] = {
    "pod": {"namespace": "shop", "name": "web-0", "uid": "u-1", "annotations": {}},
    "env": {"CNI_ARGS": "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_UID=u-1"},
    "definitions": {
        "shop/lan": {
            "config": json.dumps(
                {
                    "type": "bridge",
                    "subnets": ["10.1.0.0/16", "10.0.0.0/8", "fd00:1:2::/64", "0.0.0.0/0"],
                    "gateway": "10.1.2.1",
                    "mask": "255.255.255.0",
                    "loopback": "127.0.0.1",
                    "mac": "02:00:0a:01:02:03",
                    "v6": "fd00:1:2::9",
                }
            )
        },
        "default/bridge": {"config": ""},
    },
    "settings": {"agent": {"nodeName": "node-1.example.org"}},
    "said": "shop/lan[bridge] for shop/web-0 (not web-01) on node-1.example.org, version 1.0.0",
}


def test_names_and_addresses_are_others_and_what_belongs_together_still_does() -> None:
    told = redact.anonymous(RECORDING)
    ((name, definition),) = [one for one in told["definitions"].items() if one[1]["config"]]
    config = json.loads(definition["config"])
    first, second, third, everywhere = (ip_network(one) for one in config["subnets"])

    assert not re.search(r"shop|web-0\b|u-1|node-1|\blan\b", json.dumps(told))
    assert told["said"] == (
        f"{name}[bridge] for {told['pod']['namespace']}/{told['pod']['name']} (not web-01) "
        f"on {told['settings']['agent']['nodeName']}, version 1.0.0"
    )
    assert told["env"]["CNI_ARGS"].startswith(f"K8S_POD_NAMESPACE={told['pod']['namespace']};")
    assert (config["type"], config["mask"], config["loopback"], str(everywhere)) == (
        "bridge",
        "255.255.255.0",
        "127.0.0.1",
        "0.0.0.0/0",
    )
    assert str(first) != "10.1.0.0/16"
    assert ip_address(config["gateway"]) in first
    assert first.subnet_of(second)  # type: ignore[arg-type]
    assert str(third) != "fd00:1:2::/64"
    assert ip_address(config["v6"]) in third
    assert config["mac"] != "02:00:0a:01:02:03"
    assert config["mac"].startswith("02:00:0a:")
    assert "default/bridge" in told["definitions"]
