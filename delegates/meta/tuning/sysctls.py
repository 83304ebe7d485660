"""Kernel parameters by the names that tuning knows them by, and which of them an operator allows."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from multinet import files
from multinet.delegate.undo import Undo
from multinet.errors import CheckFailed, InvalidConfig, KernelError
from multinet.kernel.namespace import Namespace

ALLOW_LIST = "/etc/cni/tuning/allowlist.conf"
"""Where there is no such file all parameters of the network are allowed."""

_ROOT = "/proc/sys/"
_NETWORK = "/proc/sys/net/"


def refuse_repeated(raw: Mapping[str, Any]) -> None:
    """Raise InvalidConfig for a parameter that the text gives two values: ``jsonkeys.load`` keeps both."""
    for name, sysctl in raw.items():
        if name.lower() == "sysctl" and isinstance(sysctl, Mapping):
            for key, value in sysctl.items():
                if isinstance(value, list):
                    raise InvalidConfig(
                        "duplicated sysctl keys are not allowed", hint=f"{key} is there {len(value)} times"
                    )


def file_of(key: str, ifname: str) -> str:
    """The file of a parameter. Every dot in ``key`` stands for a slash, its first IFNAME for the interface's name,
    which keeps its own dots. Raises InvalidConfig for what is not the network's."""
    path = os.path.normpath(_ROOT + key.replace(".", "/").replace("IFNAME", ifname, 1))
    if not path.startswith(_NETWORK):
        raise InvalidConfig(
            f'invalid net sysctl key: "{key}"',
            hint="only those below net are the container's own: net.ipv4.ip_unprivileged_port_start",
        )
    return path


def refuse_forbidden(keys: Iterable[str]) -> None:
    """Raise InvalidConfig for a key in which none of the operator's patterns is found, as it is written."""
    if not os.path.exists(ALLOW_LIST):
        return
    lines = files.read(ALLOW_LIST).decode(errors="replace").split("\n")
    allowed = [line.strip() for line in lines if line.strip()]
    patterns = [_pattern(line) for line in allowed]
    for key in keys:
        if not any(pattern.search(key) for pattern in patterns):
            raise InvalidConfig(
                f"Sysctl {key} is not allowed. Only the following sysctls are allowed: [{' '.join(allowed)}]",
                hint=f"the node's operator says so in {ALLOW_LIST}",
            )


def _pattern(line: str) -> re.Pattern[str]:
    try:
        return re.compile(line)
    except re.error as error:
        raise InvalidConfig(
            f"{ALLOW_LIST}: {line!r} is not a regular expression: {error}", hint="correct it on this node"
        ) from None


def write(pod: Namespace, sysctl: Mapping[str, str], ifname: str, undo: Undo) -> None:
    """Write them in their order."""
    wanted = [(file_of(key, ifname).removeprefix(_ROOT), value) for key, value in sysctl.items()]
    before = []
    for name, _ in reversed(wanted):
        with suppress(KernelError):  # some can only be written
            before.append((name, pod.read_sysctl(name)))
    undo.push(
        "put the kernel parameters back", partial(pod.write_sysctls, before, ignore_errors=True)
    )  # the kernel may stop midway
    pod.write_sysctls(wanted)


def check(pod: Namespace, sysctl: Mapping[str, str], ifname: str) -> None:
    """Raises CheckFailed. Of several values in one parameter it does not matter what is between them."""
    for key, wanted in sysctl.items():
        file = file_of(key, ifname)
        found = pod.read_sysctl(file.removeprefix(_ROOT))
        if found.split() != wanted.split():
            raise CheckFailed(
                f"Error: Tuning configured value of {file} is {wanted}, current value is {found}"
            )
