"""A recording as ``multinet record`` writes one, made by hand: an ADD of two networks that went well."""

from __future__ import annotations

import json
from typing import Any

from multinet.daemon.recording.document import FORMAT

NETNS = "/var/run/netns/cni-1"


def link(name: str, kind: str = "", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "mac": "02:00:00:00:00:01",
        "mtu": 1500,
        "up": True,
        "master": "",
        "parent": "",
        "addresses": [],
        "info": {},
        **more,
    }


def recording(**changes: Any) -> dict[str, Any]:
    """A bridge with addresses of host-local, of which some are taken; and a macvlan on a VLAN of the node's card."""
    ipam = {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/24"}]]}
    bridge = {"type": "bridge", "bridge": "br0", "isGateway": True, "ipam": ipam}
    static = {"type": "static", "addresses": [{"address": "10.9.0.2/24"}]}
    lan = {"cniVersion": "1.0.0", "type": "macvlan", "master": "eth1.100", "ipam": static}
    vlan = link("eth1.100", "vlan", parent="eth1", mtu=1400, info={"id": 100})
    return {
        "format": FORMAT,
        "multinet": "0.1.0",
        "kernel": "6.1.0",
        "request": "3f2a91c0",
        "env": {
            "CNI_COMMAND": "ADD",
            "CNI_CONTAINERID": "c1",
            "CNI_NETNS": NETNS,
            "CNI_IFNAME": "eth0",
            "CNI_PATH": "/opt/cni/bin",
            "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_UID=u1",
        },
        "stdin": {"cniVersion": "1.0.0", "name": "multinet", "type": "multinet"},
        "netnsErrno": 0,
        "settings": {"agent": {"requestSeconds": 30.0}},
        "ready": True,
        "pod": {
            "namespace": "shop",
            "name": "web-0",
            "uid": "u1",
            "annotations": {"k8s.v1.cni.cncf.io/networks": "lan"},
        },
        "definitions": {"shop/lan": {"config": json.dumps(lan), "resourceName": ""}},
        "devices": None,
        "primary": {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge]},
        "files": {},
        "named": {},
        "programs": [],
        "published": None,
        "node": {
            "links": [vlan, link("eth1"), link("br0", "bridge", addresses=["10.244.0.1/24"])],
            "podLinks": [],
            "reservations": [
                {
                    "network": "pods",
                    "dataDir": "/var/lib/cni/networks",
                    "taken": ["10.244.0.2", "10.244.0.4"],
                    "last": {"last_reserved_ip.0": "10.244.0.5"},
                    "more": 0,
                }
            ],
        },
        "record": None,
        "answer": {
            "status": 0,
            "stdout": {
                "cniVersion": "1.0.0",
                "interfaces": [
                    {"name": "br0", "mac": "02:00:00:00:00:01"},
                    {"name": "veth01234567", "mac": "02:00:00:00:00:08"},
                    {"name": "eth0", "mac": "02:00:00:00:00:09", "sandbox": NETNS},
                ],
                "ips": [{"address": "10.244.0.5/24", "gateway": "10.244.0.1", "interface": 2}],
            },
        },
        **changes,
    }
