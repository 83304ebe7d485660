"""A place where an ordinary user may make namespaces: user, network and mount namespaces of his own.

``/run`` is empty there and his to write, so that the sandbox works as it does for root. All of it ends with
the last process in it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from multinet.cli.sandbox import linux
from multinet.errors import MultinetError
from multinet.kernel import links
from multinet.kernel.namespace import Namespace

RUN = Path("/run")


def replace_process(argv: Sequence[str]) -> None:
    """This process becomes ``argv`` in a world of its own. Raises MultinetError where that is forbidden."""
    enter()
    try:
        os.execvp(argv[0], list(argv))
    except OSError as error:
        raise MultinetError(f"could not run {argv[0]}: {error.strerror}") from error


def enter() -> None:
    """Root needs no user namespace for it."""
    user, group = os.geteuid(), os.getegid()
    try:
        flags = linux.CLONE_NEWNS | linux.CLONE_NEWNET
        linux.unshare(flags if user == 0 else flags | linux.CLONE_NEWUSER)
        if user != 0:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        linux.mount("/", flags=linux.MS_REC | linux.MS_SLAVE)
        linux.mount(RUN, source="tmpfs", kind="tmpfs")
    except OSError as error:
        raise MultinetError(
            f"could not make namespaces for an ordinary user: {error.strerror}",
            hint="this kernel's settings forbid it: see the sysctls user.max_user_namespaces, "
            "kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns, or be root",
        ) from error
    with Namespace.current() as here:
        here.rtnl.request(links.set_up(links.get(here.rtnl, "lo")))
