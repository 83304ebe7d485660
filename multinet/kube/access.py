"""Where the API server is and who we are to it. A description: nothing is read from disk until it is used."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from multinet.errors import NotAvailable

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet puts a pod's token and the cluster's CA, and renews them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """A ``Path`` is a file that is read again when it changes; a string is the text itself."""

    server: str
    """``https://host:port``, with a path where the API is below one."""
    ca: Path | str = ""
    """PEM. Empty: what the machine trusts."""
    token: Path | str = field(default="", repr=False)
    certificate: Path | str = field(default="", repr=False)
    key: Path | str = field(default="", repr=False)
    server_name: str = ""
    """The name in the server's certificate, where it is not the host's."""
    insecure: bool = False
    """Believe any certificate."""
    authorization: Callable[[], str] | None = None
    """Says the whole Authorization header, where a plugin of the kubeconfig makes it."""
    namespace: str = ""
    """What a person means who names none, where the kubeconfig says it."""

    @classmethod
    def in_cluster(cls, env: Mapping[str, str] = os.environ, folder: Path = SERVICE_ACCOUNT) -> Self:
        """What the kubelet gives a pod. Raises NotAvailable outside of one."""
        host, port = env.get("KUBERNETES_SERVICE_HOST", ""), env.get("KUBERNETES_SERVICE_PORT", "")
        if not host or not port:
            raise NotAvailable(
                "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is not a pod",
                hint="name a kubeconfig in the settings: agent.kubeconfig",
            )
        host = f"[{host}]" if ":" in host else host
        return cls(server=f"https://{host}:{port}", ca=folder / "ca.crt", token=folder / "token")

    @classmethod
    def of_kubeconfig(cls, *files: Path, context: str = "") -> Access:
        """``context``, or the current one, of a kubeconfig or several. Raises InvalidConfig."""
        from multinet.kube.kubeconfig import read  # a pod has none: yaml and the rest are not for it

        return read(*files, context=context)
