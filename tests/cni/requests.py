"""Environments and configurations that a plugin refuses before its own work begins, and what it answers.

One table for two tests: ours must answer so, and the reference's program must, given the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CONTAINER = {
    "CNI_CONTAINERID": "c1",
    "CNI_NETNS": "/run/netns/not-there",
    "CNI_IFNAME": "eth0",
    "CNI_PATH": "/opt/cni/bin",
}
GOOD = '{"cniVersion": "1.1.0", "name": "net", "type": "static", "ipam": {"type": "static", "addresses": []}}'


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """``message`` ends with "..." where what follows is in each reader's own words. ``hint`` is only ours."""

    what: str
    env: Mapping[str, str]
    stdin: str = GOOD
    code: int
    message: str
    details: str = ""
    hint: str = field(default="")


def env(verb: str, **changes: str) -> dict[str, str]:
    return CONTAINER | {"CNI_COMMAND": verb} | {f"CNI_{name}": value for name, value in changes.items()}


def conf(version: str) -> str:
    return f'{{"cniVersion": "{version}", "name": "net", "type": "static", "ipam": {{"type": "static"}}}}'


ID_HINT = "an id is letters, digits, '_', '.' and '-', and begins with a letter or digit"
NAME_HINT = "a name is letters, digits, '_', '.' and '-', and begins with a letter or digit"
NO_NAME = "the configuration needs a 'name'"
UNMARSHALL = "error unmarshall network config: ..."
SIGNS = "interface name contains / or : or whitespace characters"
PLUGIN = 'plugin supports ["0.1.0" "0.2.0" "0.3.0" "0.3.1" "0.4.0" "1.0.0" "1.1.0"]'

