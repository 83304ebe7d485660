"""Masquerading: what an attachment sends beyond its subnet leaves with the node's address.

Two backends, as the reference has them: iptables (a chain a container and network, ``masquerade_iptables``)
and nf_tables (rules in a table for that purpose, ``masquerade_nftables``). What is set up is equal to what
the reference's plugins leave, so that either can clear up after the other.

Clearing up always looks in both, since an attachment may have been made with another setting, or by the
reference; it needs no addresses and no program, and a backend that can't be used here is no error. Whether
iptables' rules in nf_tables are there is asked of the kernel, so a DEL without any such rules takes some
hundred microseconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial

from multinet.cni.types import CIDR, IP
from multinet.errors import CheckFailed, InvalidConfig, KernelError, to_the_end
from multinet.kernel import addresses as kernel_addresses
from multinet.kernel import links
from multinet.kernel import masquerade_iptables as by_iptables
from multinet.kernel import masquerade_nftables as by_nftables
from multinet.kernel.iptables import Iptables
from multinet.kernel.namespace import Namespace
from multinet.kernel.nfpool import borrowed, borrowed_if_any

BACKENDS = ("iptables", "nftables")


def setup(
    host: Namespace,
    *,
    backend: str | None,
    network: str,
    ifname: str,
    container_id: str,
    addresses: Iterable[CIDR],
) -> None:
    """Masquerade ``addresses``. A second time changes nothing. ``backend`` None: the one that can be used
    here."""
    chosen = backend or default_backend(host)
    if chosen == "iptables":
        by_iptables.setup(host, network=network, container_id=container_id, addresses=list(addresses))
    elif chosen == "nftables":
        with borrowed(host) as net:
            by_nftables.setup(
                net, network=network, ifname=ifname, container_id=container_id, addresses=list(addresses)
            )
    else:
        check_backend(chosen)


def teardown(
    host: Namespace, *, network: str, ifname: str, container_id: str, sandbox: Namespace | None
) -> None:
    """Remove what ``setup``, or the reference, made for this attachment. Absent is success.

    ``sandbox`` is the container's namespace, None when it is gone. It is only looked at where attachments of
    one network to one container share iptables' chain: what another interface there still holds stays
    masqueraded.
    """
    held = partial(_held_by_others, sandbox, ifname)
    with borrowed_if_any(host) as net:
        to_the_end(
            partial(by_nftables.teardown, net, network=network, ifname=ifname, container_id=container_id)
            if net
            else None,
            partial(by_iptables.teardown, host, net, network=network, container_id=container_id, held=held),
        )


def check(
    host: Namespace, *, network: str, ifname: str, container_id: str, addresses: Iterable[CIDR]
) -> None:
    """Raises CheckFailed unless each of ``addresses`` is masqueraded by one of the backends."""
    missing = [address.ip for address in addresses]
    with borrowed_if_any(host) as net:
        if net:
            done = by_nftables.masqueraded(net, network=network, ifname=ifname, container_id=container_id)
            missing = [ip for ip in missing if ip.packed not in done]
        if missing:
            found = by_iptables.masqueraded(host, net, network=network, container_id=container_id)
            missing = [ip for ip in missing if not any(ip in subnet for subnet in found)]
    if missing:
        raise CheckFailed(
            f"{', '.join(map(str, missing))} of {ifname} should be masqueraded and is not",
            hint=f"the rules that ADD made are gone from table {by_nftables.TABLE.name} of nf_tables, or "
            f"from chain {by_iptables.chain_name(network, container_id)} of iptables' nat table",
        )


def gc(host: Namespace, network: str, valid: Collection[tuple[str, str]]) -> None:
    """Remove what belongs to this network and to none of ``valid``, pairs of container id and ifname."""
    with borrowed_if_any(host) as net:
        to_the_end(
            partial(by_nftables.gc, net, network, valid) if net else None,
            partial(by_iptables.gc, host, net, network, {container_id for container_id, _ in valid}),
        )


def check_backend(name: str) -> None:
    """Raise InvalidConfig unless it is one of BACKENDS, or "" for whichever can be used."""
    if name and name not in BACKENDS:
        raise InvalidConfig(f'unknown ipmasq backend "{name}"', hint=f"choose one of {', '.join(BACKENDS)}")


def default_backend(host: Namespace) -> str:
    """iptables, unless only nf_tables can be used here."""
    return "nftables" if not Iptables(host, 4).usable() and nftables_usable(host) else "iptables"


def nftables_usable(host: Namespace) -> bool:
    """Would the kernel take such rules from us? It is made to check some, which it then drops."""
    try:
        with borrowed(host) as net:
            net.commit(by_nftables.TRIAL, doing="try nf_tables", dry_run=True)
    except KernelError:
        return False
    return True


def _held_by_others(sandbox: Namespace | None, ifname: str) -> frozenset[IP]:
    """The addresses in a container but for those of ``ifname``, which may be gone already."""
    if sandbox is None:
        return frozenset()
    link = links.find(sandbox.rtnl, ifname)
    own = link.index if link else None
    return frozenset(a.address.ip for a in kernel_addresses.dump(sandbox.rtnl) if a.index != own)
