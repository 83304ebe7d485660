"""Links of the host that are made when a container first needs them, and go with the last that does.

The user stands on disk before the link is made, and until it is removed (``host_link_users``): so whatever dies when,
the DEL that follows finds what there is to clear.

Nothing is ever done to a link that was there before, nor to one that somebody else has put to use since.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Collection, Set
from contextlib import suppress
from functools import partial
from typing import Any

from multinet.delegate.contract import C, Call
from multinet.delegate.doors import Ipam
from multinet.delegate.host_link import HostLink
from multinet.delegate.host_link_users import Ledger, User, Users
from multinet.delegate.undo import Undo
from multinet.errors import (
    Exists,
    InvalidConfig,
    KernelError,
    MultinetError,
    NotFound,
    raise_together,
    to_the_end,
)
from multinet.files import AnyPath
from multinet.kernel import host_links as kernel
from multinet.kernel import links
from multinet.kernel.absence import provably_gone
from multinet.kernel.links import Link
from multinet.kernel.masters import find_master
from multinet.kernel.namespace import Namespace

STANDARD = "/var/lib/cni/multinet/host-links"
"""``host-links`` in the folder that ``stateDir`` is by default, for delegates that nobody gave settings."""

TYPES = frozenset({"vlan", "vxlan"})

Warn = Callable[..., None]
"""Tells a person on call: ``warn("link kept", link="eth1.100", why=...)``."""

Finish = Callable[[Link], None]
"""What is to be done to a link before it is set up; done again when it was not to the end."""


def to_stderr(event: str, **said: Any) -> None:
    """Stdout is for the answer."""
    if sys.stderr is not None:
        print(
            f"multinet: {event}: {', '.join(f'{key} {value}' for key, value in said.items())}",
            file=sys.stderr,
        )


class HostLinks:
    """Implements ``doors.HostLinks``. ``types``: what may be made here; what was made is removed all the same."""

    def __init__(
        self, folder: AnyPath = STANDARD, *, types: Collection[str] = TYPES, warn: Warn = to_stderr
    ) -> None:
        self._ledger = Ledger(folder)
        self._types = types
        self._warn = warn

    def take(
        self,
        host: Namespace,
        wanted: HostLink,
        user: User,
        undo: Undo,
        *,
        bridge: Link | None = None,
        finish: Finish | None = None,
    ) -> Link:
        """The link, made and set up if need be, and ``user`` one of its users if we made it.

        With a ``bridge`` it is a port of that, from the message on that makes it.
        """
        found = links.find(host.rtnl, wanted.name)
        if found is not None and not kernel.is_marked(found):
            return _fitting(host, found, wanted, bridge)
        if found is None:
            self._refuse_type(wanted)
            _parent(host, wanted)
        undo.push(f"give {wanted.name} back", partial(self.release, host, wanted.name, user))
        with self._ledger.lock():
            found = links.find(host.rtnl, wanted.name)  # as long as nobody else makes or removes one
            known = self._ledger.read(host, wanted.name)
            if found is None:
                return self._make(host, wanted, user, bridge, finish)
            if known is None or not known.of(found):
                return _fitting(host, found, wanted, bridge)
            if bridge is not None and bridge.name == known.bridge and not found.master:
                found = _plugged_again(host, found, bridge, finish)
            found = _fitting(host, found, wanted, bridge)
            self._ledger.write(host, wanted.name, known.joined_by(user))
            return _finished(host, found, finish)

    def _make(
        self, host: Namespace, wanted: HostLink, user: User, bridge: Link | None, finish: Finish | None
    ) -> Link:
        parent = _parent(host, wanted)
        users = Users(mark=kernel.new_mark(), bridge=bridge.name if bridge else "", users=(user,))
        self._ledger.write(host, wanted.name, users)
        message = kernel.make(
            wanted.name, wanted.shape, parent, mark=users.mark, bridge=bridge.index if bridge else 0
        )
        try:
            host.rtnl.request(message)
        except Exists as error:
            raise kernel.explained(error, wanted.shape) from None
        return _finished(host, links.get(host.rtnl, wanted.name), finish)

    def release(self, host: Namespace, name: str, user: User) -> None:
        """``user`` needs the link no more. Absent is success."""
        if self._ledger.exists(host, name):
            with self._ledger.lock():
                self._settle(host, name, lambda users: users.without(user))

    def gc(self, host: Namespace, network: str, valid: Set[tuple[str, str]]) -> None:
        """Of that network, only the valid attachments use anything."""
        self._settle_all(host, lambda one: one.network != network or (one.container, one.ifname) in valid)

    def sweep(self, host: Namespace, containers: Collection[str]) -> int:
        """Who is none of ``containers`` and whose namespace is gone uses nothing. How many links went."""
        return self._settle_all(host, lambda one: one.container in containers or not provably_gone(one.netns))

    def _settle_all(self, host: Namespace, keep: Callable[[User], bool]) -> int:
        names = list(self._ledger.names(host))
        failures: list[MultinetError] = []
        gone = 0
        for name in names:
            try:
                with self._ledger.lock():
                    gone += self._settle(host, name, lambda users: users.kept(keep))
            except MultinetError as error:
                failures.append(error)
        raise_together(failures)
        return gone

    def _settle(self, host: Namespace, name: str, change: Callable[[Users], Users]) -> bool:
        """Fewer use the link; without anybody it goes, and its file after it. True when it did."""
        known = self._ledger.read(host, name)
        found = links.find(host.rtnl, name)
        if known is None and self._ledger.damaged(host, name):
            self._warn("link of the host kept", link=name, why="who uses it can't be read")
            return False
        if known is None or found is None or not known.of(found):
            self._ledger.forget(host, name)  # none was made, or the one that was is no more
            return False
        left = change(known)
        if not left.users:
            why = kernel.users_besides(host.rtnl, found, left.bridge)
            if not why:
                with suppress(NotFound):
                    host.rtnl.request(links.delete(found))
                self._ledger.forget(host, name)
                return True
            self._warn("link of the host kept", link=name, why=why)
        if left != known:
            self._ledger.write(host, name, left)
        return False

    def _refuse_type(self, wanted: HostLink) -> None:
        if wanted.type in self._types:
            return
        hint = f"make it on this node, or let the setting 'hostLinks' have {wanted.type!r}"
        raise InvalidConfig(f'the master "{wanted.name}" was not found: Link not found', hint=hint)


def user_of(call: Call[Any]) -> User:
    return User(container=call.container_id, ifname=call.ifname, network=call.network, netns=call.netns)


def take_master(call: Call[Any], home: Namespace, name: str, wanted: HostLink | None, undo: Undo) -> Link:
    """The link to stand on, by its name; made where ``wanted`` says what it is to be. Raises InvalidConfig."""
    if wanted is None or call.host_links is None:
        return find_master(home, name)
    return call.host_links.take(home, wanted, user_of(call), undo)


def release(call: Call[Any], wanted: HostLink | None, *, then: Ipam | None) -> None:
    """Give the link back, and the addresses of IPAM, whatever becomes of the first."""
    to_the_end(
        partial(call.host_links.release, call.host, wanted.name, user_of(call))
        if wanted is not None and call.host_links is not None
        else None,
        then.delete if then else None,
    )


def gc(call: Call[C], *, then: Callable[[Call[C]], None]) -> None:
    """Give back what is used by nobody who is valid, and do whatever else GC is, to the end."""
    ours = call.host_links
    to_the_end(partial(ours.gc, call.host, call.network, call.valid) if ours else None, partial(then, call))


def _parent(host: Namespace, wanted: HostLink) -> Link:
    parent = links.find(host.rtnl, wanted.shape.parent)
    if parent is None:
        raise InvalidConfig(
            f'the master "{wanted.name}" was not found: Link not found',
            hint=f"nor is there a link {wanted.shape.parent} to make it on",
        )
    if kernel.is_marked(parent):
        raise InvalidConfig(
            f"{wanted.name} can't be made on {parent.name}, which was itself made on demand",
            hint=f"make {parent.name} on this node, so that it stays",
        )
    return parent


def _fitting(host: Namespace, found: Link, wanted: HostLink, bridge: Link | None) -> Link:
    """One that is there may be used if it is what was described. Nobody's link is made a port but ours."""
    if wanted.described or kernel.is_marked(found):
        kernel.refuse_other(host.rtnl, found, wanted.shape)
    if bridge is not None and found.master != bridge.index:
        raise InvalidConfig(
            f"{found.name} is no port of {bridge.name}",
            hint=f"only a link that is made for {bridge.name} is made its port: put this one there, "
            "or take it away",
        )
    return found


def _plugged_again(host: Namespace, link: Link, bridge: Link, finish: Finish | None) -> Link:
    """Into the bridge that it was made for, which somebody removed meanwhile, and which is there again."""
    host.rtnl.request(links.set_master(link, bridge))
    if finish is not None:
        finish(link)
    return links.get(host.rtnl, link.name)


def _finished(host: Namespace, link: Link, finish: Finish | None) -> Link:
    """Up it comes last, and so tells that all of it was done. IPv6 is off: the pods' network has no business with the
    host's own addresses.
    """
    if link.up:
        return link
    host.write_sysctls([(f"net/ipv6/conf/{link.name}/disable_ipv6", "1")], ignore_errors=True)
    if finish is not None:
        finish(link)
    host.rtnl.request(kernel.tell_whose(link))
    try:
        host.rtnl.request(links.set_up(link))
    except KernelError as error:
        if error.errno == errno.ENETDOWN:
            error.hint = "set the link up that it is made on"
        raise
    return links.get(host.rtnl, link.name)
