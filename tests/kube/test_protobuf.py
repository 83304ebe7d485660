"""The wire format of protobuf, against the library proper."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multinet.errors import DecodingFailure
from multinet.kube import protobuf
from tests.support.kubelet import message

TEXTS = st.text(max_size=300)


@given(name=TEXTS, namespace=TEXTS)
def test_what_is_written_is_what_the_library_reads(name: str, namespace: str) -> None:
    read = message("GetPodResourcesRequest").FromString(protobuf.texts((1, name), (2, namespace)))

    assert (read.pod_name, read.pod_namespace) == (name, namespace)


@given(ids=st.lists(TEXTS), cpus=st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_what_the_library_writes_is_what_is_read(ids: list[str], cpus: list[int]) -> None:
    """Numbers, negative ones too, are passed over, one by one or packed."""
    inner = message("ContainerDevices")(resource_name="r", device_ids=ids)
    written = message("ContainerResources")(name="main", devices=[inner], cpu_ids=cpus)
    written.memory.add(size=2**64 - 1)

    fields = [
        (number, content) for number, content in protobuf.read(written.SerializeToString()) if number < 3
    ]

    assert fields == [(1, b"main"), (2, inner.SerializeToString())]
    assert [protobuf.text(content) for number, content in protobuf.read(fields[1][1]) if number == 2] == ids


def test_numbers_of_every_kind_are_passed_over() -> None:
    assert list(protobuf.read(b"\x11eight---\x1dfour\x22\x01x")) == [(4, b"x")]


@pytest.mark.parametrize(
    ("damaged", "why"),
    [
        (b"\x08", "the message is cut short in a number, or has one of more than 64 bits"),
        (b"\x08" + b"\xff" * 11, "the message is cut short in a number, or has one of more than 64 bits"),
        (b"\x0a\x05ab", "the message is cut short: field 1 has 5 bytes, 2 are left"),
        (b"\x11abc", "the message is cut short: field 2 has 8 bytes, 3 are left"),
        (b"\x0b", "the message has a field of the unknown wire type 3"),
    ],
)
def test_a_damaged_message_is_told(damaged: bytes, why: str) -> None:
    with pytest.raises(DecodingFailure) as raised:
        list(protobuf.read(damaged))

    assert raised.value.message == why


def test_a_text_must_be_utf8() -> None:
    with pytest.raises(DecodingFailure) as raised:
        protobuf.text(b"\xff\xfe")

    assert raised.value.message == r"the message holds a text that is not UTF-8: b'\xff\xfe'"


@given(st.binary(max_size=200))
def test_any_bytes_are_fields_or_a_refusal(data: bytes) -> None:
    try:
        fields = list(protobuf.read(data))
    except DecodingFailure:
        return
    assert sum(len(content) for _, content in fields) <= len(data)