REFUSED = [
    Refused(
        what="an ADD with nothing but its command",
        env={"CNI_COMMAND": "ADD"},
        code=4,
        message="required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing",
    ),
    Refused(
        what="a CHECK with nothing but its command",
        env={"CNI_COMMAND": "CHECK"},
        code=4,
        message="required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing",
    ),
    Refused(
        what="a DEL with nothing but its command",
        env={"CNI_COMMAND": "DEL"},
        code=4,
        message="required env variables [CNI_CONTAINERID,CNI_IFNAME,CNI_PATH] missing",
    ),
    Refused(
        what="a GC with nothing but its command",
        env={"CNI_COMMAND": "GC"},
        code=4,
        message="required env variables [CNI_PATH] missing",
    ),
    Refused(
        what="a STATUS with nothing but its command",
        env={"CNI_COMMAND": "STATUS"},
        code=4,
        message="required env variables [CNI_PATH] missing",
    ),
    Refused(
        what="an empty variable counts as missing",
        env=env("ADD", NETNS="", PATH=""),
        code=4,
        message="required env variables [CNI_NETNS,CNI_PATH] missing",
    ),
    Refused(
        what="a wrong id is said before what is missing",
        env={"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "-1"},
        code=4,
        message="invalid characters in containerID",
        details="-1",
        hint=ID_HINT,
    ),
    Refused(
        what="a wrong ifname is said before what is missing",
        env={"CNI_COMMAND": "ADD", "CNI_IFNAME": "a b"},
        code=4,
        message=SIGNS,
    ),
    Refused(
        what="a wrong id is said before a wrong ifname",
        env=env("DEL", CONTAINERID="a/b", IFNAME="a/b"),
        code=4,
        message="invalid characters in containerID",
        details="a/b",
        hint=ID_HINT,
    ),
    Refused(what="an id that ends in a line break", env=env("ADD", CONTAINERID="a\n"), code=4,
            message="invalid characters in containerID", details="a\n", hint=ID_HINT),
    Refused(what="an ifname of 16 bytes", env=env("CHECK", IFNAME="x" * 16), code=4,
            message="interface name is too long",
            details="interface name should be less than 16 characters"),
    Refused(what="an ifname of two dots", env=env("ADD", IFNAME=".."), code=4,
            message="interface name is . or .."),
    Refused(what="an ifname with a slash", env=env("DEL", IFNAME="a/b"), code=4, message=SIGNS),
    Refused(what="an ifname with a wide blank", env=env("DEL", IFNAME="a\u3000b"), code=4, message=SIGNS),
    Refused(what="the environment is looked at before stdin", env={"CNI_COMMAND": "GC"}, stdin="{", code=4,
            message="required env variables [CNI_PATH] missing"),
    Refused(what="no stdin", env=env("ADD"), stdin="", code=6, message=UNMARSHALL),
    Refused(what="no JSON", env=env("DEL"), stdin='{"name": ', code=6, message=UNMARSHALL),
    Refused(what="more than one value", env=env("DEL"), stdin=GOOD + GOOD, code=6, message=UNMARSHALL),
    Refused(what="JSON that is no object", env=env("DEL"), stdin='["net"]', code=6, message=UNMARSHALL),
    Refused(what="a name that is no text", env=env("GC"), stdin='{"name": {"a": 1}}', code=6, message=UNMARSHALL),
    Refused(what="no name", env=env("ADD"), stdin="{}", code=7, message="missing network name", hint=NO_NAME),
    Refused(what="null for an object", env=env("ADD"), stdin="null", code=7, message="missing network name",
            hint=NO_NAME),
    Refused(what="null for a name", env=env("STATUS"), stdin='{"name": null}', code=7,
            message="missing network name", hint=NO_NAME),
    Refused(what="an empty name", env=env("DEL"), stdin='{"name": ""}', code=7, message="missing network name",
            hint=NO_NAME),
    Refused(what="a name with a blank", env=env("DEL"), stdin='{"name": "my net"}', code=7,
            message="invalid characters found in network name", details="my net", hint=NAME_HINT),
    Refused(what="a wrong name under another key's case", env=env("DEL"), stdin='{"NAME": "my net"}', code=7,
            message="invalid characters found in network name", details="my net", hint=NAME_HINT),
    Refused(what="of two names the later", env=env("DEL"), stdin='{"name": "net", "name": "a/b"}', code=7,
            message="invalid characters found in network name", details="a/b", hint=NAME_HINT),
    Refused(what="the name is looked at before the command", env=env("REMOVE"), stdin='{"name": "a/b"}', code=7,
            message="invalid characters found in network name", details="a/b", hint=NAME_HINT),
    Refused(what="an unknown command", env={"CNI_COMMAND": "REMOVE"}, code=4,
            message="unknown CNI_COMMAND: REMOVE"),
    Refused(what="a command in small letters", env=env("add"), code=4, message="unknown CNI_COMMAND: add",
            hint="did you mean ADD?"),
    Refused(what="an unknown command is said before a wrong version", env=env("CHEK"), stdin=conf("x"), code=4,
            message="unknown CNI_COMMAND: CHEK", hint="did you mean CHECK?"),
    Refused(what="a CHECK in a version that has none", env=env("CHECK"), stdin=conf("0.3.1"), code=1,
            message="config version does not allow CHECK", hint="CHECK is known since 0.4.0, not in 0.3.1"),
    Refused(what="a CHECK without a version", env=env("CHECK"), stdin='{"name": "net"}', code=1,
            message="config version does not allow CHECK", hint="CHECK is known since 0.4.0, not in 0.1.0"),
    Refused(what="a GC in a version that has none", env=env("GC"), stdin=conf("1.0.0"), code=1,
            message="config version does not allow GC", hint="GC is known since 1.1.0, not in 1.0.0"),
    Refused(what="a STATUS in a version that has none", env=env("STATUS"), stdin=conf("1.0.0"), code=1,
            message="config version does not allow STATUS", hint="STATUS is known since 1.1.0, not in 1.0.0"),
    Refused(what="a CHECK that is newer than the plugin", env=env("CHECK"), stdin=conf("2.0.0"), code=1,
            message="plugin version does not allow CHECK"),
    Refused(what="a GC that is newer than the plugin", env=env("GC"), stdin=conf("1.1.1"), code=1,
            message="plugin version does not allow GC"),
    Refused(what="a STATUS that is newer than the plugin", env=env("STATUS"), stdin=conf("1.2"), code=1,
            message="plugin version does not allow STATUS"),
    Refused(what="a CHECK in a version that is none", env=env("CHECK"), stdin=conf("new"), code=6,
            message='failed to convert major version part "new": ...', hint="a version reads like 1.1.0"),
    Refused(what="a GC in a version of four parts", env=env("GC"), stdin=conf("1.1.0.0"), code=6,
            message='invalid version "1.1.0.0": too many parts'),
    Refused(what="an ADD in a version that is not served", env=env("ADD"), stdin=conf("0.3.2"), code=1,
            message="incompatible CNI versions", details=f'config is "0.3.2", {PLUGIN}'),
    Refused(what="an ADD in a version that is none", env=env("ADD"), stdin=conf("new"), code=1,
            message="incompatible CNI versions", details=f'config is "new", {PLUGIN}'),
    Refused(what="a DEL in a short version", env=env("DEL"), stdin=conf("1.0"), code=1,
            message="incompatible CNI versions", details=f'config is "1.0", {PLUGIN}'),
    Refused(what="a version that is no text", env=env("ADD"), stdin='{"name": "net", "cniVersion": 1}', code=6,
            message="decoding version from network config: ..."),
    Refused(what="a version that is not served is said before a wrong ipam", env=env("ADD"),
            stdin='{"name": "net", "cniVersion": "9.0.0", "ipam": 1, "prevResult": 2, "dns": 3}', code=1,
            message="incompatible CNI versions", details=f'config is "9.0.0", {PLUGIN}'),
]  # fmt: skip
