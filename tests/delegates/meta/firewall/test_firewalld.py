"""Addresses become sources of a zone of firewalld, over D-Bus; and what is done when it is not there."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from delegates.meta.firewall import bus as connection
from multinet.errors import MultinetError
from tests.delegates.meta.firewall.firewalld import Firewalld
from tests.support.netns import Netns
from tests.support.plugins import OURS, Attachment, Implementation, refusal

pytestmark = pytest.mark.kernel

Attach = Callable[..., Attachment]

BOTH = ("10.1.2.0/24", "fd01:2::/64")
SOURCES = {"10.1.2.2/32": "trusted", "fd01:2::2/128": "trusted"}


def filtered(host: Netns) -> str:
    return host.run("nft", "list", "ruleset").stdout


def test_addresses_are_in_the_zone_until_del(walled: Attach, pod: Netns, bus: Firewalld, by: Implementation):
    one = walled(pod, *BOTH, backend="firewalld").but(by=by).add()
    assert bus.sources == SOURCES
    one.check()
    one.delete()
    one.delete()
    assert bus.sources == {}
    assert {call[:2] for call in bus.said} == {
        ("addSource", "trusted"),
        ("querySource", "trusted"),
        ("removeSource", "trusted"),
    }


def test_it_is_taken_when_it_runs_and_no_backend_is_named(
    walled: Attach, host: Netns, pod: Netns, bus: Firewalld, by: Implementation
):
    one = walled(pod, firewalldZone="public").but(by=by).add()
    assert bus.sources == {"10.1.2.2/32": "public"}
    assert "CNI-FORWARD" not in filtered(host)
    one.delete()
    assert bus.sources == {}


def test_an_address_that_is_in_the_zone_already_is_fine(
    walled: Attach, pod: Netns, bus: Firewalld, by: Implementation
):
    bus.sources["10.1.2.2/32"] = "trusted"
    walled(pod).but(by=by).add().check()
    assert bus.sources == {"10.1.2.2/32": "trusted"}


def test_what_it_refuses_is_an_error(walled: Attach, pod: Netns, bus: Firewalld, by: Implementation):
    bus.sources["10.1.2.2/32"] = "public"
    assert refusal(walled(pod).but(by=by).add) == (
        "failed to add the address 10.1.2.2/32 to trusted zone: "
        "ZONE_CONFLICT: '10.1.2.2/32' already bound to 'public'"
    )
    assert bus.sources == {"10.1.2.2/32": "public"}


@pytest.mark.peer
def test_either_clears_up_after_the_other(
    walled: Attach, pod: Netns, bus: Firewalld, of_reference: Implementation
):
    ours = walled(pod, *BOTH).add()
    ours.but(by=of_reference).delete()
    assert bus.sources == {}
    theirs = ours.but(by=of_reference).add()
    assert bus.sources == SOURCES
    theirs.but(by=OURS, conf={**theirs.conf, "dataDir": "/nonexistent"}).delete()
    assert bus.sources == {}


def test_a_refused_second_address_takes_the_first_out_again(
    walled: Attach, pod: Netns, bus: Firewalld, state: Path
):
    bus.refuses = {("addSource", "fd01:2::2/128"): "COMMAND_FAILED: no"}
    assert refusal(walled(pod, *BOTH).add) == (
        "failed to add the address fd01:2::2/128 to trusted zone: COMMAND_FAILED: no"
    )
    assert bus.sources == {}
    assert not list(state.glob("firewall/*.json"))


def test_check_believes_a_no(walled: Attach, pod: Netns, bus: Firewalld):
    """D-16: the reference takes it for a yes."""
    one = walled(pod).add()
    bus.sources.clear()
    assert refusal(one.check) == "failed to find the address 10.1.2.2/32 in trusted zone"
    bus.zones.clear()
    assert refusal(one.check) == "failed to find the address 10.1.2.2/32 in trusted zone"


def test_check_looks_where_add_went(walled: Attach, pods: Callable[[int], list[Netns]], tmp_path: Path):
    """No backend is named, and firewalld is started between the two, and then stopped."""
    before, after = pods(2)
    one = walled(before).add()
    with Firewalld(tmp_path / "later") as later, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBUS_SYSTEM_BUS_ADDRESS", later.address)
        one.check()
        two = walled(after, container="c2").add()
        two.check()
        later.close()
        assert refusal(two.check).startswith("could not connect to D-Bus")
    one.check()
    two.delete()


def test_del_takes_the_zone_of_the_day_of_add(walled: Attach, pod: Netns, bus: Firewalld):
    """It is written down: neither the result nor the configuration need tell."""
    one = walled(pod, firewalldZone="public").add()
    one.but(
        conf={**one.conf, "prevResult": None, "firewalldZone": "", "backend": "iptables"}, result={}
    ).delete()
    assert bus.sources == {}


def test_del_says_what_firewalld_refuses_and_can_be_called_again(walled: Attach, pod: Netns, bus: Firewalld):
    one = walled(pod, *BOTH).add()
    bus.refuses = {("removeSource", "10.1.2.2/32"): "COMMAND_FAILED: busy"}
    assert refusal(one.delete) == (
        "failed to remove the address 10.1.2.2/32 from trusted zone: COMMAND_FAILED: busy"
    )
    bus.refuses = {}
    one.delete()
    assert bus.sources == {}


def test_gc_takes_out_who_is_gone(walled: Attach, pods: Callable[[int], list[Netns]], bus: Firewalld):
    first, second = pods(2)
    one = walled(first).add()
    walled(second, container="c2").add()
    one.gc(("c2", "eth0"))
    assert bus.sources == {"10.1.2.3/32": "trusted"}


def test_policies_are_iptables_then_too(
    walled: Attach, host: Netns, pod: Netns, bus: Firewalld, by: Implementation
):
    walled(pod, ingressPolicy="isolated").but(by=by).add().check()
    assert bus.sources == {"10.1.2.2/32": "trusted"}
    saved = host.run("iptables-save", "-t", "filter").stdout
    assert "-A CNI-ISOLATION-STAGE-1 -i br0 -o br0" in saved
    assert "CNI-FORWARD" not in saved


def test_status_and_add_say_that_it_is_not_there(walled: Attach, pod: Netns, bus: Firewalld):
    one = walled(pod, backend="firewalld")
    one.call("STATUS", {})
    bus.close()
    with pytest.raises(MultinetError) as said:
        one.call("STATUS", {})
    assert (said.value.cni_code, said.value.sentence) == (50, "firewalld is not on D-Bus")
    assert refusal(one.add) == (
        f"could not connect to D-Bus at {bus.address.removeprefix('unix:path=')}: No such file or directory"
    )


def test_del_is_success_when_it_is_not_there(walled: Attach, pod: Netns, bus: Firewalld, state: Path):
    """It has forgotten its sources then."""
    one = walled(pod).add()
    bus.close()
    one.delete()
    assert not list(state.glob("firewall/*.json"))


def test_a_bus_that_is_silent_is_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "SECONDS", 0.2)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/silent")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"{tmp_path}/silent")
        silent.listen()
        assert refusal(connection.Bus.open) == (
            f"could not connect to D-Bus at {tmp_path}/silent: no answer within 0.2 seconds"
        )


@pytest.mark.parametrize("address", ["tcp:host=127.0.0.1,port=1", "nonsense", "unix:guid"])
def test_an_address_that_can_t_be_connected_to_is_told(address: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    assert (
        refusal(connection.Bus.open) == f"DBUS_SYSTEM_BUS_ADDRESS: {address!r} is no address of a local bus"
    )
