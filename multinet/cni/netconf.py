"""Configurations: one plugin's (what stands on its stdin), and the list they come from.

CNI 1.1, "Configuration format" and "Deriving execution configuration from plugin configuration". A plugin
object becomes a request by getting the list's name and version, the previous result, and of the runtime's
capability arguments those whose capability it declares.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Final, Self, TypeVar

from multinet.cni import jsonkeys, versions
from multinet.cni.names import check_network_name
from multinet.cni.types import DNS, Result
from multinet.cni.wire import dns_from_json, result_from_json, result_to_dict
from multinet.errors import DecodingFailure, InvalidConfig, MultinetError

VALID_ATTACHMENTS: Final = "cni.dev/valid-attachments"
ATTACHMENTS: Final = "cni.dev/attachments"
"""What libcni called it by mistake once; it still writes both."""

KEYS: Final = frozenset(
    {
        "cniVersion", "name", "type", "capabilities", "ipam", "dns", "args", "runtimeConfig", "prevResult",
        VALID_ATTACHMENTS, ATTACHMENTS,
    }
)  # fmt: skip
_LIST_KEYS: Final = (
    "name", "type", "cniVersion", "cniVersions", "plugins",
    "disableCheck", "disableGC", "loadOnlyInlinedPlugins",
)  # fmt: skip

_UNMARSHALL: Final = "error unmarshall network config: "
_LIST: Final = "error parsing configuration list: "


T = TypeVar("T")

KEPT: Final = 64
LONGEST_KEPT: Final = 8192
"""How many readings are kept, and of texts up to how many bytes."""


@dataclass(frozen=True, kw_only=True)
class NetConf:
    """One plugin's configuration. Other members than the name are read when they are asked for.

    That keeps the reference's order: a version that is not served is said before a wrong ``ipam`` is, and
    ``prevResult`` is not read for those who don't look at it. ``check`` reads everything but that.
    """

    raw: Mapping[str, Any]
    """As given, with the protocol's keys in their written case."""
    name: str
    type: str
    """"" when there is none: an executable knows its own."""
    previous: Result | None = None
    """A previous result that is not in ``raw``: one that was made in this process."""
    _read: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @staticmethod
    def parse(stdin: bytes) -> NetConf:
        """The protocol's checks of step 3. Raises DecodingFailure, InvalidConfig.

        A configuration is the same for each container of a network, so readings are kept.
        """
        return _kept(stdin) if len(stdin) <= LONGEST_KEPT else _parse(stdin)

    @classmethod
    def of(cls, raw: Mapping[str, Any], *, previous: Result | None = None) -> Self:
        """The same, of an object that has been decoded already."""
        raw = jsonkeys.fold(raw, KEYS)
        try:
            name = jsonkeys.string(raw, "name")
        except InvalidConfig as error:
            raise jsonkeys.reworded(error, _UNMARSHALL, DecodingFailure) from None
        check_network_name(name)
        type_ = raw.get("type")
        return cls(raw=raw, name=name, type=type_ if isinstance(type_, str) else "", previous=previous)

    def check(self) -> Self:
        """Read all members but ``prevResult``, so that a wrong one is found before anything is made."""
        jsonkeys.string(self.raw, "type")
        _ = self.version, self.ipam_type, self.dns, self.runtime_config, self.args_cni
        _ = self.capabilities, self.valid_attachments
        return self

    def once(self, read: Callable[[NetConf], T]) -> T:
        """What ``read`` makes of this configuration, kept with it: it must depend on nothing else, and what it
        returns must not be changed. (The checks of a plugin are a tenth of its ADD, and a configuration is the
        same for each container of a network.)
        """
        if read not in self._read:
            self._read[read] = read(self)
        found: T = self._read[read]
        return found

    @cached_property
    def version(self) -> str:
        """Raises DecodingFailure when it is not a text; whether it is served is asked by others."""
        try:
            return jsonkeys.string(self.raw, "cniVersion") or versions.FIRST
        except InvalidConfig as error:
            words = "decoding version from network config: "
            raise jsonkeys.reworded(error, words, DecodingFailure) from None

    @cached_property
    def prev_result(self) -> Result | None:
        if self.previous is not None:
            return self.previous
        said = jsonkeys.mapping(self.raw, "prevResult")
        if said is None:
            return None
        try:
            return result_from_json(said, self.version)
        except MultinetError as error:
            raise jsonkeys.reworded(error, "could not parse prevResult: ", DecodingFailure) from None

    @cached_property
    def ipam(self) -> Mapping[str, Any] | None:
        return jsonkeys.mapping(self.raw, "ipam")

    @cached_property
    def ipam_type(self) -> str:
        """ "" when the configuration asks for no IPAM."""
        if self.ipam is None:
            return ""
        try:
            return jsonkeys.string(jsonkeys.fold(self.ipam, ("type",)), "type")
        except InvalidConfig as error:
            raise jsonkeys.at("ipam", error) from None

    @cached_property
    def dns(self) -> DNS:
        return dns_from_json(self.raw)

    @cached_property
    def runtime_config(self) -> Mapping[str, Any]:
        return jsonkeys.mapping(self.raw, "runtimeConfig") or {}

    @cached_property
    def args_cni(self) -> Mapping[str, Any]:
        """``args.cni``: what the network's users may say, by convention."""
        args = jsonkeys.mapping(self.raw, "args")
        if not args:
            return {}
        try:
            return jsonkeys.mapping(jsonkeys.fold(args, ("cni",)), "cni") or {}
        except InvalidConfig as error:
            raise jsonkeys.at("args", error) from None

    @cached_property
    def capabilities(self) -> Mapping[str, bool]:
        return read_capabilities(self.raw)

    @cached_property
    def valid_attachments(self) -> frozenset[tuple[str, str]] | None:
        """GC: (container id, ifname) of all that is still attached. None when the key is absent; ``null`` is
        how libcni writes that nothing is."""
        key = VALID_ATTACHMENTS if VALID_ATTACHMENTS in self.raw else ATTACHMENTS
        if key not in self.raw:
            return None
        return frozenset(
            _attachment(key, index, one) for index, one in enumerate(jsonkeys.items(self.raw, key))
        )

    def with_prev_result(self, result: Result | None) -> Self:
        raw = {key: value for key, value in self.raw.items() if key != "prevResult"}
        return replace(self, raw=raw, previous=result)

    def with_valid_attachments(self, valid: Iterable[tuple[str, str]]) -> Self:
        """The request for GC."""
        listed = [{"containerID": container_id, "ifname": ifname} for container_id, ifname in sorted(valid)]
        return replace(self, raw={**self.raw, VALID_ATTACHMENTS: listed, ATTACHMENTS: listed})

    def encode(self) -> bytes:
        """What an executable gets on stdin. Raises when ``previous`` can't be told in this version."""
        raw = self.raw
        if self.previous is not None:
            raw = {**raw, "prevResult": result_to_dict(self.previous, self.version)}
        return json.dumps(raw, ensure_ascii=False, separators=(",", ":")).encode()


