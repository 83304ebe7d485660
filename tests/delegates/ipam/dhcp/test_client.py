"""A lease's conversation, told the time by the test."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given as supposing
from hypothesis import strategies as st

from delegates.ipam.dhcp import packet
from delegates.ipam.dhcp.client import EVERYBODY, EVERYBODYS_MAC, NEVER, Client, Pace, Send, State
from delegates.ipam.dhcp.lease import Key, Lease, Order
from delegates.ipam.dhcp.packet import Kind, Packet
from delegates.ipam.dhcp.store import DAMAGED, Saved

MAC = bytes.fromhex("020000000007")
SERVER, OTHER = IPv4Address("10.66.0.1"), IPv4Address("10.66.0.2")
SERVER_MAC = bytes.fromhex("020000000001")
MINE, ANOTHER = IPv4Address("10.66.0.10"), IPv4Address("10.66.0.11")
ORDER = Order(key=Key("c1", "net", "eth0"), mac=MAC, options={packet.ASKED_FOR: b"\3\1", 12: b"cart"})
PACE = Pace(timeout=10, resend_most=8, total=60)


def told(sends: list[Send]) -> list[Kind]:
    return [Kind(send.packet.kind) for send in sends]


def reply(
    kind: Kind, to: Send, address: IPv4Address = MINE, server: IPv4Address = SERVER, **more: Any
) -> Packet:
    options = {
        packet.MESSAGE_TYPE: bytes((kind,)),
        packet.SERVER: server.packed,
        packet.LEASE_SECONDS: (1000).to_bytes(4, "big"),
        packet.SUBNET_MASK: b"\xff\xff\xff\0",
        **more.pop("options", {}),
    }
    made = Packet(op=packet.REPLY, xid=to.packet.xid, chaddr=MAC, yiaddr=address, options=options)
    return replace(made, **more)


def bound(at: float = 0.0, **options: Any) -> Client:
    client = Client(ORDER, PACE)
    (discover,) = client.begin(at)
    (request,) = client.hear(reply(Kind.OFFER, discover), SERVER_MAC, at)
    assert client.hear(reply(Kind.ACK, request, **options), SERVER_MAC, at) == []
    assert client.state is State.BOUND
    return client


def test_a_lease_is_asked_for_offered_requested_and_had():
    client = Client(ORDER, PACE)
    (discover,) = client.begin(100)
    assert (discover.source, discover.target, discover.mac) == (packet.NOWHERE, EVERYBODY, EVERYBODYS_MAC)
    always = {57: (1500).to_bytes(2, "big"), 61: b"\0c1/net/eth0", 55: b"\3\1", 12: b"cart"}
    assert discover.packet.options == {53: bytes((Kind.DISCOVER,)), **always}
    (request,) = client.hear(reply(Kind.OFFER, discover), SERVER_MAC, 101)
    assert request.target == EVERYBODY
    assert request.packet.options == {
        53: bytes((Kind.REQUEST,)), 50: MINE.packed, 54: SERVER.packed, **always
    }  # fmt: skip
    client.hear(reply(Kind.ACK, request), SERVER_MAC, 102)
    assert client.lease is not None
    # It counts from the question.
    assert (client.lease.renew, client.lease.rebind, client.lease.expires) == (601, 951, 1101)
    assert (client.lease.address, client.lease.server_mac, client.due) == (MINE, SERVER_MAC, 601)


def test_what_is_not_for_it_is_passed_over():
    client = Client(ORDER, PACE)
    (discover,) = client.begin(0)
    offer = reply(Kind.OFFER, discover)
    for other in (
        replace(offer, xid=offer.xid ^ 1),
        replace(offer, chaddr=b"\2\0\0\0\0\1"),
        replace(offer, op=packet.REQUEST),
        replace(offer, yiaddr=packet.NOWHERE),
        replace(offer, yiaddr=IPv4Address("224.0.0.9")),
        replace(offer, options={**offer.options, packet.SERVER: b"\1"}),
        reply(Kind.ACK, discover),
        reply(Kind.NAK, discover),
    ):
        assert client.hear(other, SERVER_MAC, 1) == []
        assert client.state is State.SELECTING
    (request,) = client.hear(offer, SERVER_MAC, 1)
    assert client.hear(offer, SERVER_MAC, 1) == []  # the second of two servers
    client.hear(reply(Kind.ACK, request, server=OTHER), SERVER_MAC, 1)
    client.hear(reply(Kind.ACK, request, address=ANOTHER), SERVER_MAC, 1)
    assert client.state is State.REQUESTING


def test_it_asks_again_with_longer_pauses_and_gives_up():
    client = Client(ORDER, PACE)
    client.begin(0)
    asked, pauses, moment = 1, [], 0.0
    while client.state is not State.ENDED:
        pauses.append(client.due - moment)
        moment = client.due
        asked += len(client.wake(moment))
    assert moment == PACE.total
    assert client.why == "no DHCP server answered in time"
    assert 8 <= asked <= 14
    for expected, pause in zip((1, 2, 4, 8, 8), pauses, strict=False):
        assert expected * 0.75 <= pause <= expected * 1.25


def test_a_server_that_offers_and_falls_silent_is_left():
    client = Client(ORDER, PACE)
    (discover,) = client.begin(0)
    client.hear(reply(Kind.OFFER, discover), SERVER_MAC, 0)
    said = []
    while client.state is State.REQUESTING:
        said += client.wake(client.due)
    assert told(said)[-1] is Kind.DISCOVER
    assert set(told(said)[:-1]) == {Kind.REQUEST}
    (again,) = said[-1:]
    assert again.packet.xid != discover.packet.xid


def test_a_refused_request_is_begun_anew_after_a_pause():
    client = Client(ORDER, PACE)
    (discover,) = client.begin(0)
    (request,) = client.hear(reply(Kind.OFFER, discover), SERVER_MAC, 0)
    refusal = reply(Kind.NAK, request, packet.NOWHERE, options={packet.MESSAGE: b"address in use"})
    assert client.hear(refusal, SERVER_MAC, 1) == []
    assert client.state is State.SELECTING
    assert client.due > 1.7
    assert told(client.wake(client.due)) == [Kind.DISCOVER]
    while client.state is not State.ENDED:
        client.wake(client.due)
    assert client.why == "the DHCP server 10.66.0.1 refused: address in use"


def test_it_is_renewed_by_unicast_and_then_from_anybody():
    client = bound()
    (request,) = client.wake(500)
    assert (request.source, request.target, request.mac) == (MINE, SERVER, SERVER_MAC)
    assert request.packet.ciaddr == MINE
    assert set(request.packet.options) == {53, 55, 57, 61, 12}
    assert (client.state, client.due) == (State.RENEWING, 675)  # half of what is left until T2
    assert client.hear(reply(Kind.ACK, request, server=OTHER), SERVER_MAC, 501) == []
    assert client.state is State.RENEWING
    (late,) = client.wake(850)
    assert (late.source, late.target, late.mac) == (MINE, EVERYBODY, EVERYBODYS_MAC)
    assert (client.state, client.due) == (State.REBINDING, 925)
    client.hear(reply(Kind.ACK, late, server=OTHER), b"\2\0\0\0\0\2", 851)
    assert client.lease is not None
    assert (client.state, client.due) == (State.BOUND, 1350)
    assert (client.lease.server, client.lease.server_mac) == (OTHER, b"\2\0\0\0\0\2")


def test_a_renewal_may_leave_out_what_has_not_changed():
    client = bound()
    (request,) = client.wake(500)
    bare = reply(Kind.ACK, request)
    client.hear(replace(bare, options={53: bare.options[53], 51: bare.options[51]}), SERVER_MAC, 500)
    assert client.lease is not None
    assert client.lease.options[packet.SUBNET_MASK] == b"\xff\xff\xff\0"
    assert client.lease.server == SERVER


def test_times_are_the_servers_where_they_make_sense():
    def times(lease: int | None, renew: int | None = None, rebind: int | None = None) -> tuple[float, ...]:
        asked = {51: lease, 58: renew, 59: rebind}
        options = {code: value.to_bytes(4, "big") for code, value in asked.items() if value is not None}
        made = Lease.of_ack(Packet(op=2, xid=1, chaddr=MAC, yiaddr=MINE, options=options), SERVER_MAC, 0)
        return made.renew, made.rebind, made.expires

    assert times(None) == (1800, 3060, 3600)
    assert times(120, 3, 6) == (3, 6, 120)
    assert times(100, 90, 80) == (50, 85, 100)
    assert times(100, 50, 200) == (50, 85, 100)
    assert times(0) == (2, 3.4, 4)
    assert times(0xFFFFFFFF, 3, 6) == (NEVER, NEVER, NEVER)


def test_a_lease_that_nobody_renews_ends():
    client = bound()
    moments = []
    while client.state is not State.ENDED:
        moments.append(client.due)
        client.wake(client.due)
    assert moments[0] == 500
    assert moments[-1] == 1000
    assert 8 <= len(moments) <= 16
    assert client.why == "no server renewed the lease of 10.66.0.10 in time"
    assert not client.bound
    assert client.release() is None


def test_an_address_that_is_taken_back_is_asked_for_once_more_and_no_other_will_do():
    client = bound()
    (request,) = client.wake(500)
    client.hear(reply(Kind.NAK, request, packet.NOWHERE), SERVER_MAC, 500)
    (discover,) = client.wake(client.due)
    assert discover.packet.options[packet.REQUESTED_ADDRESS] == MINE.packed
    assert client.hear(reply(Kind.OFFER, discover, ANOTHER), SERVER_MAC, 502) == []
    (again,) = client.hear(reply(Kind.OFFER, discover, MINE), SERVER_MAC, 502)
    client.hear(reply(Kind.ACK, again), SERVER_MAC, 502)
    assert (client.state, client.due) == (State.BOUND, 1002)


def test_an_address_that_is_taken_back_for_good_ends_the_lease():
    client = bound()
    (request,) = client.wake(500)
    client.hear(reply(Kind.NAK, request, packet.NOWHERE), SERVER_MAC, 500)
    while client.state is not State.ENDED:
        client.wake(client.due)
    assert client.why == "the DHCP server 10.66.0.1 refused"


@pytest.mark.parametrize(
    ("moment", "state"),
    [(100, State.BOUND), (600, State.RENEWING), (900, State.REBINDING), (2000, State.ENDED)],
)
def test_a_lease_from_before_goes_on_where_it_is_by_now(moment: float, state: State):
    resumed = Client(ORDER, PACE, bound().lease)
    resumed.wake(moment)
    assert resumed.state is state


def test_a_release_goes_to_the_server_over_the_wire_that_its_answers_came_on():
    said = bound().release()
    assert said is not None
    assert (said.source, said.target, said.mac) == (MINE, SERVER, SERVER_MAC)
    assert said.packet.ciaddr == MINE
    assert said.packet.options == {53: bytes((Kind.RELEASE,)), 54: SERVER.packed, 61: b"\0c1/net/eth0"}
    assert Client(ORDER, PACE).release() is None
    assert (
        Client(replace(ORDER, options={61: b"me"}), PACE, bound().lease).release().packet.options[61] == b"me"
    )


def test_an_id_that_is_too_long_is_cut_as_the_reference_cuts_it():
    key = Key("c" * 200, "n" * 100, "eth0")
    assert key.client_id == b"\0" + str(key).encode()[:254]


def test_what_is_written_down_reads_back():
    for client in (bound(), bound(options={packet.LEASE_SECONDS: b"\xff\xff\xff\xff"})):
        assert client.lease is not None
        assert Lease.of_json(client.lease.to_json()) == client.lease
    assert Order.of_json(ORDER.to_json()) == ORDER


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
)
SAVED = Saved(order=ORDER, lease=bound().lease, netns="/run/netns/one", identity=(4, 4026531840)).to_json()


@supposing(st.data())
def test_a_damaged_file_is_read_or_known_to_be_damaged(data: st.DataObject):
    """Some member of it, however deep, is something else."""
    document = json.loads(json.dumps(SAVED))
    assert Saved.of_json(document).order == ORDER
    node = document
    while True:
        key = data.draw(st.sampled_from(sorted(node)))
        if not isinstance(node[key], dict) or data.draw(st.booleans()):
            break
        node = node[key]
    node[key] = data.draw(JSON)
    try:
        read = Saved.of_json(document)
    except DAMAGED:
        return
    Client(read.order, PACE, read.lease).wake(data.draw(st.floats(0, 1e6)))


MESSAGES = st.builds(
    Packet,
    op=st.just(packet.REPLY),
    xid=st.just(0),
    chaddr=st.just(MAC),
    yiaddr=st.sampled_from((MINE, ANOTHER, packet.NOWHERE)),
    options=st.dictionaries(
        st.sampled_from((50, 51, 54, 56, 58, 59)),
        st.one_of(st.sampled_from((SERVER.packed, OTHER.packed, b"\0\0\0\x0a")), st.binary(max_size=5)),
    ),
)


@supposing(st.lists(st.tuples(st.sampled_from(list(Kind)), MESSAGES, st.floats(0, 300)), max_size=30))
def test_whatever_comes_whenever_it_comes_one_address_is_had_at_most(said: list[tuple[Kind, Packet, float]]):
    """And there is always a moment to be woken at, or the end."""
    client = Client(ORDER, PACE)
    moment, sends = 0.0, client.begin(0.0)
    had = set()
    for kind, message, passes in said:
        xid = sends[-1].packet.xid if sends else 1
        options = {**message.options, 53: bytes((kind,))}
        sends = client.hear(replace(message, xid=xid, options=options), SERVER_MAC, moment) or sends
        moment += passes
        sends = client.wake(moment) or sends
        if client.lease:
            had.add(client.lease.address)
        assert (client.due < NEVER or client.state is State.ENDED) or (
            client.lease is not None and client.lease.expires == NEVER
        )
    assert len(had) <= 1
