"""The annotations that pods and definitions carry (multi-net-spec 1.3; Multus where said)."""

from __future__ import annotations

from typing import Final

NETWORKS: Final = "k8s.v1.cni.cncf.io/networks"
"""On a pod: the networks it wants beside the default one (section 4.1)."""

DEFAULT_NETWORK: Final = "v1.multus-cni.io/default-network"
"""On a pod: the network it wants instead of the cluster's default one. Multus's own."""

NETWORK_STATUS: Final = "k8s.v1.cni.cncf.io/network-status"
"""On a pod, written by us: what it was given (section 5)."""

RESOURCE_NAME: Final = "k8s.v1.cni.cncf.io/resourceName"
"""On a definition: the extended resource whose devices serve its attachments."""
