"""A delegate: one CNI type, in this process (CNI 1.1, "CNI operations").

A third party writes a class with ``parse``, ``add``, ``check``, ``delete`` and names it in the entry-point
group ``multinet.delegates``; the entry point's name is the CNI type. Ours come in by the same door.

The order is always: ``parse`` for every plugin of every network of the pod, and only then the first ``add``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import DNS, Result
from multinet.cni.versions import SUPPORTED
from multinet.delegate.doors import HostLinks, Ipam, Other
from multinet.delegate.pools import Pool, Reservation
from multinet.delegate.undo import Undo
from multinet.errors import MultinetError
from multinet.kernel.namespace import Namespace

C = TypeVar("C")


@dataclass(frozen=True, kw_only=True, slots=True)
class Call(Generic[C]):
    """One verb, for one plugin of one attachment. What it carries is open for as long as the verb runs."""

    conf: C
    """What ``parse`` returned."""
    network: str
    """``name`` of the configuration: what IPAM and rule names are keyed by."""
    version: str
    """``cniVersion`` of the configuration."""
    container_id: str
    """"" for GC and STATUS, which mean no container."""
    ifname: str
    netns: str
    """The path as the runtime gave it, for results and for comparing with prevResult; "" for none."""
    host: Namespace
    """Where the plugin was called: bridges, masters and host ends live here."""
    sandbox: Namespace | None
    """The container's namespace. None on DEL when it is gone, and for GC and STATUS."""
    prev_result: Result | None = None
    dns: DNS = field(default_factory=DNS)
    """``dns`` of the configuration."""
    ipam: Ipam | None = None
    """None when the configuration names no ``ipam.type``."""
    others: Callable[[NetConf], Other] | None = None
    """Where ``other`` gets it from; None: nowhere."""
    group: int = 0
    """The link group of this request (``names.link_group``): every virtual link made in the sandbox carries
    it, so that DEL can remove all links of a pod with one message."""
    host_links: HostLinks | None = None
    """Who makes links of the host when they are first needed; None: nobody does, they have to be there."""
    valid: frozenset[tuple[str, str]] = frozenset()
    """GC: the (container id, ifname) pairs that are still attached; everything else of this network goes."""

    @property
    def pod(self) -> Namespace:
        """The container's namespace where it must exist (ADD, CHECK)."""
        if self.sandbox is None:
            raise MultinetError("there is no namespace to work in: the runtime named none")
        return self.sandbox

    def other(self, conf: NetConf) -> Other:
        """Another plugin, for one that hands its work on: found as all are, its configuration read.

        Raises InvalidConfig; what can be known of that beforehand is (``Delegate.hands_on``).
        """
        if self.others is None:
            raise MultinetError(f"the plugin {conf.type!r} can't be called from here")
        return self.others(conf)

    def dns_of(self, ipam_result: Result) -> DNS:
        """The configuration's ``dns`` where it says anything, else IPAM's.

        The reference's macvlan and others print the configuration's even when it is empty, and lose IPAM's;
        what bridge does there holds for all of ours.
        """
        return self.dns or ipam_result.dns


class Delegate(Generic[C]):
    """What a CNI type does. Instances hold no state of a call and are shared by threads."""

    versions: ClassVar[tuple[str, ...]] = SUPPORTED
    """The cniVersions served."""

    grouped: ClassVar[bool] = False
    """Does ``add`` make the container's interface, a virtual link in ``call.group``? Then DEL may remove it
    with all others of the pod in one message before ``delete`` is called, which must not need it to be there
    (and must remove it when it is)."""

    over_link: ClassVar[bool] = False
    """IPAM: does ``delete`` tell somebody over the container's interface? Then it is called while that is still
    there, and once more after it is gone, as for any other."""

    delegates_ipam: ClassVar[bool] = True
    """Is ``ipam.type`` found, read and handed over as ``call.ipam``? Not for what runs its IPAM by itself."""

    def parse(self, conf: NetConf, args: Args) -> C:
        """Read and check the whole configuration, without looking at the machine. Raises InvalidConfig."""
        raise NotImplementedError

    def hands_on(self, conf: C) -> NetConf | None:
        """The configuration with which ``add`` will call another plugin, as far as it is known before: that one
        is found and reads it together with all others, before the first ``add``. None: it calls none."""
        return None

    def add(self, call: Call[C], undo: Undo) -> Result:
        """Make it. Whatever is made pushes its way back at once; the caller walks it if anything fails."""
        raise NotImplementedError

    def check(self, call: Call[C]) -> None:
        """Compare what is there with ``call.prev_result``. Raises CheckFailed."""
        raise NotImplementedError

    def delete(self, call: Call[C]) -> None:
        """Remove whatever ``add`` may have made, found by names derived from container id and ifname.

        Also after a crash in the midst of ``add``, twice, or with the namespace gone: absent is success.
        """
        raise NotImplementedError

    def gc(self, call: Call[C]) -> None:
        """Remove what belongs to this network and to none of ``call.valid``: to the end, then raise."""
        if call.ipam:
            call.ipam.gc()

    def status(self, call: Call[C]) -> None:
        """Return if an ADD could be served now; else raise NotAvailable."""
        if call.ipam:
            call.ipam.status()

    def pool(self, conf: C, network: str) -> Pool | None:
        """IPAM that keeps its addresses on this machine: those of the network, for a person to see. It changes
        nothing, and waits for nobody. None: there are none.
        """
        return None

    def pools(self, place: str = "") -> Sequence[Pool]:
        """All that are kept in ``place`` ("": where they are by default), also of networks that nobody has the
        configuration of any more.
        """
        return ()

    def free(self, pool: Pool, held: Reservation) -> bool:
        """Give back an address of such a pool, if it is still that owner's. False: it is not."""
        raise NotImplementedError


class Resident(Protocol):
    """What a delegate needs to have running between calls: one object of its module, named in the entry-point group
    ``multinet.residents``. The agent starts it and stops it; where there is no agent, nobody does.
    """

    def start(self, folder: Path) -> None:
        """``folder`` is its own, and need not exist: for what must outlive this process. It must not take long."""

    def stop(self) -> None:
        """No call is in work any more. What is kept for running containers stays for the next process."""


AnyDelegate = Delegate[Any]
Config = Mapping[str, Any]
