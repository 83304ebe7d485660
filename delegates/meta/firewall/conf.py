"""The configuration of firewall."""

from __future__ import annotations

import re
from dataclasses import dataclass

from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.delegate.schema import Schema
from multinet.errors import InvalidConfig

SCHEMA = Schema.of(__package__)

IPTABLES, FIREWALLD, NFTABLES = "iptables", "firewalld", "nftables"
BACKENDS = (IPTABLES, FIREWALLD, NFTABLES)

OPEN, SAME_BRIDGE, ISOLATED = "open", "same-bridge", "isolated"
POLICIES = (OPEN, SAME_BRIDGE, ISOLATED)

ADMIN_CHAIN = "CNI-ADMIN"
ZONE = "trusted"
DATA_DIR = "/run/cni/firewall"

CHAIN_NAME = re.compile(r"(?![-!])[^\s]{1,28}")
"""What iptables takes for a chain's name; longer ones don't fit its targets."""

RESERVED = frozenset(
    {
        "INPUT", "FORWARD", "OUTPUT", "ACCEPT", "DROP", "RETURN", "QUEUE",
        "CNI-FORWARD", "CNI-ISOLATION-STAGE-1", "CNI-ISOLATION-STAGE-2",
        "forward", "isolation", "isolation_out", "pods",
    }
)  # fmt: skip
"""Chains, of ours among them, and what can't be one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FirewallConf:
    backend: str
    """One of BACKENDS, or "" for whichever is there."""
    admin_chain: str
    zone: str
    policy: str
    data_dir: str


def parse(conf: NetConf, args: Args) -> FirewallConf:
    raw = SCHEMA.read(conf.raw)
    backend = raw.get("backend", "")
    policy = raw.get("ingressPolicy", "") or OPEN
    admin_chain = raw.get("iptablesAdminChainName", "") or ADMIN_CHAIN
    if not args.lenient:
        _refuse(policy, admin_chain)
    return FirewallConf(
        # The reference takes what it does not know for nothing said, and lists in use may count on that.
        backend=backend if backend in BACKENDS else "",
        admin_chain=admin_chain,
        zone=raw.get("firewalldZone", "") or ZONE,
        policy=policy,
        data_dir=raw.get("dataDir", "") or DATA_DIR,
    )


def _refuse(policy: str, admin_chain: str) -> None:
    """DEL does without: it needs neither."""
    if policy not in POLICIES:
        raise InvalidConfig(
            f'unknown ingress policy: "{policy}"', hint=f"choose one of {', '.join(POLICIES)}"
        )
    if not CHAIN_NAME.fullmatch(admin_chain):
        raise InvalidConfig(
            f"iptablesAdminChainName: \"{admin_chain}\" can't be a chain's name",
            hint="it has up to 28 characters, no blanks among them, and does not begin with '-' or '!'",
        )
    if admin_chain in RESERVED:
        raise InvalidConfig(
            f"iptablesAdminChainName: {admin_chain} is not the administrator's", hint="choose another name"
        )
