"""Opening the scene of a request: the caller's namespace and the container's, for as long as the verb runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from multinet.cni.request import Request, Verb
from multinet.delegate.doors import HostLinks
from multinet.delegate.host_links import HostLinks as StandardHostLinks
from multinet.delegate.invoke import Scene
from multinet.errors import NetnsGone, NotAContainers
from multinet.kernel.names import link_group
from multinet.kernel.namespace import Namespace

IN_A_CONTAINER = (Verb.ADD, Verb.CHECK, Verb.DEL)


OpenNetns = Callable[[str], Namespace]
"""The namespace at a path. Raises NetnsGone, InvalidNetns."""


@contextmanager
def open_scene(
    request: Request,
    host: Namespace | None = None,
    open_netns: OpenNetns = Namespace.open,
    host_links: HostLinks | None = None,
) -> Iterator[Scene]:
    """On DEL the container's namespace may be gone, or never named. Raises InvalidNetns.

    ``host`` is the namespace that the plugins are called in, where somebody keeps that open: the calling
    thread its own, an agent its caller's. ``open_netns``: paths may only mean something to that caller.
    ``host_links``: as settings have it; None: as if nobody had written any.
    """
    if host is None:
        with Namespace.current() as own, open_scene(request, own, open_netns, host_links) as scene:
            yield scene
        return
    sandbox = open_sandbox(request, open_netns)
    try:
        if sandbox is not None and request.verb is not Verb.CHECK:
            refuse_own_namespace(host, sandbox, override=request.netns_override)
        yield Scene(
            container_id=request.container_id,
            ifname=request.ifname,
            netns=request.netns,
            host=host,
            sandbox=sandbox,
            group=link_group(request.container_id, request.ifname),
            host_links=host_links or StandardHostLinks(),
            valid=request.valid_attachments,
        )
    finally:
        if sandbox is not None:
            sandbox.close()


def open_sandbox(request: Request, open_netns: OpenNetns) -> Namespace | None:
    """The container's namespace, if the verb is about one and it is there."""
    if not request.netns or request.verb not in IN_A_CONTAINER:
        return None
    try:
        return open_netns(request.netns)
    except NetnsGone:
        if request.verb is not Verb.DEL:
            raise
        return None


def refuse_own_namespace(host: Namespace, sandbox: Namespace, *, override: bool) -> None:
    """CNI_NETNS must not be where the plugin itself runs, unless CNI_NETNS_OVERRIDE says so.

    The reference looks after the work, when a result may be on stdout already; here nothing has been done
    yet.
    """
    if not override and sandbox.same_as(host):
        raise NotAContainers(
            "plugin's netns and netns from CNI_NETNS should not be the same",
            hint="name the container's namespace, or set CNI_NETNS_OVERRIDE=1 if it is meant",
        )
