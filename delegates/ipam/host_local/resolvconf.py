"""``resolvConf``: a resolv.conf(5) as the result's ``dns``."""

from __future__ import annotations

from multinet import files
from multinet.cni.types import DNS


def read(path: str) -> DNS:
    """Raises IOFailure."""
    return parse(files.read(path).decode(errors="replace"))


def parse(text: str) -> DNS:
    """The reference's reading: the last ``domain`` counts, the rest adds up, other lines are ignored."""
    nameservers: list[str] = []
    domain = ""
    search: list[str] = []
    options: list[str] = []
    for line in text.split("\n"):
        match line.split():
            case [keyword, *_] if keyword[0] in "#;":
                continue
            case ["nameserver", address, *_]:
                nameservers.append(address)
            case ["domain", name, *_]:
                domain = name
            case ["search", *names]:
                search += names
            case ["options", *words]:
                options += words
    return DNS(nameservers=tuple(nameservers), domain=domain, search=tuple(search), options=tuple(options))
