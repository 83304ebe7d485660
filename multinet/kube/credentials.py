"""What we prove ourselves with, kept up to date: the kubelet renews tokens and CAs under a running agent."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock

from multinet.kube.access import Access
from multinet.kube.errors import ApiUnavailable

LOOK_SECONDS = 1.0
"""A file's stat is looked at no more often than this."""


class Text:
    """A text, or a file's. A file that changes is read again; one that vanishes keeps its last content."""

    def __init__(self, source: Path | str) -> None:
        self._path = source if isinstance(source, Path) else None
        self._text = source if isinstance(source, str) else ""
        self._signature: tuple[int, ...] = ()
        self._looked = float("-inf")
        self._lock = Lock()

    def now(self, *, look: bool = False) -> str:
        """``look`` at the file even if that was done a moment ago. Raises ApiUnavailable."""
        if self._path is None:
            return self._text
        with self._lock:
            if look or time.monotonic() - self._looked >= LOOK_SECONDS:
                self._look(self._path)
            return self._text

    def _look(self, path: Path) -> None:
        try:
            found = path.stat()
            signature = (found.st_mtime_ns, found.st_ino, found.st_size)
            if signature != self._signature:
                self._text, self._signature = path.read_text(), signature
        except (OSError, UnicodeDecodeError) as error:
            if not self._signature:
                why = error.strerror if isinstance(error, OSError) else "it is not text"
                raise ApiUnavailable(f"could not read {path}, needed for the API server: {why}") from error
        self._looked = time.monotonic()


class Credentials:
    def __init__(self, access: Access) -> None:
        self._access = access
        self._token = Text(access.token)
        self._tls_texts = (Text(access.ca), Text(access.certificate), Text(access.key))
        self._tls_made_of: tuple[str, ...] = ()
        self._tls: ssl.SSLContext | None = None
        self._lock = Lock()

    def authorization(self, *, look: bool = False) -> str:
        """The header's value, or "". ``look``: the last one was not accepted."""
        if self._access.authorization is not None:
            return self._access.authorization()
        token = self._token.now(look=look).strip()
        return f"Bearer {token}" if token else ""

    def tls(self) -> ssl.SSLContext:
        """The same object as before as long as CA, certificate and key are."""
        with self._lock:
            texts = tuple(text.now() for text in self._tls_texts)
            if self._tls is None or texts != self._tls_made_of:
                self._tls, self._tls_made_of = self._context(*texts), texts
            return self._tls

    def _context(self, ca: str, certificate: str, key: str) -> ssl.SSLContext:
        # Not ssl.create_default_context(): from Python 3.13 on it asks for extensions that the CAs of many
        # clusters lack (VERIFY_X509_STRICT).
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            if self._access.insecure:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            elif ca:
                context.load_verify_locations(cadata=ca)
            else:
                context.load_default_certs()
            if certificate:
                with ExitStack() as stack:
                    files = [
                        stack.enter_context(_in_memory(text)) for text in (certificate, key or certificate)
                    ]
                    context.load_cert_chain(*files)
        except (ssl.SSLError, OSError) as error:
            raise ApiUnavailable(
                f"the certificates for the API server {self._access.server} can't be used: {error}"
            ) from error
        return context


@contextmanager
def _in_memory(text: str) -> Iterator[str]:
    """A path to read ``text`` from: ``load_cert_chain`` wants files, and a key has no business on disk."""
    file = os.memfd_create("multinet-pem", os.MFD_CLOEXEC)
    try:
        os.write(file, text.encode())
        yield f"/proc/self/fd/{file}"
    finally:
        os.close(file)
