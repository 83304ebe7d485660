"""What this kernel can make, tried in a network namespace of its own that ends with the trial.

A kernel loads a module when something of its kind is made for the first time; so does a trial, as the first pod
would. Only ifb is not tried then: it would leave two links in the node's own namespace.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from threading import Thread
from typing import Final

from multinet.cli.checks.finding import Finding, good, unknown, warning, wrong
from multinet.cli.checks.patient import Patient
from multinet.errors import MultinetError
from multinet.kernel import host_links, ifb, links, qdiscs, stacked, vrfs
from multinet.kernel.errors import translate
from multinet.kernel.host_links import Vxlan
from multinet.kernel.link import Link
from multinet.kernel.namespace import CLONE_NEWNET, HERE, Namespace
from multinet.kernel.nfnetlink import Nfnetlink
from multinet.kernel.nft import Family, Table

TUN: Final = "/dev/net/tun"
MTU: Final = 1500


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One feature: how it is made, whom it is for, and the module that brings it."""

    make: Callable[[Namespace, Link], object]
    """Given the namespace, and a link in it that others can stand on."""
    delegates: frozenset[str]
    module: str


def _veth(ns: Namespace, master: Link) -> None:
    """The master is the end of one."""


def _bridge(ns: Namespace, master: Link) -> None:
    ns.rtnl.request(links.make_bridge("try-bridge"))


def _dummy(ns: Namespace, master: Link) -> None:
    ns.rtnl.request(links.make_dummy("try-dummy"))


def _macvlan(ns: Namespace, master: Link) -> None:
    stacked.create_macvlan(ns, ns, "try-macvlan", master=master)
    ns.rtnl.request(links.delete_by_name("try-macvlan"))  # or there could be no ipvlan on that master


def _vrf(ns: Namespace, master: Link) -> None:
    ns.rtnl.request(vrfs.make_vrf("try-vrf", 7))


def _vxlan(ns: Namespace, master: Link) -> None:
    shape = Vxlan(parent=master.name, id=7, remote=ip_address("192.0.2.1"), local=None, port=4789)
    ns.rtnl.request(host_links.make("try-vxlan", shape, master, mark=host_links.new_mark()))


def _tap(ns: Namespace, master: Link) -> None:
    try:
        os.close(os.open(TUN, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        raise translate(error.errno or 0, f"open {TUN}") from error


def _nf_tables(ns: Namespace, master: Link) -> None:
    with Nfnetlink.open(ns) as net:
        net.commit([Table(family=Family.INET, name="try").add()], doing="add a table of nf_tables")


def _shaping(ns: Namespace, master: Link) -> None:
    ns.rtnl.request(qdiscs.htb(master, default_class=0))
    ns.rtnl.request(qdiscs.ingress(master))


def _of(*types: str) -> frozenset[str]:
    return frozenset(types)


TRIALS: Final[Mapping[str, Trial]] = {
    "veth": Trial(make=_veth, delegates=_of("bridge", "ptp"), module="veth"),
    "bridge": Trial(make=_bridge, delegates=_of("bridge", "flannel"), module="bridge"),
    "macvlan": Trial(make=_macvlan, delegates=_of("macvlan"), module="macvlan"),
    "ipvlan": Trial(
        make=lambda ns, master: stacked.create_ipvlan(ns, ns, "try-ipvlan", master=master),
        delegates=_of("ipvlan"),
        module="ipvlan",
    ),
    "vlan": Trial(
        make=lambda ns, master: stacked.create_vlan(ns, ns, "try-vlan", master=master, vlan_id=7),
        delegates=_of("vlan"),
        module="8021q",
    ),
    "vxlan": Trial(make=_vxlan, delegates=_of(), module="vxlan"),
    "vrf": Trial(make=_vrf, delegates=_of("vrf"), module="vrf"),
    "dummy": Trial(make=_dummy, delegates=_of("dummy"), module="dummy"),
    "tap": Trial(make=_tap, delegates=_of("tap"), module="tun"),
    "nf_tables": Trial(make=_nf_tables, delegates=_of("firewall", "portmap"), module="nf_tables"),
    "queueing": Trial(make=_shaping, delegates=_of("bandwidth"), module="sch_htb sch_ingress"),
    "ifb": Trial(
        make=lambda ns, master: ifb.create(ns.rtnl, "try-ifb", mtu=MTU),
        delegates=_of("bandwidth"),
        module="ifb",
    ),
}
"""In their order: nothing stands in the way of the next."""

FIRST: Final = ("try-master", "try-peer")
IFB: Final = "ifb"
IFB_LOADED_WITH: Final = "modprobe ifb numifbs=0"
"""Without the number, it comes with two links."""


def look(patient: Patient) -> Iterator[Finding]:
    can: list[str] = []
    with own_namespace() as ns:
        try:
            master = links.create_veth(ns.rtnl, *FIRST, peer_ns_fd=ns.fd)
        except MultinetError as error:
            says = f"this kernel can't make a veth pair: {error}"
            yield wrong("kernel", says, "modprobe veth")
            return
        for name, trial in TRIALS.items():
            if name == IFB and not os.path.isdir(f"/sys/module/{IFB}"):
                yield unknown("kernel", "ifb was not tried: its module is not loaded", IFB_LOADED_WITH)
                continue
            try:
                trial.make(ns, master)
                can.append(name)
            except MultinetError as error:
                yield _missing(name, trial, error, patient.types_in_use)
    yield good("kernel", f"it can make {', '.join(can)}")
    if not os.path.isdir("/proc/sys/net/ipv6"):
        yield warning("kernel", "it has no IPv6: an ADD with an IPv6 address fails")


def _missing(name: str, trial: Trial, error: MultinetError, in_use: frozenset[str]) -> Finding:
    needed = sorted(trial.delegates & in_use)
    mend = IFB_LOADED_WITH if name == IFB else f"modprobe -a {trial.module}"
    if needed:
        return wrong("kernel", f"it can't make {name}, which networks of this node need: {error}", mend)
    whom = f"networks of {' and '.join(sorted(trial.delegates))}" if trial.delegates else "tunnels on demand"
    return warning("kernel", f"it can't make {name}, for {whom}: {error}", mend)


@contextmanager
def own_namespace() -> Iterator[Namespace]:
    """One that nobody else sees, and that is gone with all that is in it when the block is left."""
    made: list[Namespace | BaseException] = []

    def make() -> None:
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
                number = ctypes.get_errno()
                raise translate(number, "make a network namespace")
            made.append(Namespace(os.open(HERE, os.O_RDONLY | os.O_CLOEXEC), HERE))
        except BaseException as error:
            made.append(error)

    # The thread ends there, so that no other work is ever done in that namespace.
    thread = Thread(target=make, name="kernel trial")
    thread.start()
    thread.join()
    (one,) = made
    if isinstance(one, BaseException):
        raise one
    with one as namespace:
        yield namespace
