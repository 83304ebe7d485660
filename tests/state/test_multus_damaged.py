"""What Multus and libcni left, after a power cut: told, and no reason to fail."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from multinet.errors import DecodingFailure
from multinet.state.scratch import read_scratch
from tests.state.disk import ID, Disk


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"null", b"[1]", b"\0" * 64, b"\xff", b'[{"Name": 1}]', b'[{"Na']
)
def test_a_damaged_scratch_file_is_told_and_counts_as_none(disk: Disk, data: bytes) -> None:
    file = disk.scratch()
    file.write_bytes(data)

    with capture_logs() as said:
        assert disk.records.find(ID, "eth0") is None
    assert [(one["event"], one["file"]) for one in said] == [
        ("Multus's scratch file can't be read", str(file))
    ]
    assert list(disk.records.all()) == []


LIBCNIS = {
    'expected an object of the kind "cniCacheV1"': {"kind": "x"},
    "Only base64 data is allowed": {"config": "%"},
    "error parsing configuration list: unexpected end of JSON input: there is nothing in it": {"config": ""},
    "containerId: expected a text, got 7": {"containerId": 7},
    "not enough values to unpack (expected 2, got 1)": {"cniArgs": [["x"]]},
    "capabilityArgs: expected an object, got a number": {"capabilityArgs": 1},
}


@pytest.mark.parametrize("why", LIBCNIS)
def test_a_damaged_file_of_libcnis_is_told_and_counts_as_none(disk: Disk, why: str) -> None:
    file = disk.cache("cluster", "eth0", **{"containerId": ID, **LIBCNIS[why]})

    with capture_logs() as said:
        assert disk.records.find(ID, "eth0") is None

    assert [(one["event"], one["error"]) for one in said] == [
        ("a file of libcni's cache can't be read", f"{file} is damaged: {why}")
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Name", "Bytes", "ipRequest", "deviceID", "ifnameRequest"]), inner)
    ),
    max_leaves=8,
)


@given(st.binary(max_size=200) | JSON.map(lambda document: json.dumps(document).encode()))
def test_nothing_makes_the_reader_fail_with_anything_but_an_error_of_ours(data: bytes) -> None:
    try:
        found = read_scratch(data)
    except DecodingFailure:
        return
    assert len(found) == len(json.loads(data))
