"""A kubeconfig, read by ourselves where it says everything: tokens, certificates, files or texts of them.

A user that is described by a program (``exec``) or by an ``auth-provider`` is left to the ``kubernetes``
package, which knows those protocols, and which is imported for nobody else.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import yaml

from multinet import log, yamls
from multinet.errors import InvalidConfig, inside
from multinet.kube.access import Access

CURRENT = "current-context"

Entry: TypeAlias = tuple[Path, Mapping[str, Any]]
"""A cluster, user or context, and the file it is in: what it names by a relative path is beside that."""

_NOT_SERVED = {
    "proxy-url": "proxies are not supported",
    "username": "Kubernetes has no passwords any more",
    "as": "acting as somebody else is not supported",
}


def read(*files: Path, context: str = "") -> Access:
    """``context``, or the current one. Of several files the first that says a thing counts, as kubectl has it.
    Raises InvalidConfig.
    """
    with inside(f"kubeconfig {os.pathsep.join(map(str, files))}"):
        contents = [(path, _content(path)) for path in files]
        current = next((content for _, content in contents if content.get(CURRENT)), {})
        _, chosen = _named(contents, "contexts", "context", context or _text(current, CURRENT))
        cluster = _named(contents, "clusters", "cluster", _text(chosen, "cluster"))
        user = (
            _named(contents, "users", "user", _text(chosen, "user")) if chosen.get("user") else (Path(), {})
        )
        for word, why in _NOT_SERVED.items():
            if cluster[1].get(word) or user[1].get(word):
                raise InvalidConfig(f"{word}: {why}")
        certificate = _file_or_data(*user, "client-certificate")
        key = _file_or_data(*user, "client-key")
        authorization: Callable[[], str] | None = None
        if user[1].get("exec") or user[1].get("auth-provider"):
            authorization, certificate, key = _by_plugin(files, context, certificate, key)
        return Access(
            server=_server(cluster[1]),
            ca=_file_or_data(*cluster, "certificate-authority"),
            token=_token(*user),
            certificate=certificate,
            key=key,
            server_name=_text(cluster[1], "tls-server-name", required=False),
            insecure=_insecure(*cluster),
            authorization=authorization,
            namespace=_text(chosen, "namespace", required=False),
        )


def contexts_of(*files: Path) -> list[str]:
    """The names of all contexts. Raises InvalidConfig."""
    found = [entry for path in files for entry in _content(path).get("contexts") or ()]
    return [str(entry["name"]) for entry in found if isinstance(entry, dict) and "name" in entry]


def _content(path: Path) -> Mapping[str, Any]:
    try:
        content = yamls.load(path.read_text())
    except OSError as error:
        raise InvalidConfig(f"could not read it: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidConfig(f"it is not YAML: {yamls.told(error)}") from error
    if not isinstance(content, dict):
        raise InvalidConfig("it is not an object")
    return content


def _insecure(path: Path, cluster: Mapping[str, Any]) -> bool:
    insecure = cluster.get("insecure-skip-tls-verify") is True
    if insecure:
        log.warn("the API server's certificate is not verified", kubeconfig=str(path))
    return insecure


def _named(
    contents: Sequence[tuple[Path, Mapping[str, Any]]], plural: str, singular: str, name: str
) -> Entry:
    for path, content in contents:
        entries = content.get(plural)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and entry.get("name") == name:
                found = entry.get(singular)
                return path, found if isinstance(found, dict) else {}
    raise InvalidConfig(f"{plural}: there is none named {name!r}")


def _text(holder: Mapping[str, Any], key: str, *, required: bool = True) -> str:
    value = holder.get(key) or ""
    if not isinstance(value, str) or (required and not value):
        raise InvalidConfig(f"{key}: expected a text")
    return value


def _server(cluster: Mapping[str, Any]) -> str:
    server = _text(cluster, "server").rstrip("/")
    try:
        url = urlsplit(server)
        good = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:  # a port that is none, half an IPv6 address
        good = False
    if not good:
        raise InvalidConfig(f"server: {server!r} is no address", hint="write it like https://10.0.0.1:6443")
    return server


def _token(path: Path, user: Mapping[str, Any]) -> Path | str:
    """As client-go does: the file goes first, for its content may be renewed."""
    file = _text(user, "tokenFile", required=False)
    return path.parent / file if file else _text(user, "token", required=False)


def _file_or_data(path: Path, holder: Mapping[str, Any], key: str) -> Path | str:
    """``KEY-data`` goes before ``KEY``; a relative path is meant from the kubeconfig's folder."""
    data = _text(holder, f"{key}-data", required=False)
    if data:
        try:
            return base64.b64decode(data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise InvalidConfig(f"{key}-data: expected PEM in base64") from error
    file = _text(holder, key, required=False)
    return path.parent / file if file else ""


def _by_plugin(
    files: Sequence[Path], context: str, certificate: Path | str, key: Path | str
) -> tuple[Callable[[], str], Path | str, Path | str]:
    """Let the ``kubernetes`` package ask the program now, and again when what it said has expired."""
    try:
        from kubernetes.client import Configuration
        from kubernetes.config import ConfigException, load_kube_config
    except ModuleNotFoundError as error:  # as in the agent's image, which has no such programs either
        raise InvalidConfig(
            "a program is to be asked for the credentials, which takes the Python package kubernetes",
            hint="install that, or let it name a token's file or a certificate's",
        ) from error

    configuration = Configuration()
    try:
        load_kube_config(  # type: ignore[no-untyped-call]
            os.pathsep.join(map(str, files)),
            context=context or None,
            client_configuration=configuration,
            persist_config=False,
        )
    except ConfigException as error:
        raise InvalidConfig(str(error)) from error
    if configuration.cert_file and configuration.key_file:
        certificate, key = Path(configuration.cert_file), Path(configuration.key_file)

    def authorization() -> str:
        return configuration.get_api_key_with_prefix("BearerToken", alias="authorization") or ""

    return authorization, certificate, key
