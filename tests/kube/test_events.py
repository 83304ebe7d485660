"""Events on real pods: their words, counted up when it happens again, never in anybody's way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import ip_interface
from typing import Any

import pytest

from multinet.cni.netconf import NetConfList
from multinet.cni.types import Address, Result
from multinet.errors import AddressError, MultinetError, inside
from multinet.kube import events as module
from multinet.kube.client import Api
from multinet.kube.events import Events
from multinet.plan import Attachment, Outcome, Pod
from tests.support import kubeobjects
from tests.support.controlplane import AGENT, ControlPlane
from tests.support.proxy import Proxy
from tests.support.wait import until

pytestmark = pytest.mark.cluster

Make = Callable[..., Events]


@pytest.fixture
def make(api: Api) -> Iterator[Make]:
    with ExitStack() as stack:

        def made(api: Api = api, **settings: Any) -> Events:
            events = Events(api, "node-1", **{"quiet_seconds": 0.05, "calm_seconds": 0.05, **settings})
            stack.callback(events.close)
            return events

        yield made


@pytest.fixture
def pod(control_plane: ControlPlane, kube_namespace: str) -> Pod:
    made = kubeobjects.pod(control_plane, kube_namespace, "web")
    return Pod(namespace=kube_namespace, name="web", uid=made["metadata"]["uid"], annotations={"a": "b"})


def outcome(ifname: str, network: str, *addresses: str) -> Outcome:
    return Outcome(
        attachment=Attachment(
            network=network,
            ifname=ifname,
            conflist=NetConfList.parse(
                '{"cniVersion": "1.1.0", "name": "n", "plugins": [{"type": "bridge"}]}'
            ),
        ),
        result=Result(ips=tuple(Address(address=ip_interface(address)) for address in addresses)),
    )


def no_addresses() -> MultinetError:
    try:
        with inside("default/net-a[bridge].ipam"):
            raise AddressError("no addresses left", hint="free some, or widen the range")
    except AddressError as error:
        return error


def said(plane: ControlPlane, pod: Pod) -> list[tuple[str, str, str, int]]:
    return sorted(
        (event["type"], event["reason"], event["message"], event["count"])
        for event in kubeobjects.events(plane, pod.namespace)
    )


def test_what_was_added_is_told_in_one_event_as_multus_words_it(
    control_plane: ControlPlane, make: Make, pod: Pod
):
    events = make()
    outcomes = [
        outcome("eth0", "kindnet", "10.0.0.2/24", "fd00::2/64"),
        outcome("net1", "default/net-a", "10.1.0.5/24"),
    ]
    events.added(pod, outcomes, "4d1f")
    events.close()
    assert said(control_plane, pod) == [
        (
            "Normal",
            "AddedInterface",
            "Add eth0 [10.0.0.2/24 fd00::2/64] from kindnet, net1 [10.1.0.5/24] from default/net-a [4d1f]",
            1,
        )
    ]
    event = kubeobjects.events(control_plane, pod.namespace)[0]
    assert event["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": pod.namespace,
        "name": "web",
        "uid": pod.uid,
    }
    assert event["source"] == {"component": "multinet", "host": "node-1"}
    assert (event["reportingComponent"], event["reportingInstance"]) == ("multinet", "node-1")
    assert event["firstTimestamp"] == event["lastTimestamp"]
    assert event["metadata"]["namespace"] == pod.namespace


def test_a_failure_is_told_with_its_whole_sentence_and_the_request(
    control_plane: ControlPlane, make: Make, pod: Pod
):
    events = make()
    events.failed(pod, no_addresses(), "4d1f")
    events.close()
    sentence = "default/net-a[bridge].ipam: no addresses left (free some, or widen the range) [4d1f]"
    assert said(control_plane, pod) == [("Warning", "FailedNetworks", sentence, 1)]


def test_what_happens_again_is_counted_up_and_names_the_latest_request(
    control_plane: ControlPlane, make: Make, pod: Pod
):
    events = make()
    sentence = "default/net-a[bridge].ipam: no addresses left (free some, or widen the range)"
    for number in range(1, 4):
        events.failed(pod, no_addresses(), f"r{number}")
        expected = [("Warning", "FailedNetworks", f"{sentence} [r{number}]", number)]
        until(lambda expected=expected: said(control_plane, pod) == expected)
    events.failed(pod, MultinetError("something else"), "r4")
    until(lambda: len(said(control_plane, pod)) == 2)


def test_a_storm_of_the_same_failure_is_two_requests(control_plane: ControlPlane, make: Make, pod: Pod):
    events = make(quiet_seconds=60)
    before = control_plane.count(AGENT)
    events.failed(pod, no_addresses(), "first")
    until(lambda: said(control_plane, pod))
    for number in range(49):
        events.failed(pod, no_addresses(), str(number))
    events.close()
    assert [event[3] for event in said(control_plane, pod)] == [50]
    asked = [f"{one.verb} {one.resource}" for one in control_plane.requests(AGENT)[before:]]
    assert asked == ["create events", "patch events"]


def test_a_burst_is_written_when_it_is_over(control_plane: ControlPlane, make: Make, pod: Pod):
    events = make(calm_seconds=0.5)
    before = control_plane.count(AGENT)
    began = time.monotonic()
    for number in range(5):
        events.failed(pod, no_addresses(), str(number))
        events.failed(pod, MultinetError(f"failure {number}"), str(number))
    until(lambda: len(said(control_plane, pod)) == 6)
    assert time.monotonic() - began > 0.5
    asked = [f"{one.verb} {one.resource}" for one in control_plane.requests(AGENT)[before:]]
    assert asked == ["create events"] * 6


def test_an_event_that_was_deleted_meanwhile_is_made_anew(control_plane: ControlPlane, make: Make, pod: Pod):
    events = make()
    events.failed(pod, no_addresses(), "r1")
    until(lambda: said(control_plane, pod))
    [event] = kubeobjects.events(control_plane, pod.namespace)
    place = f"/api/v1/namespaces/{pod.namespace}/events/{event['metadata']['name']}"
    control_plane.ask("DELETE", place)
    events.failed(pod, no_addresses(), "r2")
    until(lambda: said(control_plane, pod))
    assert [event[3] for event in said(control_plane, pod)] == [2]


def test_pods_of_one_name_and_another_uid_have_events_of_their_own(
    control_plane: ControlPlane, make: Make, pod: Pod
):
    events = make()
    other = Pod(namespace=pod.namespace, name=pod.name, uid="another")
    events.failed(pod, no_addresses(), "r1")
    events.failed(other, no_addresses(), "r2")
    events.close()
    found = kubeobjects.events(control_plane, pod.namespace)
    assert {event["involvedObject"]["uid"] for event in found} == {pod.uid, "another"}


def test_a_long_message_is_cut_and_still_names_the_request(control_plane: ControlPlane, make: Make, pod: Pod):
    events = make()
    events.failed(pod, MultinetError("ö" * 2000), "4d1f")
    events.close()
    [event] = said(control_plane, pod)
    assert event[2] == "ö" * 507 + "… [4d1f]"
    assert len(event[2].encode()) == 1024


@pytest.mark.parametrize(
    ("level", "reasons"),
    [("all", ["AddedInterface", "FailedNetworks"]), ("failures", ["FailedNetworks"]), ("none", [])],
)
def test_the_setting_says_which_are_written(
    control_plane: ControlPlane, make: Make, pod: Pod, level: str, reasons: list[str]
):
    events = make(level=level)
    events.added(pod, [outcome("eth0", "kindnet", "10.0.0.2/24")], "r1")
    events.failed(pod, no_addresses(), "r2")
    events.close()
    assert sorted(event[1] for event in said(control_plane, pod)) == reasons


def test_a_problem_of_the_node_is_told_on_the_node(control_plane: ControlPlane, make: Make):
    events = make()
    events.problem("PrimaryNetwork", "this test has renamed it")
    events.close()
    # Agents of other tests tell of their nodes, to the same API server and in the same namespace.
    told = [
        event
        for event in kubeobjects.events(control_plane, "default")
        if event["reason"] == "PrimaryNetwork" and event["message"] == "this test has renamed it"
    ]
    assert [(event["message"], event["involvedObject"]) for event in told] == [
        (
            "this test has renamed it",
            {"apiVersion": "v1", "kind": "Node", "name": "node-1", "uid": "node-1"},
        )
    ]


def test_without_an_api_server_nobody_waits_and_what_does_not_fit_is_counted(
    control_plane: ControlPlane,
    make: Make,
    make_api: Callable[..., Api],
    pod: Pod,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.1)
    with Proxy(control_plane.port) as proxy:
        proxy.refuse()
        api = make_api(port=proxy.port)
        events = make(api)
        events.failed(pod, no_addresses(), "r")
        until(lambda: api.requests["create", "events"], what="its thread to try the first again and again")
        began = time.monotonic()
        for number in range(module.QUEUE + 100):
            events.failed(pod, MultinetError(f"failure {number}"), "r")
        assert time.monotonic() - began < 1
        assert events.dropped == 100
        before_end = time.monotonic()
        events.close()
        assert time.monotonic() - before_end < 3


def test_events_of_an_outage_are_written_when_it_is_over(
    control_plane: ControlPlane, make: Make, make_api: Callable[..., Api], pod: Pod
):
    with Proxy(control_plane.port) as proxy:
        proxy.refuse()
        api = make_api(port=proxy.port)
        events = make(api)
        events.failed(pod, no_addresses(), "r1")
        until(lambda: api.requests["create", "events"] > 1)
        proxy.open()
        until(lambda: said(control_plane, pod))
        events.close()
        assert events.dropped == 0


def test_a_namespace_that_takes_no_events_costs_nothing_but_the_event(
    control_plane: ControlPlane, make: Make, pod: Pod
):
    events = make()
    events.failed(Pod(namespace="no-such-namespace", name="web"), no_addresses(), "r1")
    events.failed(pod, no_addresses(), "r2")
    until(lambda: said(control_plane, pod))
    assert events.dropped == 1
