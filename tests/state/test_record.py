"""What is recorded reads back; what is damaged is refused with an error of ours, whatever it is."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multinet.cni.netconf import NetConfList
from multinet.cni.types import DNS, Address, Interface, Result, Route
from multinet.errors import DecodingFailure
from multinet.plan import Attachment, Phase, Plan, Pod, Record
from multinet.state.attachments import Attachments
from multinet.state.record import from_json, to_json

WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
NAMES = st.from_regex(r"[a-z][a-z0-9.-]{0,10}", fullmatch=True)
IPS = st.ip_addresses().map(lambda found: getattr(found, "ipv4_mapped", None) or found)
CIDRS = st.builds(lambda ip, bits: ip_interface((ip, min(bits, ip.max_prefixlen))), IPS, st.integers(0, 128))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(WORDS, JSON, max_size=3)

PLUGINS = st.builds(
    lambda type_, more: {**more, "type": type_}, NAMES, st.dictionaries(NAMES.map("x-".__add__), JSON)
)
LISTS = st.builds(
    NetConfList,
    name=NAMES,
    version=st.sampled_from(["0.3.1", "1.0.0", "1.1.0"]),
    plugins=st.lists(PLUGINS, min_size=1, max_size=3).map(tuple),
    disable_check=st.booleans(),
    disable_gc=st.booleans(),
)
RESULTS = st.builds(
    Result,
    interfaces=st.tuples(
        st.builds(
            Interface, name=NAMES, mac=WORDS, mtu=st.integers(0, 9000), sandbox=st.sampled_from(["", "/n"])
        )
    ),
    ips=st.lists(
        st.builds(Address, address=CIDRS, gateway=st.none() | IPS, interface=st.none() | st.just(0)),
        max_size=2,
    ).map(tuple),
    routes=st.lists(
        st.builds(
            Route,
            dst=CIDRS,
            gw=st.none() | IPS,
            priority=st.integers(0, 9),
            table=st.none() | st.integers(0, 9),
        ),
        max_size=2,
    ).map(tuple),
    dns=st.builds(DNS, nameservers=st.lists(WORDS.filter(bool), max_size=2).map(tuple), domain=WORDS),
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    ifnames = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    attachments = tuple(
        draw(
            st.builds(
                Attachment,
                network=WORDS,
                ifname=st.just(ifname),
                conflist=LISTS,
                args=WORDS,
                capability_args=OBJECTS,
                cni_args=OBJECTS,
                device_id=WORDS,
                resource=WORDS,
                device_info_file=WORDS,
                default_route=st.none() | st.lists(IPS, max_size=2).map(tuple),
                is_default=st.just(place == 0),
                ips=st.lists(WORDS, max_size=2).map(tuple),
                mac=WORDS,
            )
        )
        for place, ifname in enumerate(ifnames)
    )
    pod = draw(st.none() | st.builds(Pod, namespace=WORDS, name=WORDS, uid=WORDS))
    done = draw(st.booleans())
    plan = Plan(
        container_id=draw(NAMES),
        ifname=ifnames[0],
        netns=draw(WORDS),
        pod=pod,
        attachments=attachments,
        names_networks=draw(st.booleans()),
    )
    return Record(
        plan=plan,
        phase=Phase.DONE if done else Phase.INTENDED,
        boot_id=draw(WORDS),
        results={ifname: draw(RESULTS) for ifname in ifnames} if done else {},
    )


def example() -> Record:
    attachment = Attachment(
        network="default/net-a",
        ifname="net1",
        conflist=NetConfList(name="net-a", version="1.1.0", plugins=({"type": "bridge"},)),
        default_route=(ip_address("10.0.0.1"),),
        is_default=True,
    )
    result = Result(ips=(Address(address=ip_interface("10.0.0.2/24")),))
    plan = Plan(container_id="c1", ifname="net1", netns="/n", pod=None, attachments=(attachment,))
    return Record(plan=plan, phase=Phase.DONE, boot_id="b", results={"net1": result})


@given(records())
def test_what_is_recorded_reads_back(record: Record) -> None:
    assert from_json(to_json(record)) == record


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_there_instead_is_refused_with_an_error_of_ours(data: bytes) -> None:
    with pytest.raises(DecodingFailure):
        from_json(data)


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_one_wrong_byte_is_read_or_refused_with_an_error_of_ours(at: int, byte: int) -> None:
    data = bytearray(to_json(example()))
    data[at % len(data)] = byte
    try:
        from_json(bytes(data))
    except DecodingFailure:
        return


def test_a_flipped_bit_is_never_taken_for_what_was_written() -> None:
    """Else a DEL would take somebody else's bridge, or free another's address."""
    written = to_json(example())
    for at in range(8 * len(written)):
        data = bytearray(written)
        data[at // 8] ^= 1 << at % 8
        try:
            assert from_json(bytes(data)) == example()  # the bit was in the checksum's own name
        except DecodingFailure:
            continue


def test_a_record_of_before_there_were_checksums_is_read() -> None:
    before, _, _ = to_json(example()).rpartition(b',"crc32":')
    assert from_json(before + b"}") == example()


@pytest.mark.parametrize("odd", [b"NaN", b"Infinity", rb'"\ud800"'])
def test_what_json_can_say_and_is_never_written_is_refused(odd: bytes) -> None:
    before, _, _ = to_json(example()).rpartition(b',"crc32":')
    with pytest.raises(DecodingFailure):
        from_json(before.replace(b'"bootID":', b'"bootID":' + odd + b',"x":', 1) + b"}")


@given(st.integers(0, 10**6))
def test_a_record_that_was_cut_is_refused(at: int) -> None:
    data = to_json(example())
    with pytest.raises(DecodingFailure):
        from_json(data[: at % len(data)])


def paths(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [before, *(path for key, member in members for path in paths(member, (*before, key)))]


@given(st.data())
def test_a_member_of_another_kind_is_read_or_refused_with_an_error_of_ours(data: st.DataObject) -> None:
    document = json.loads(to_json(example()))
    *way, last = data.draw(st.sampled_from(paths(document)[1:]))
    holder = document
    for step in way:
        holder = holder[step]
    holder[last] = data.draw(JSON)
    try:
        from_json(json.dumps(document).encode())
    except DecodingFailure:
        return


def test_a_record_is_found_forgotten_and_not_found(tmp_path: Path) -> None:
    kept = Attachments(tmp_path)
    record = example()

    kept.write(record)
    assert kept.find("c1", "net1") == record
    assert list(kept.all()) == [record]
    kept.forget("c1", "net1")
    kept.forget("c1", "net1")
    assert kept.find("c1", "net1") is None
    assert list(kept.all()) == []


def test_a_record_under_anothers_name_is_refused(tmp_path: Path) -> None:
    """A DEL by it would clear what another sandbox has."""
    kept = Attachments(tmp_path)
    kept.write(example())
    (tmp_path / "sandboxes" / "c1@net1.json").rename(tmp_path / "sandboxes" / "c2@net1.json")

    with pytest.raises(DecodingFailure) as raised:
        kept.find("c2", "net1")

    assert raised.value.message == "the record is damaged: it is of another sandbox than its name says"


def test_a_damaged_record_is_refused_each_time_and_copied_aside(tmp_path: Path) -> None:
    kept = Attachments(tmp_path)
    kept.write(example())
    (tmp_path / "sandboxes" / "c1@net1.json").write_text("{")

    for _ in range(2):
        with pytest.raises(DecodingFailure) as raised:
            kept.find("c1", "net1")
        assert raised.value.hint == f"a copy was put aside as {tmp_path}/damaged/c1@net1.json"
    assert list(kept.all()) == []
    kept.forget("c1", "net1")
    assert kept.find("c1", "net1") is None
    assert (tmp_path / "damaged" / "c1@net1.json").read_text() == "{"


def test_a_container_id_may_be_longer_than_the_name_of_a_file(tmp_path: Path) -> None:
    kept = Attachments(tmp_path)
    one = example()
    records = [
        replace(one, plan=replace(one.plan, container_id=letter * 255, ifname="abcdefghijklmno"))
        for letter in "ab"
    ]

    for record in records:
        kept.write(record)

    assert [kept.find(letter * 255, "abcdefghijklmno") for letter in "ab"] == records
    assert sorted(record.plan.container_id[0] for record in kept.all()) == ["a", "b"]
    kept.forget("a" * 255, "abcdefghijklmno")
    assert list(kept.all()) == [records[1]]


def test_a_record_that_is_done_and_lacks_a_result_is_damaged() -> None:
    document = json.loads(to_json(example()))
    del document["attachments"][0]["result"]

    with pytest.raises(DecodingFailure, match="the record is damaged"):
        from_json(json.dumps(document).encode())
