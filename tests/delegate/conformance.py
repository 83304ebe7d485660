"""What every plugin must do, installed delegate or executable: the verbs as a runtime may call them.

    subject = Subject(type="mine", conf={...}, by=OURS)        # or by=reference(folder of an executable)
    for promise in PROMISES:
        promise(subject, World(...))

A promise is a function that raises AssertionError. Each gets a new world: a host with a link ``up0``, a pod,
and a folder, which stands for ``FOLDER`` in the configuration. For a chained plugin the pod has an ``eth0``
with addresses and routes already, of which its ``prevResult`` tells.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

from multinet import steps
from multinet.cni.types import Address, Interface, Result, Route
from multinet.cni.versions import SUPPORTED, at_least
from multinet.cni.wire import result_from_json, result_to_dict
from multinet.errors import KernelError, MultinetError
from tests.faults import facts
from tests.support.netns import Netns
from tests.support.plugins import OURS, Attachment, Implementation, refusal

CONTAINER = "c0ffee"


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A plugin, and a configuration with which it should work in a ``World``."""

    type: str
    conf: Mapping[str, Any]
    by: Implementation = OURS
    makes_interface: bool = True
    """Does it make CNI_IFNAME? (Not so IPAM, and not loopback.)"""
    chained: bool = False
    """Does it change what a plugin before it has made?"""
    needs: str = ""
    """The marker of the kernel it needs ("uml"), where the least of our machines' will not do."""
    prepare: Callable[[World], object] = lambda world: None
    """What has to be there besides: a file of the node's, a server."""
    sees_absence: bool = True
    """Can its CHECK tell that there was no ADD?"""
    versions: tuple[str, ...] = SUPPORTED


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """Where a promise is tried."""

    host: Netns
    pod: Netns
    folder: Path

    def attachment(self, subject: Subject, version: str = "1.1.0", **more: Any) -> Attachment:
        text = json.dumps({"cniVersion": version, "name": "net", **subject.conf})
        conf = json.loads(text.replace("FOLDER", str(self.folder)))
        if subject.chained:
            conf["prevResult"] = result_to_dict(self._made_before(), version)
        return Attachment(
            host=self.host, pod=self.pod, conf=conf, container=CONTAINER, by=_by_type(subject), **more
        )

    def _made_before(self) -> Result:
        """What a chained plugin finds: a pair of links, an address of each family, routes."""
        if "eth0" not in self.pod.links():
            self.host.ip(
                *["link", "add", "far0", "type", "veth", "peer", "name", "eth0", "netns"], self.pod.name
            )
            self.host.ip(*["link", "set", "far0", "up"])
            for script in INTERFACE:
                self.pod.ip(*script.split())
        return Result(
            interfaces=(Interface(name="far0"), Interface(name="eth0", sandbox=self.pod.path)),
            ips=tuple(
                Address(address=ip_interface(address), gateway=ip_address(gateway), interface=1)
                for address, gateway in (("10.1.2.3/24", "10.1.2.1"), ("fd01:2::3/64", "fd01:2::1"))
            ),
            routes=(Route(dst=ip_interface("10.9.0.0/16"), gw=ip_address("10.1.2.1")),),
        )

    def left(self) -> set[str]:
        """Everything there is: on the host, in the pod, in the folder."""
        found = facts.of_host(self.host) | facts.of_files(self.folder)
        return found | {f"in the pod: {fact}" for fact in facts.of_container(self.pod)}


INTERFACE = (
    "addr add 10.1.2.3/24 dev eth0",
    "addr add fd01:2::3/64 dev eth0 nodad",
    "link set eth0 up",
    "route add 10.9.0.0/16 via 10.1.2.1",
    "route add 10.8.0.0/16 dev eth0",
)


def _by_type(subject: Subject) -> Implementation:
    """IPAM is called by its own name, with the configuration of the plugin that has it for its addresses."""
    return lambda host, _, env, stdin: subject.by(host, subject.type, env, stdin)


Promise = Callable[[Subject, World], None]


def it_names_the_versions_it_serves(subject: Subject, world: World) -> None:
    answer = world.attachment(subject).call("VERSION", {})
    assert set(subject.versions) <= set(json.loads(answer)["supportedVersions"])


def add_answers_in_the_version_it_was_asked_in(subject: Subject, world: World) -> None:
    for version in subject.versions:
        one = world.attachment(subject, version).add()
        assert one.result["cniVersion"] == version
        result = result_from_json(one.result, version)
        if subject.makes_interface and at_least(version, "0.3.0"):
            (interface,) = (end for end in result.interfaces if end.sandbox)
            assert (interface.name, interface.sandbox) == ("eth0", world.pod.path)
            (link,) = world.pod.json("ip", "-j", "link", "show", "eth0")
            assert interface.mac == link["address"]
        one.delete()


