"""The folder of CNI configurations on a node, searched by network name.

Section 3.4.1 of multi-net-spec 1.3 wants lists (``.conflist``) tried before single plugins (``.conf``,
``.json``), and so does libcni's own loader; Multus takes whatever comes first in the alphabet. We follow the
specification, and within a kind the alphabet. A file that can't be read is no business of ours until nothing
is found: then it may be the one that was meant, and is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from multinet.cni import jsonkeys
from multinet.cni.netconf import NetConfList
from multinet.errors import DecodingFailure, InvalidConfig, MultinetError, inside

ConfDir: TypeAlias = Mapping[str, bytes]
"""The folder's files by their path in it: ``10-net.conflist``, and ``net/20-tuning.conf`` one folder deeper.
Looking one up may raise IOFailure."""


def find(name: str, files: ConfDir) -> NetConfList:
    """The configuration called ``name``. Raises InvalidConfig or DecodingFailure."""
    unread: list[str] = []
    for path in _in_order(files):
        try:
            found = jsonkeys.string(_object(files[path]), "name")
        except MultinetError as error:
            unread.append(f"{path}: {str(error).splitlines()[0]}")
            continue
        if found == name:
            return read(path, files)
    hint = "these could not be read: " + "; ".join(unread) if unread else ""
    raise InvalidConfig(f'no CNI configuration is named "{name}"', hint=hint)


def read(path: str, files: ConfDir) -> NetConfList:
    """The configuration in one file of the folder. Raises InvalidConfig, DecodingFailure or IOFailure.

    A list is continued by the plugins in the folder of its name, unless it says ``loadOnlyInlinedPlugins``
    (CNI 1.1, "Configuration format").
    """
    is_list = path.endswith(".conflist")
    content = files[path]
    with inside(path):
        found = NetConfList.parse(content, may_be_empty=is_list)
        if is_list and not found.load_only_inlined:
            found = _continued(found, files)
        if not found.plugins:
            hint = f"it needs 'plugins', or *.conf files in the folder {found.name}"
            raise InvalidConfig("no plugin configs found", hint=hint)
    return found


def _in_order(files: ConfDir) -> Iterator[str]:
    for kinds in (".conflist",), (".conf", ".json"):
        yield from sorted(path for path in files if "/" not in path and path.endswith(kinds))


def _continued(found: NetConfList, files: ConfDir) -> NetConfList:
    for path in sorted(files):
        if path.startswith(f"{found.name}/") and path.endswith(".conf"):
            with inside(path):
                found = found.with_plugins([_object(files[path])])
    return found


def _object(content: bytes) -> Mapping[str, Any]:
    decoded = jsonkeys.load(content)
    if not isinstance(decoded, dict):
        raise DecodingFailure(f"expected an object, got {jsonkeys.kind(decoded)}")
    return jsonkeys.fold(decoded, ("name",))
