"""The rules that look at one definition."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any, Final

from multinet.cli.findings import Finding, Severity
from multinet.cli.lint import keys
from multinet.cli.lint.place import Steps
from multinet.cli.lint.subject import Subject
from multinet.cli.objects import Object
from multinet.cli.parents import parent_faults
from multinet.cli.surroundings import Surroundings, Unknown
from multinet.cni import jsonkeys
from multinet.cni.args import Args
from multinet.cni.names import META_PLUGINS
from multinet.cni.netconf import NetConf
from multinet.cni.versions import CURRENT
from multinet.delegate.invoke import prepare
from multinet.delegate.registry import installed, schema
from multinet.errors import IncompatibleVersion, MultinetError, nearest
from multinet.kernel.namespace import Namespace
from multinet.npwg import nad
from multinet.npwg.annotations import RESOURCE_NAME
from multinet.resolve import allowed

SOME_DEVICE: Final = {
    "deviceID": "ffff:00:00.0",
    "pciBusID": "ffff:00:00.0",
    "runtimeConfig": {"deviceID": "ffff:00:00.0"},
}
"""Stands for the device that a pod will be given."""


def look(
    one: Object, home: str, around: Surroundings, host: Namespace | None
) -> tuple[Subject, list[Finding]]:
    """``host``: the node's namespace, where this is the node."""
    subject = Subject(origin=one)
    return subject, list(_look(subject, home, around, host))


def _look(subject: Subject, home: str, around: Surroundings, host: Namespace | None) -> Iterator[Finding]:
    try:
        subject.definition = subject.origin.definition(home)
    except MultinetError as error:
        yield _at_object(subject, error)
        return
    try:
        conflist = nad.netconf_list(subject.definition, around.configurations.folder)
    except Unknown:
        return
    except MultinetError as error:
        yield subject.refuse("configuration", (), error)
        return
    subject.conflist = conflist
    subject.raw = _decoded(subject.definition.config)
    yield from _version(subject)
    if "plugins" in jsonkeys.fold(subject.raw, ("plugins",)):
        yield from _unknown(subject, (), keys.of_list(subject.raw))
    for index in range(len(conflist.plugins)):
        yield from _plugin(subject, index, around, host)
    yield from _room(subject, known=around.on_a_node)


def _at_object(subject: Subject, error: MultinetError) -> Finding:
    """A fault of the object around the configuration."""
    subject.is_wrong = True
    path = [part for step in error.place[1:] for part in step.strip(".").split(".")]
    origin = subject.origin
    where = f"{origin.file}:{origin.line(*path)}" if origin.file else origin.where
    return Finding(
        where=where, severity=Severity.ERROR, rule="definition", message=error.sentence, remedy=error.hint
    )


def _decoded(config: str) -> Mapping[str, Any]:
    try:
        found = json.loads(config) if config else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _version(subject: Subject) -> Iterator[Finding]:
    said = jsonkeys.fold(subject.raw, ("cniVersion", "cniVersions"))
    if subject.raw and not said.get("cniVersion") and not said.get("cniVersions"):
        yield subject.say(
            "cni-version",
            Severity.WARNING,
            (),
            "cniVersion is missing, which means 0.1.0: no CHECK, and results that tell little",
            f'write "cniVersion": "{CURRENT}", or the newest that its plugins serve',
        )


def _plugin(subject: Subject, index: int, around: Surroundings, host: Namespace | None) -> Iterator[Finding]:
    assert subject.conflist is not None
    base = subject.base(index)
    conf = subject.conflist.plugin_request(index)
    if conf.type in META_PLUGINS:
        yield subject.say(
            "meta-plugin",
            Severity.ERROR,
            (*base, "type"),
            f"{conf.type} is a meta plugin, which calls the plugins of networks and is none itself",
            "name the plugin that makes the interface as the configuration's 'type'",
        )
        return
    yield from _not_allowed(subject, index, base, around)
    yield from _type(subject, base, conf)
    yield from _read(subject, index, base, conf, around)
    yield from _unknown(subject, base, keys.unknown(conf.raw))
    yield from _capabilities(subject, base, conf)
    yield from _gateways(subject, base, conf)
    for error in parent_faults(conf, host) if host is not None else ():
        yield subject.refuse("parent", (*base, "master"), error)


def _not_allowed(subject: Subject, index: int, base: Steps, around: Surroundings) -> Iterator[Finding]:
    assert subject.conflist is not None
    assert subject.definition is not None
    if not subject.definition.config:
        return
    plugin, namespace = subject.conflist.plugins[index], subject.definition.namespace
    for steps, error in allowed.refusals(around.settings, namespace, subject.conflist.name, plugin):
        yield subject.say("not-allowed", Severity.ERROR, (*base, *steps), error.message, error.hint)


