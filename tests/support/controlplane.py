"""A real control plane on this machine: etcd and kube-apiserver, all their files in one folder.

It knows nothing of pytest, so that whatever measures or demonstrates can start one too:

    with ControlPlane(folder) as plane:
        plane.ask("GET", "/api/v1/nodes")            as the administrator
        plane.token_file(AGENT)                      what a client of ours is given

Nothing else runs: no controllers, no scheduler, no kubelet. A pod is an object, a namespace is never emptied.
"""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import urllib3

from tests.support import debian
from tests.support.audit import Asked, Audit
from tests.support.ports import free_ports
from tests.support.wait import until

ROOT = Path(__file__).parents[2]
APISERVER = ROOT / ".cache" / "cluster" / "kube-apiserver"
ETCD = debian.program("etcd-server", "etcd")

NODE = "node-1"
ADMIN = "admin"
AGENT = "system:serviceaccount:kube-system:multinet"
ACCOUNT = "/api/v1/namespaces/kube-system/serviceaccounts/multinet"
KUBELET = f"system:node:{NODE}"
NOBODY = "nobody"
GROUPS = {
    ADMIN: ("system:masters",),
    AGENT: ("system:serviceaccounts", "system:serviceaccounts:kube-system"),
    KUBELET: ("system:nodes",),
    NOBODY: (),
}

LOOPBACK = "127.0.0.1"
SERVICES = "10.96.0.0/16"
ALONE = ("--disable-admission-plugins=ServiceAccount",)
"""Nothing makes service accounts and their tokens where no controllers run."""

START_SECONDS = 60.0
"""It takes 7 s on two idle cores."""
STOP_SECONDS = 20.0

NEW_CERTIFICATE = (
    *("req", "-x509", "-nodes", "-days", "2"),
    *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
)

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

