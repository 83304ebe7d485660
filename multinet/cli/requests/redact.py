"""What a recording must not tell: secrets always, and names and addresses where that is asked for."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any, Final

REDACTED: Final = "REDACTED"
SECRET_KEYS: Final = re.compile(
    r"passw|passphrase|secret|token|credential|private_?key|api_?key|access_?key|client_?key|preshared|psk"
    r"|authorization|cookie|key_?data|certificate_?data|ca_?data|community",
    re.IGNORECASE,
)
"""Keys whose values are secrets, or may be. ``kubeconfig`` is a path, and stays."""
OUR_ANNOTATIONS: Final = ("cni.cncf.io/", "v1.multus-cni.io/", "multinet.dev/")
"""What is in the name of one that says something of networks; the others of a pod are anybody's."""
POD_ANNOTATIONS: Final = ("annotations", "io.kubernetes.cri.pod-annotations")
SECRET_TEXTS: Final = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
    re.compile(r"(?i)(?<=bearer )[\w.~+/-]{8,}=*"),
    re.compile(r"(?i)(?:(?<=password=)|(?<=password: )|(?<=token=)|(?<=token: )|(?<=secret=))[^\s\"',;]+"),
)
"""Private keys, JSON web tokens, user and password of a URL, and what programs print of the kind."""
KEPT_NAMES: Final = frozenset({"default", "kube-system"})
_V4: Final = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(/\d{1,2})?(?![\w.]*\d\.)")
_V6: Final = re.compile(
    r"(?<![\w:])((?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4})(/\d{1,3})?(?![\w:])", re.IGNORECASE
)
_MAC: Final = re.compile(r"(?<![\w:])(?:[0-9a-f]{2}:){5}[0-9a-f]{2}(?![\w:])", re.IGNORECASE)


def without_secrets(recording: Any) -> tuple[Any, list[str]]:
    """A copy, and where something was taken out: ``definitions.shop/lan.config.ipam.password``."""
    found: list[str] = []
    return _clean(recording, "", found), found


def _clean(value: Any, place: str, found: list[str]) -> Any:
    if isinstance(value, dict):
        return {key: _clean_key(key, one, place, found) for key, one in value.items()}
    if isinstance(value, list):
        return [_clean(one, f"{place}[{number}]", found) for number, one in enumerate(value)]
    return _clean_text(value, place, found) if isinstance(value, str) else value


def _clean_key(key: str, value: Any, place: str, found: list[str]) -> Any:
    here = f"{place}.{key}".lstrip(".")
    foreign = place.endswith(POD_ANNOTATIONS) and not any(word in key for word in OUR_ANNOTATIONS)
    secret = SECRET_KEYS.search(key) and isinstance(value, str | list) and value
    if foreign or secret:
        found.append(here)
        return REDACTED
    return _clean(value, here, found)


def _clean_text(text: str, place: str, found: list[str]) -> str:
    if text[:1] in "{[":
        with suppress(ValueError, RecursionError):
            before = len(found)
            cleaned = _clean(json.loads(text), place, found)
            return json.dumps(cleaned) if len(found) > before else text
    told = text
    for secret in SECRET_TEXTS:
        told = secret.sub(REDACTED, told)
    if told != text:
        found.append(place)
    return told


def anonymous(recording: dict[str, Any]) -> dict[str, Any]:
    """A copy with other names of pods, namespaces, definitions and the node, and other addresses: the same for the
    same, and in one network what was in one.
    """
    text = json.dumps(recording)
    for number, name in enumerate(sorted(_names(recording), key=len, reverse=True), 1):
        text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", f"name-{number}", text)
    v4, v6, mac = (secrets.randbelow((1 << bits) - 1) + 1 for bits in (8, 32, 24))
    text = _MAC.sub(lambda one: _other_mac(one[0], mac), text)
    text = _V4.sub(lambda one: _other(one[1], one[2] or "", IPv4Address, v4 << 16), text)
    text = _V6.sub(lambda one: _other(one[1], one[2] or "", IPv6Address, v6 << 80), text)
    told: dict[str, Any] = json.loads(text)
    return told


def _names(recording: dict[str, Any]) -> set[str]:
    """Not those that also are a key or a plugin's type: a pod may be called ``bridge``."""
    pod = recording["pod"] if isinstance(recording["pod"], dict) else {}
    args = dict(one.partition("=")[::2] for one in recording["env"].get("CNI_ARGS", "").split(";"))
    names = {str(pod.get(key, "")) for key in ("namespace", "name", "uid")}
    names |= {args.get(f"K8S_POD_{key}", "") for key in ("NAMESPACE", "NAME", "UID")}
    names |= {part for name in recording["definitions"] for part in name.split("/")}
    names.add(str(recording["settings"].get("agent", {}).get("nodeName", "")))
    return names - KEPT_NAMES - set(_words(recording)) - {""}


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        if isinstance(value.get("type"), str):
            yield value["type"]
        for one in value.values():
            yield from _words(one)
    elif isinstance(value, list):
        for one in value:
            yield from _words(one)
    elif isinstance(value, str) and value[:1] in "{[":
        with suppress(ValueError, RecursionError):
            yield from _words(json.loads(value))


def _other(text: str, prefix: str, kind: type[IPv4Address] | type[IPv6Address], mask: int) -> str:
    """Of the same kind: what has a meaning of its own (loopback, multicast, a netmask) stays."""
    try:
        address = kind(text)
    except ValueError:
        return text + prefix
    if address.is_loopback or address.is_multicast or address.is_link_local or address.is_unspecified:
        return text + prefix
    if kind is IPv4Address and int(address) >> 28 == 15:  # a netmask, or broadcast
        return text + prefix
    other = kind(int(address) ^ mask)
    if prefix and _is_network(f"{text}{prefix}"):
        return str(ip_network(f"{other}{prefix}", strict=False))
    return f"{other}{prefix}"


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _other_mac(text: str, mask: int) -> str:
    number = int(text.replace(":", ""), 16)
    if number in (0, (1 << 48) - 1):
        return text
    return (number ^ mask).to_bytes(6, "big").hex(":")
