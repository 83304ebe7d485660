"""Opening the scene of a request: the caller's namespace and the container's, for as long as the verb runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from multinet.cni.request import Request, Verb
from multinet.delegate.invoke import Scene
from multinet.errors import InvalidNetns, NetnsGone
from multinet.kernel.names import link_group
from multinet.kernel.namespace import Namespace

IN_A_CONTAINER = (Verb.ADD, Verb.CHECK, Verb.DEL)


@contextmanager
def open_scene(request: Request, host: Namespace | None = None) -> Iterator[Scene]:
    """On DEL the container's namespace may be gone, or never named. Raises InvalidNetns.

    ``host`` is the calling thread's own namespace, where it keeps that open between requests.
    """
    if host is None:
        with Namespace.current() as own, open_scene(request, own) as scene:
            yield scene
        return
    sandbox = open_sandbox(request)
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
            valid=request.valid_attachments,
        )
    finally:
        if sandbox is not None:
            sandbox.close()


def open_sandbox(request: Request) -> Namespace | None:
    """The container's namespace, if the verb is about one and it is there."""
    if not request.netns or request.verb not in IN_A_CONTAINER:
        return None
    try:
        return Namespace.open(request.netns)
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
        raise InvalidNetns(
            "plugin's netns and netns from CNI_NETNS should not be the same",
            hint="name the container's namespace, or set CNI_NETNS_OVERRIDE=1 if it is meant",
        )
