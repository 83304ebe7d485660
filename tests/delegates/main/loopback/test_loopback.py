"""loopback on the real kernel."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.netns import Netns
from tests.support.plugins import pings, refusal

pytestmark = pytest.mark.kernel

LOOPBACK: dict[str, Any] = {"cniVersion": "1.1.0", "name": "lo", "type": "loopback"}


def up(pod: Netns) -> bool:
    return "UP" in pod.json("ip", "-j", "link", "show", "lo")[0]["flags"]


def test_a_container_reaches_itself_and_after_del_no_longer(attach, pod: Netns):
    one = attach(pod, LOOPBACK)
    assert not pings(pod, "127.0.0.1", seconds=0.2)
    one.add()
    assert pings(pod, "127.0.0.1")
    assert pings(pod, "::1")
    assert [end["name"] for end in one.result["interfaces"]] == ["lo"]
    one.check()
    one.delete()
    assert not up(pod)
    one.delete()


def test_a_loopback_that_was_set_down_is_seen(attach, pod: Netns):
    one = attach(pod, LOOPBACK).add()
    pod.ip("link", "set", "lo", "down")
    assert refusal(one.check) == "loopback interface is down"
    one.delete()


def test_an_address_that_does_not_belong_there_is_refused_and_lo_set_down_again(attach, pod: Netns):
    pod.ip("addr", "add", "10.1.2.3/32", "dev", "lo")
    assert refusal(attach(pod, LOOPBACK).add) == (
        'loopback interface found with non-loopback address "10.1.2.3/32"'
    )
    assert not up(pod)


def test_what_was_up_before_stays_up_when_add_is_refused(attach, pod: Netns):
    pod.ip("link", "set", "lo", "up")
    pod.ip("addr", "add", "10.1.2.3/32", "dev", "lo")
    refusal(attach(pod, LOOPBACK).add)
    assert up(pod)


def test_the_result_of_a_plugin_before_it_is_passed_on(attach, pod: Netns):
    before = {"cniVersion": "1.1.0", "interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:01"}]}
    assert attach(pod, {**LOOPBACK, "prevResult": before}).add().result == before
    assert up(pod)


def test_a_namespace_that_is_gone_is_success_for_del(attach, host: Netns, pod: Netns):
    one = attach(pod, LOOPBACK).add()
    host.run("ip", "netns", "delete", pod.name)
    one.delete()


def test_the_callers_own_loopback_is_left_alone(attach, host: Netns):
    """D-1"""
    one = attach(host, LOOPBACK)
    said = "plugin's netns and netns from CNI_NETNS should not be the same"
    assert (refusal(one.add), refusal(one.delete)) == (said, said)
    assert up(host)