def del_takes_back_what_add_made(subject: Subject, world: World) -> None:
    """All that stays after the second time was there after the first: nothing grows with the number of pods."""
    one = world.attachment(subject)
    one.add().delete()
    measure = world.left()
    assert not subject.makes_interface or "eth0" not in world.pod.links()
    one.but(container="another", result={}).add().delete()
    assert world.left() == measure


def del_is_success_when_there_is_nothing(subject: Subject, world: World) -> None:
    """Without an ADD; twice; without prevResult; without a namespace, or with one that is gone."""
    one = world.attachment(subject)
    one.delete()
    one.add().delete()
    measure = world.left()
    one.delete()
    again = one.but(result={}).add()
    again.but(result={}).delete()
    assert world.left() == measure
    last = one.but(result={}).add()
    last.but(pod=Netns(name="../../nowhere/at-all")).delete()
    last.delete()
    assert world.left() == measure


def check_is_success_after_add_and_changes_nothing(subject: Subject, world: World) -> None:
    one = world.attachment(subject).add()
    before = world.left()
    one.check()
    one.check()
    assert world.left() == before


def check_sees_that_there_was_no_add(subject: Subject, world: World) -> None:
    one = world.attachment(subject).add()
    one.delete()
    if subject.sees_absence:
        assert refusal(one.check)


def status_and_gc_are_answered(subject: Subject, world: World) -> None:
    """GC takes nothing from who is still attached."""
    one = world.attachment(subject)
    one.call("STATUS", {})
    one.add()
    one.gc((CONTAINER, "eth0"))
    one.check()
    one.delete()
    one.gc()


def what_is_wrong_is_refused_with_the_codes_of_the_specification(subject: Subject, world: World) -> None:
    one = world.attachment(subject)
    before = world.left()

    def answered(env: Mapping[str, str], stdin: str) -> int:
        base = {
            "CNI_COMMAND": "ADD",
            "CNI_CONTAINERID": CONTAINER,
            "CNI_NETNS": world.pod.path,
            "CNI_IFNAME": "eth0",
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        }
        answer = subject.by(world.host, subject.type, {**base, **env}, stdin.encode())
        said = json.loads(answer.stdout)
        assert answer.exit_code != 0
        assert isinstance(said["msg"], str)
        return int(said["code"])

    good = json.dumps(dict(one.conf))
    assert answered({}, json.dumps({**one.conf, "cniVersion": "9.9.9"})) == 1
    assert answered({"CNI_CONTAINERID": ""}, good) == 4
    assert answered({"CNI_IFNAME": "a/b"}, good) == 4
    assert answered({"CNI_CONTAINERID": "a/b"}, good) in (3, 4)
    assert answered({"CNI_COMMAND": "MUL"}, good) == 4
    assert answered({}, "{") == 6
    assert answered({}, json.dumps({**one.conf, "name": ""})) == 7
    assert world.left() == before


def an_interface_that_is_there_is_nobodys_to_take(subject: Subject, world: World) -> None:
    """ADD is refused, leaves it alone, and takes back what it made."""
    if not subject.makes_interface:
        return
    world.attachment(subject).add().delete()
    world.pod.ip("link", "add", "eth0", "type", "veth", "peer", "name", "other")
    before = world.left()
    assert refusal(world.attachment(subject).add)
    assert world.left() == before


def a_failure_at_any_step_is_undone(subject: Subject, world: World) -> None:
    """For what runs in this process: each change that ADD announces is refused in turn."""
    one = world.attachment(subject)
    one.add().delete()
    measure = world.left()
    count = 0
    while _fails_at(one.but(result={}), count):
        assert world.left() - measure == set(), f"refused step {count}"
        count += 1
    assert world.left() - measure == set()


def _fails_at(one: Attachment, number: int) -> bool:
    """ADD with its step of that number refused, and DEL if it succeeds. False when it has no such step."""
    taken = 0

    def listener(what: str) -> None:
        nonlocal taken
        taken += 1
        if taken == number + 1:
            raise KernelError(f"could not {what}: it was told to fail")

    steps.listen(listener)
    try:
        one.add()
    except MultinetError:
        return True
    finally:
        steps.listen(None)
    one.delete()  # what was refused, if anything, it can do without
    return taken > number


PROMISES: tuple[Promise, ...] = (
    it_names_the_versions_it_serves,
    add_answers_in_the_version_it_was_asked_in,
    del_takes_back_what_add_made,
    del_is_success_when_there_is_nothing,
    check_is_success_after_add_and_changes_nothing,
    check_sees_that_there_was_no_add,
    status_and_gc_are_answered,
    what_is_wrong_is_refused_with_the_codes_of_the_specification,
    an_interface_that_is_there_is_nobodys_to_take,
)
IN_PROCESS: tuple[Promise, ...] = (a_failure_at_any_step_is_undone,)
