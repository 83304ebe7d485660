"""Rows of bridge with VLANs, which want a kernel with 8021q."""

from __future__ import annotations

from tests.equality.case import Case, add, delete
from tests.equality.cases.bridge import OWN_MAC, bridge, two
from tests.equality.cases.parts import DUAL, V4

# With a gateway there are two ports from the start: see OWN_MAC.
FILTERING = f"{OWN_MAC} vlan_filtering 1"

CASES: tuple[Case, ...] = (
    Case(name="bridge-vlan", conf=bridge(vlan=100, ipam=V4), uml=True),
    Case(name="bridge-vlan-default-kept", conf=bridge(vlan=100, preserveDefaultVlan=True, ipam=V4), uml=True),
    Case(
        name="bridge-vlan-l2", conf=bridge(vlan=4094, mtu=1400), steps=(add(), delete(), delete()), uml=True
    ),
    Case(
        name="bridge-trunk-ids",
        conf=bridge(vlanTrunk=[{"id": 20}, {"id": 10}, {"id": 20}], ipam=V4),
        uml=True,
    ),
    Case(name="bridge-trunk-range", conf=bridge(vlanTrunk=[{"minID": 100, "maxID": 105}], ipam=V4), uml=True),
    Case(
        name="bridge-trunk-mixed",
        conf=bridge(
            vlanTrunk=[{"minID": 100, "maxID": 103, "id": 7}, {"id": 102}, {"minID": 5, "maxID": 5}], ipam=V4
        ),
        uml=True,
    ),
    Case(
        name="bridge-trunk-default-kept",
        conf=bridge(vlanTrunk=[{"id": 9}], preserveDefaultVlan=True, ipam=V4),
        uml=True,
    ),
    Case(name="bridge-trunk-empty", conf=bridge(vlanTrunk=[], ipam=V4), uml=True),
    Case(
        name="bridge-vlan-and-trunk",
        conf=bridge(vlan=30, vlanTrunk=[{"id": 31}, {"id": 30}], ipam=V4),
        uml=True,
    ),
    Case(
        name="bridge-vlan-gateway", conf=bridge(vlan=100, isGateway=True, ipam=V4), host=FILTERING, uml=True
    ),
    Case(
        name="bridge-vlan-gateway-dual",
        conf=bridge(vlan=100, isDefaultGateway=True, mtu=1400, ipam=DUAL),
        host=FILTERING,
        uml=True,
    ),
    Case(
        name="bridge-vlan-gateway-default-kept",
        conf=bridge(vlan=100, isGateway=True, preserveDefaultVlan=True, ipam=V4),
        host=FILTERING,
        uml=True,
    ),
    two(
        "bridge-vlan-gateway-two-containers",
        bridge(vlan=100, isGateway=True, ipam=DUAL),
        host=FILTERING,
        uml=True,
    ),
    Case(
        name="bridge-vlan-there-before-unfiltered",
        conf=bridge(vlan=100),
        host=OWN_MAC,
        steps=(add(), delete()),
        uml=True,
    ),
)