# RequestReceived is on record before the request is handled: whoever has an answer is in the log.
POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  - level: Metadata
"""


class Refused(AssertionError):
    """The API server answered the administrator with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class ControlPlane:
    """etcd and a kube-apiserver. ``stop_apiserver`` and ``start_apiserver`` keep what is stored."""

    def __init__(
        self,
        folder: Path,
        *,
        address: str = LOOPBACK,
        port: int = 0,
        services: str = SERVICES,
        users: Mapping[str, Sequence[str]] | None = None,
        flags: Sequence[str] = ALONE,
    ) -> None:
        """``services``: their addresses, of the family of ``address``. ``users``: more of them, with their groups.
        ``flags``: the API server's, beyond those it always has.
        """
        self.folder = folder
        self.address = address
        self._services = services
        self.audit_log = folder / "audit.log"
        self.ca_file = folder / "certificates" / "apiserver.crt"
        self._audit = Audit(self.audit_log)
        self._flags = tuple(flags)
        self._groups = {**GROUPS, **(users or {})}
        self._tokens = {user: secrets.token_hex(16) for user in self._groups}
        self._etcd_port, self._etcd_peer_port, free = free_ports(3)
        self.port = port or free
        self._etcd: subprocess.Popen[bytes] | None = None
        self._apiserver: subprocess.Popen[bytes] | None = None
        self._http: urllib3.HTTPSConnectionPool | None = None

    @property
    def server(self) -> str:
        return f"https://{self._host}:{self.port}"

    @property
    def _host(self) -> str:
        """As it stands in a URL (RFC 3986, 3.2.2)."""
        return f"[{self.address}]" if ":" in self.address else self.address

    @property
    def running(self) -> bool:
        """Is there an API server?"""
        return self._apiserver is not None

    @property
    def pids(self) -> tuple[int, ...]:
        """Of all that runs."""
        return tuple(process.pid for process in (self._etcd, self._apiserver) if process is not None)

    # --- running it ---

    def start(self) -> None:
        """Return when the API is ready to be used."""
        for program in (ETCD, APISERVER):
            if not program.exists():
                raise FileNotFoundError(f"{program} is not there: run `make setup`")
        self._write_files()
        self._start_etcd()
        self.start_apiserver()

    def stop(self) -> None:
        self.stop_apiserver(signal.SIGKILL)
        _end(self._etcd, signal.SIGKILL)
        self._etcd = None

    def start_apiserver(self) -> None:
        """On the same port, with the same certificate and tokens. Return when it is ready."""
        self._apiserver = self._run(
            "kube-apiserver",
            APISERVER,
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            f"--bind-address={self.address}",
            f"--advertise-address={self.address}",
            f"--secure-port={self.port}",
            f"--cert-dir={self.folder / 'certificates'}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            f"--client-ca-file={self.folder / 'client-ca.crt'}",
            "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.folder / 'service-account.key'}",
            f"--service-account-signing-key-file={self.folder / 'service-account.key'}",
            f"--service-cluster-ip-range={self._services}",
            "--endpoint-reconciler-type=none",
            "--allow-privileged",
            f"--audit-policy-file={self.folder / 'audit-policy.yaml'}",
            f"--audit-log-path={self.audit_log}",
            "--audit-log-mode=blocking",
            "--shutdown-delay-duration=0s",
            *self._flags,
        )
        until(self._ready, seconds=START_SECONDS, what=f"kube-apiserver; it logs to {self.folder}")

    def stop_apiserver(self, how: signal.Signals = signal.SIGTERM) -> None:
        """SIGKILL for one that dies without a word to its clients."""
        if self._http is not None:
            self._http.close()
            self._http = None
        _end(self._apiserver, how)
        self._apiserver = None

    def restart_apiserver(self, how: signal.Signals = signal.SIGKILL) -> None:
        self.stop_apiserver(how)
        self.start_apiserver()

    def freeze_apiserver(self) -> None:
        """It keeps its connections and answers nobody, until ``thaw_apiserver``."""
        assert self._apiserver is not None
        self._apiserver.send_signal(signal.SIGSTOP)

    def thaw_apiserver(self) -> None:
        assert self._apiserver is not None
        self._apiserver.send_signal(signal.SIGCONT)

    def compact(self) -> None:
        """etcd forgets what was: nobody can go on with a list that was begun before."""
        with urllib3.PoolManager() as http:
            etcd = f"http://127.0.0.1:{self._etcd_port}/v3/kv"
            key = {"key": "AA=="}
            newest = http.request("POST", f"{etcd}/range", json=key).json()["header"]["revision"]
            answer = http.request("POST", f"{etcd}/compaction", json={"revision": newest, "physical": True})
            assert answer.status == 200, answer.data

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- using it ---

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        content_type: str = "application/json",
        user: str = ADMIN,
    ) -> dict[str, Any]:
        """One request; Refused for any answer but 2xx."""
        answer = self._connections().request(
            method,
            path,
            body=None if body is None else json.dumps(body),
            headers={"Authorization": f"Bearer {self._tokens[user]}", "Content-Type": content_type},
            retries=False,
            timeout=STOP_SECONDS,
        )
        if answer.status >= 300:
            raise Refused(answer.status, answer.data.decode(errors="replace"))
        content: dict[str, Any] = answer.json()
        return content

    def apply(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make the object at ``path``, or make it so."""
        return self.ask("PATCH", f"{path}?fieldManager=test&force=true", body, content_type=APPLY_PATCH)

    def token(self, user: str) -> str:
        return self._tokens[user]

    def token_file(self, user: str) -> Path:
        """A file with the user's token, as a client of ours is given it. All share it."""
        file = self.folder / f"{user.replace(':', '-')}.token"
        if not file.exists():
            file.write_text(self._tokens[user])
        return file

    def account_token(self) -> str:
        """A token of the agent's service account, as the kubelet gets one for a pod. It is AGENT's."""
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token: str = self.ask("POST", f"{ACCOUNT}/token", request)["status"]["token"]
        return token

    def revoke_account_tokens(self) -> None:
        """Make the service account anew: tokens of the old one are no longer accepted."""
        self.ask("DELETE", ACCOUNT)
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "multinet"}}
        self.apply(ACCOUNT, account)
        self.restart_apiserver()  # it would believe for another 10 s what it has checked before

    def client_certificate(self, user: str) -> tuple[Path, Path]:
        """A certificate and its key, for clients that have no token."""
        name = user.replace(":", "-")
        self._openssl(
            *NEW_CERTIFICATE,
            *("-CA", "client-ca.crt", "-CAkey", "client-ca.key"),
            *("-subj", "".join(f"/O={group}" for group in self._groups[user]) + f"/CN={user}"),
            *("-out", f"{name}.crt", "-keyout", f"{name}.key"),
        )
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"

    def kubeconfig(self, user: str) -> Path:
        """A kubeconfig of the user, which names the token's file: whoever rewrites that renews the token."""
        file = self.folder / f"{user.replace(':', '-')}.kubeconfig"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "c", "cluster": {"server": self.server, "certificate-authority": str(self.ca_file)}}
            ],
            "users": [{"name": "u", "user": {"tokenFile": str(self.token_file(user))}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        file.write_text(json.dumps(content))
        return file

    def requests(self, user: str = AGENT) -> list[Asked]:
        """What the user has asked the server so far."""
        return [asked for asked in self._audit.requests() if asked.user == user]

    def count(self, user: str = AGENT, *, verb: str = "", resource: str = "") -> int:
        """How many of those had that verb and resource (``patch``, ``pods/status``)."""
        return sum(
            verb in ("", asked.verb) and resource in ("", asked.resource) for asked in self.requests(user)
        )

    # --- inside ---

    def _write_files(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "audit-policy.yaml").write_text(POLICY)
        (self.folder / "tokens.csv").write_text(
            "".join(
                f'{token},{user},{user},"{",".join(self._groups[user])}"\n'
                for user, token in self._tokens.items()
            )
        )
        self._openssl("genrsa", "-out", "service-account.key", "2048")
        self._openssl(
            *NEW_CERTIFICATE, "-subj", "/CN=clients", "-out", "client-ca.crt", "-keyout", "client-ca.key"
        )

    def _openssl(self, *argv: str) -> None:
        subprocess.run(["openssl", *argv], cwd=self.folder, check=True, capture_output=True)

    def _start_etcd(self) -> None:
        client = f"http://127.0.0.1:{self._etcd_port}"
        peer = f"http://127.0.0.1:{self._etcd_peer_port}"
        self._etcd = self._run(
            "etcd",
            ETCD,
            f"--data-dir={self.folder / 'etcd'}",
            "--unsafe-no-fsync",
            # As kubeadm does it: without it the watch cache, and bookmarks with it, lag behind by minutes.
            "--experimental-watch-progress-notify-interval=1s",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
        )

    def _run(self, name: str, *argv: str | Path) -> subprocess.Popen[bytes]:
        """Started so that it ends with this process, however that ends: with the thread that starts it."""
        assert threading.current_thread() is threading.main_thread(), "it would end with its starter"
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )

    def _ready(self) -> bool:
        for name, process in (("etcd", self._etcd), ("kube-apiserver", self._apiserver)):
            if process is not None and process.poll() is not None:
                log = (self.folder / f"{name}.log").read_text(errors="replace")
                raise RuntimeError(f"{name} has ended: {log[-2000:]}")
        if not self.ca_file.exists():
            return False
        try:
            for path in ("/readyz?verbose", "/api/v1/namespaces/kube-system", "/api/v1/namespaces/default"):
                answer = self._connections().request(
                    "GET",
                    path,
                    headers={"Authorization": f"Bearer {self._tokens[ADMIN]}"},
                    retries=False,
                    timeout=STOP_SECONDS,
                )
                if answer.status != 200:
                    return False
        except urllib3.exceptions.HTTPError:
            return False
        return True

    def _connections(self) -> urllib3.HTTPSConnectionPool:
        if self._http is None:
            self._http = urllib3.HTTPSConnectionPool(self._host, self.port, ca_certs=str(self.ca_file))
        return self._http


def _end(process: subprocess.Popen[bytes] | None, how: signal.Signals) -> None:
    if process is None:
        return
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)  # a frozen one does not hear the other
        process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
