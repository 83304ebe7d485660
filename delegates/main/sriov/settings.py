"""What the PF is told of a VF: as the configuration wants it, and as it was."""

from __future__ import annotations

import errno
import time

from delegates.main.sriov.conf import Wanted
from multinet.errors import CheckFailed, KernelError
from multinet.kernel import links, vfs
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from multinet.kernel.rtnl import Message, Rtnl
from multinet.kernel.vfs import LINK_STATES, PROTOCOLS, Vf
from multinet.waiting import waiting

PATIENCE_SECONDS = 5.0
"""A VF whose MAC was changed through the PF starts anew, and refuses what comes meanwhile (iavf, mlx5)."""
PAUSE_SECONDS = 0.05
_NOT_YET = frozenset({errno.EBUSY, errno.EAGAIN})

UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENOSYS})

KEYS = {
    "vlan": "vlan",
    "mac": "mac",
    "rate": "min_tx_rate and max_tx_rate",
    "spoofchk": "spoofchk",
    "trust": "trust",
    "link_state": "link_state",
}


def apply(net: Rtnl, pf: Link, number: int, wanted: Wanted, driver: str) -> None:
    """Set what is wanted, in the reference's order. The rest is set too where one is refused: it is all undone."""
    for key, message in messages(pf, number, wanted).items():
        try:
            patiently(net, message)
        except KernelError as error:
            error.hint = _what_next(error, key, pf, driver)
            raise


def messages(pf: Link, number: int, wanted: Wanted) -> dict[str, Message]:
    """By the key of the configuration (``KEYS``)."""
    found: dict[str, Message] = {}
    if wanted.vlan is not None:
        vlan, qos, protocol = wanted.vlan
        found["vlan"] = vfs.set_vlan(pf, number, vlan, qos, PROTOCOLS[protocol])
    if wanted.mac:
        found["mac"] = vfs.set_mac(pf, number, wanted.mac)
    if wanted.rate is not None:
        found["rate"] = vfs.set_rate(pf, number, *wanted.rate)
    if wanted.spoofchk is not None:
        found["spoofchk"] = vfs.set_spoofchk(pf, number, wanted.spoofchk)
    if wanted.trust is not None:
        found["trust"] = vfs.set_trust(pf, number, wanted.trust)
    if wanted.link_state:
        found["link_state"] = vfs.set_link_state(pf, number, LINK_STATES[wanted.link_state])
    return found


def restore(net: Rtnl, pf: Link, wanted: Wanted, original: Vf) -> None:
    """Set back what was set and is still other than it was: to the end, then raise the first refusal.

    What the driver never told counts as checked and not trusted, which takes nothing from anybody.
    """
    now = vfs.find(net, pf, original.number)
    if now is None:
        return
    number = original.number
    found: list[Message] = []
    if wanted.vlan is not None and _tag(now) != _tag(original):
        found.append(vfs.set_vlan(pf, number, *_tag(original)))
    if wanted.spoofchk is not None and now.spoofchk != (original.spoofchk is not False):
        found.append(vfs.set_spoofchk(pf, number, original.spoofchk is not False))
    if wanted.mac and original.mac and now.mac != original.mac:
        found.append(vfs.set_mac(pf, number, original.mac))
    if wanted.trust is not None and now.trust != (original.trust is True):
        found.append(vfs.set_trust(pf, number, original.trust is True))
    if wanted.rate is not None and _rates(now) != _rates(original):
        found.append(vfs.set_rate(pf, number, *_rates(original)))
    if wanted.link_state and now.link_state != original.link_state:
        found.append(vfs.set_link_state(pf, number, original.link_state))
    refused: KernelError | None = None
    for message in found:
        try:
            patiently(net, message)
        except KernelError as error:
            refused = refused or error
    if refused is not None:
        raise refused


def check(net: Rtnl, pf: Link, number: int, wanted: Wanted) -> None:
    """Raises CheckFailed for the first setting that is not as wanted any more."""
    now = vfs.find(net, pf, number)
    if now is None:
        raise CheckFailed(f"{pf.name} has no VF {number} any more")
    told: list[tuple[str, object, object]] = []
    if wanted.vlan is not None:
        vlan, qos, protocol = wanted.vlan
        told.append(("vlan, qos, proto", (vlan, qos, PROTOCOLS[protocol]), _tag(now)))
    if wanted.mac:
        told.append(("mac", wanted.mac, now.mac))
    if wanted.rate is not None:
        told.append(("min_tx_rate, max_tx_rate", wanted.rate, _rates(now)))
    if wanted.spoofchk is not None and now.spoofchk is not None:
        told.append(("spoofchk", wanted.spoofchk, now.spoofchk))
    if wanted.trust is not None and now.trust is not None:
        told.append(("trust", wanted.trust, now.trust))
    if wanted.link_state:
        told.append(("link_state", LINK_STATES[wanted.link_state], now.link_state))
    for what, meant, found in told:
        if meant != found:
            raise CheckFailed(
                f"{what} of VF {number} of {pf.name} is {_said(found)}, configured is {_said(meant)}"
            )


def give_mac(space: Namespace, link: Link, mac: str) -> None:
    """Set the MAC that the VF itself uses, and see that it does: some drivers forget it while they start anew.

    Others (igbvf) take none from the VF when the PF has given one, and that one only as they go down.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    refused: KernelError | None = None
    while True:
        now = links.get_by_index(space.rtnl, link.index)
        if now.mac == mac:
            return
        if time.monotonic() > deadline:
            raise refused or KernelError(
                f"could not set MAC of {link.name} to {mac}: its driver takes it and forgets it",
                hint="the PF may have given it another one: see `ip link show` on the host",
            )
        try:
            patiently(space.rtnl, links.set_mac(link, mac))
        except KernelError as error:
            refused = error
            space.rtnl.batch([links.set_up(link), links.set_down(link)])
        if links.get_by_index(space.rtnl, link.index).mac != mac:
            with waiting():
                time.sleep(PAUSE_SECONDS)


def patiently(net: Rtnl, message: Message) -> None:
    """Send a message, again for a while if the device is not ready for it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            net.request(message)
            return
        except KernelError as error:
            if error.errno not in _NOT_YET or time.monotonic() > deadline:
                raise
        with waiting():
            time.sleep(PAUSE_SECONDS)


def _what_next(error: KernelError, key: str, pf: Link, driver: str) -> str:
    whose = f"{driver or 'the driver'} of {pf.name}"
    if error.errno == errno.EPROTONOSUPPORT:
        return f"{whose} can't do that: leave out vlanProto"
    if error.errno in UNSUPPORTED:
        return f"{whose} can't do that: leave out {KEYS[key]}"
    if not pf.up:
        return f"{pf.name} is down: `ip link set {pf.name} up`"
    return error.hint or f"{whose} may not take this value of {KEYS[key]}"


def _tag(vf: Vf) -> tuple[int, int, int]:
    return vf.vlan, vf.qos, vf.protocol


def _rates(vf: Vf) -> tuple[int, int]:
    return vf.min_rate, vf.max_rate


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_said, value))
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