def _type(subject: Subject, base: Steps, conf: NetConf) -> Iterator[Finding]:
    """A type that is nearly one of ours is rather a mistake than a program of that name."""
    named = [(conf.type, (*base, "type"))]
    if conf.ipam_type:
        named.append((conf.ipam_type, (*base, "ipam", "type")))
    for type_, steps in named:
        if type_ not in installed() and (meant := nearest(type_, installed())):
            yield subject.say(
                "plugin",
                Severity.WARNING,
                steps,
                f"the plugin {type_!r} is none that comes with multinet, and has to be on each node",
                f"did you mean {meant!r}?",
            )


def _read(
    subject: Subject, index: int, base: Steps, conf: NetConf, around: Surroundings
) -> Iterator[Finding]:
    """What the plugin itself says of its configuration."""
    assert subject.definition is not None
    if subject.definition.resource_name:
        conf = _with_device(conf)
    try:
        subject.read[index] = prepare(around.find_delegate, conf, Args.parse(""))
    except IncompatibleVersion as error:
        yield subject.refuse("cni-version", ("cniVersion",), error)
    except MultinetError as error:
        try:
            subject.read[index] = prepare(around.find_delegate, _with_device(conf), Args.parse(""))
        except MultinetError:
            rule = "configuration" if conf.type in installed() else "plugin"
            yield subject.refuse(rule, base, error)
        else:
            yield subject.say(
                "no-device",
                Severity.ERROR,
                (*base, "type"),
                f"{conf.type} needs a device, and neither the configuration nor a resource gives one",
                f"name the device plugin's resource in the annotation {RESOURCE_NAME} of the definition",
            )


def _with_device(conf: NetConf) -> NetConf:
    return replace(conf, raw={**conf.raw, **SOME_DEVICE})


def _unknown(subject: Subject, base: Steps, found: Iterator[tuple[Steps, str]]) -> Iterator[Finding]:
    for steps, meant in found:
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
        yield subject.say(
            "unknown-key",
            Severity.WARNING,
            (*base, *steps),
            f"the key '{path}' is not known, and passed over",
            f"did you mean {meant!r}?" if meant else "remove it, or see the plugin's README for its keys",
        )


def _capabilities(subject: Subject, base: Steps, conf: NetConf) -> Iterator[Finding]:
    documents = [schema(conf.type), *([schema(conf.ipam_type)] if conf.ipam_type else [])]
    if None in documents:
        return
    known = {
        name
        for document in documents
        if document
        for name in document.get("properties", {}).get("runtimeConfig", {}).get("properties", {})
    }
    for name, wanted in conf.capabilities.items():
        if wanted and name not in known and "." not in name:
            meant = nearest(name, known)
            yield subject.say(
                "capability-unknown",
                Severity.WARNING,
                (*base, "capabilities", name),
                f"the capability {name!r} is declared, but {conf.type} does not know it",
                f"did you mean {meant!r}?" if meant else "remove it, or declare it at the plugin that does",
            )


def _gateways(subject: Subject, base: Steps, conf: NetConf) -> Iterator[Finding]:
    for steps, one in _ranges(conf.ipam or {}):
        subnet, gateway = str(one.get("subnet") or one.get("address") or ""), str(one.get("gateway") or "")
        try:
            outside = bool(gateway) and ip_address(gateway) not in ip_network(subnet, strict=False)
        except ValueError:
            continue  # the plugin has said so
        if outside:
            yield subject.say(
                "gateway-outside",
                Severity.WARNING,
                (*base, "ipam", *steps, "gateway"),
                f"the gateway {gateway} is outside of {subnet}: no pod can reach it",
                "correct one of the two",
            )


def _ranges(ipam: Mapping[str, Any]) -> Iterator[tuple[Steps, Mapping[str, Any]]]:
    if ipam.get("subnet"):
        yield (), ipam
    listed = ipam.get("ranges")
    for number, several in enumerate(listed if isinstance(listed, list) else ()):
        for index, one in enumerate(several if isinstance(several, list) else ()):
            if isinstance(one, Mapping):
                yield ("ranges", number, index), one
    addresses = ipam.get("addresses")
    for index, one in enumerate(addresses if isinstance(addresses, list) else ()):
        if isinstance(one, Mapping):
            yield ("addresses", index), one


def _room(subject: Subject, *, known: bool) -> Iterator[Finding]:
    for index, pool in subject.pools:
        for stretch in pool.stretches:
            steps = (*subject.base(index), "ipam")
            if stretch.size == 0:
                yield subject.say(
                    "no-room",
                    Severity.ERROR,
                    steps,
                    f"the range {stretch} holds no address but the gateway's",
                    "widen it",
                )
            elif known and not stretch.free:
                yield subject.say(
                    "no-room",
                    Severity.WARNING,
                    steps,
                    f"no address is left in {stretch} on this node: all {stretch.size} are taken",
                    "free some (`multinet ipam` shows whose they are), or widen the range",
                )