def _parse(stdin: bytes) -> NetConf:
    try:
        raw = jsonkeys.load(stdin)
    except DecodingFailure as error:
        raise jsonkeys.reworded(error, _UNMARSHALL, DecodingFailure) from None
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise DecodingFailure(f"{_UNMARSHALL}expected an object, got {jsonkeys.kind(raw)}")
    return NetConf.of(raw)


_kept = lru_cache(maxsize=KEPT)(_parse)


def read_capabilities(plugin: Mapping[str, Any]) -> Mapping[str, bool]:
    said = jsonkeys.mapping(plugin, "capabilities") or {}
    try:
        return {name: jsonkeys.boolean(said, name) for name in said}
    except InvalidConfig as error:
        raise jsonkeys.at("capabilities", error) from None


def _attachment(key: str, index: int, said: object) -> tuple[str, str]:
    if not isinstance(said, dict):
        raise jsonkeys.wrong(f"{key}[{index}]", "an object", said)
    said = jsonkeys.fold(said, ("containerID", "ifname"))
    try:
        return jsonkeys.string(said, "containerID"), jsonkeys.string(said, "ifname")
    except InvalidConfig as error:
        raise jsonkeys.at(f"{key}[{index}]", error) from None


@dataclass(frozen=True, kw_only=True, slots=True)
class NetConfList:
    """A network: its plugins in order."""

    name: str
    version: str
    plugins: tuple[Mapping[str, Any], ...]
    disable_check: bool = False
    disable_gc: bool = False
    load_only_inlined: bool = False
    """From a file: further plugins in the folder of the network's name are not to be loaded."""
    _plain: dict[int, NetConf] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Requests to which nothing was added: what they have read is kept with them."""

    @staticmethod
    def parse(text: str | bytes, *, default_name: str = "", may_be_empty: bool = False) -> NetConfList:
        """Read a list, or a single plugin's object as a list of one.

        ``default_name`` is for those that have no name. ``may_be_empty``: the plugins may be somewhere else
        (in a folder beside the file), so ``plugins`` may be missing. Raises DecodingFailure, InvalidConfig.

        A definition is the same for each of its pods, so readings are kept.
        """
        read = _kept_list if len(text) <= LONGEST_KEPT else _parse_list
        return read(text, default_name, may_be_empty)

    @classmethod
    def of(cls, raw: Mapping[str, Any], *, default_name: str = "", may_be_empty: bool = False) -> Self:
        """The same, of an object that has been decoded already."""
        raw = jsonkeys.fold(raw, _LIST_KEYS)
        single = "plugins" not in raw and bool(raw.get("type"))
        if single:
            raw = {key: raw[key] for key in ("name", "cniVersion") if key in raw} | {"plugins": [raw]}
        try:
            return cls._of_list(raw, default_name, may_be_empty)
        except MultinetError as error:
            raise jsonkeys.reworded(error, _LIST, type(error)) from None

    @classmethod
    def _of_list(cls, raw: Mapping[str, Any], default_name: str, may_be_empty: bool) -> Self:
        name = jsonkeys.string(raw, "name") or default_name
        if not name:
            raise InvalidConfig("no name", hint="the configuration needs a 'name'")
        check_network_name(name)
        several = jsonkeys.strings(raw, "cniVersions") if raw.get("cniVersions") is not None else None
        version = versions.choose(jsonkeys.string(raw, "cniVersion"), several)
        found = cls(
            name=name,
            version=version,
            plugins=(),
            disable_check=_switch(raw, "disableCheck"),
            disable_gc=_switch(raw, "disableGC"),
            load_only_inlined=_switch(raw, "loadOnlyInlinedPlugins"),
        )
        if "plugins" in raw:
            plugins = jsonkeys.items(raw, "plugins")
            if not plugins:
                raise InvalidConfig("no plugins in list")
            return found._with(plugins)
        if found.load_only_inlined:
            raise InvalidConfig("`loadOnlyInlinedPlugins` is true, and no 'plugins' key")
        if not may_be_empty:
            raise InvalidConfig(
                "no plugin configs found", hint="it needs 'plugins', or the 'type' of a single plugin"
            )
        return found

    def with_plugins(self, plugins: Iterable[Mapping[str, Any]]) -> Self:
        """The list with these after its own."""
        try:
            return self._with(plugins)
        except MultinetError as error:
            raise jsonkeys.reworded(error, _LIST, type(error)) from None

    def _with(self, plugins: Iterable[Any]) -> Self:
        read = [*self.plugins]
        for index, plugin in enumerate(plugins):
            try:
                read.append(_checked(plugin, self.name))
            except MultinetError as error:
                words = f"failed to parse plugin config {index}: error parsing configuration: "
                raise jsonkeys.reworded(error, words, type(error)) from None
        return replace(self, plugins=tuple(read))

    def capabilities(self) -> frozenset[str]:
        """What at least one plugin can be told."""
        return frozenset(
            name
            for plugin in self.plugins
            for name, told in read_capabilities(jsonkeys.fold(plugin, KEYS)).items()
            if told
        )

    def plugin_request(
        self,
        index: int,
        *,
        prev_result: Result | None = None,
        capability_args: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> NetConf:
        """The request for one plugin. ``extra`` is merged in, object by object, and wins.

        ``runtimeConfig`` is written only when the plugin declares a capability that is told; otherwise one in
        the file stays, as the reference leaves it, and so does ``capabilities``.
        """
        plain = self._plain.get(index)
        if plain is None:
            raw = {**jsonkeys.fold(self.plugins[index], KEYS), "name": self.name, "cniVersion": self.version}
            plain = self._plain[index] = NetConf(raw=raw, name=self.name, type=raw["type"])
        raw = dict(plain.raw)
        if extra:
            raw = _merged(raw, extra) | {"name": self.name, "cniVersion": self.version}
        told: Mapping[str, Any] = {}
        if capability_args:
            declared = read_capabilities(raw) if extra else plain.capabilities
            told = {name: value for name, value in capability_args.items() if declared.get(name)}
        if not extra and not told and prev_result is None:
            return plain
        if told:
            raw["runtimeConfig"] = told
        if prev_result is not None:
            raw.pop("prevResult", None)
        return NetConf(raw=raw, name=self.name, type=raw["type"], previous=prev_result)

    def to_dict(self) -> dict[str, Any]:
        """What ``of`` reads back."""
        said: dict[str, Any] = {"cniVersion": self.version, "name": self.name}
        switches = {
            "disableCheck": self.disable_check,
            "disableGC": self.disable_gc,
            "loadOnlyInlinedPlugins": self.load_only_inlined,
        }
        said |= {key: True for key, on in switches.items() if on}
        if self.plugins:
            said["plugins"] = list(self.plugins)
        return said


def _parse_list(text: str | bytes, default_name: str, may_be_empty: bool) -> NetConfList:
    try:
        raw = jsonkeys.load(text)
        if not isinstance(raw, dict):
            raise DecodingFailure(f"expected an object, got {jsonkeys.kind(raw)}")
    except DecodingFailure as error:
        raise jsonkeys.reworded(error, _LIST, DecodingFailure) from None
    return NetConfList.of(raw, default_name=default_name, may_be_empty=may_be_empty)


_kept_list = lru_cache(maxsize=KEPT)(_parse_list)


def _checked(plugin: object, network: str) -> Mapping[str, Any]:
    if not isinstance(plugin, Mapping):
        raise InvalidConfig(f"expected an object, got {jsonkeys.kind(plugin)}")
    folded = jsonkeys.fold(plugin, KEYS)
    if not jsonkeys.string(folded, "type"):
        raise InvalidConfig("missing 'type'", hint="name the plugin that is to be run")
    NetConf(raw=folded, name=network, type=folded["type"]).check()
    return folded


def _merged(base: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in extra.items():
        there = merged.get(key)
        both = isinstance(there, Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(there, value) if both else value  # type: ignore[arg-type]
    return merged


def _switch(raw: Mapping[str, Any], key: str) -> bool:
    """A bool, or the text of one."""
    said = raw.get(key)
    if isinstance(said, str):
        if said.lower() in ("true", "false"):
            return said.lower() == "true"
        raise InvalidConfig(f"invalid value {jsonkeys.quoted(said)} for {key}", hint="true or false")
    return jsonkeys.boolean(raw, key)
