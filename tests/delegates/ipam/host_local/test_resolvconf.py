from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegates.ipam.host_local import resolvconf
from multinet.cni.types import DNS
from multinet.errors import IOFailure

FILE = """\
# a comment
; nameserver 192.0.2.9
 nameserver 192.0.2.1 and more
nameserver\t192.0.2.2\r
nameserver
domain first.example
domain second.example third.example
search a.example b.example
search c.example
options ndots:2 edns0
options rotate
sortlist 130.155.160.0
#nameserver 192.0.2.8
"""


def test_domains_replace_each_other_and_the_rest_adds_up() -> None:
    assert resolvconf.parse(FILE) == DNS(
        nameservers=("192.0.2.1", "192.0.2.2"),
        domain="second.example",
        search=("a.example", "b.example", "c.example"),
        options=("ndots:2", "edns0", "rotate"),
    )


def test_an_empty_file_says_nothing() -> None:
    assert resolvconf.parse("") == DNS()


def test_bytes_that_are_no_text_do_not_stop_the_reading(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_bytes(b"nameserver \xff\nnameserver 192.0.2.1\n")
    assert resolvconf.read(str(tmp_path / "resolv.conf")).nameservers == ("\ufffd", "192.0.2.1")


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(IOFailure) as caught:
        resolvconf.read("/nowhere/resolv.conf")
    assert str(caught.value) == "could not read /nowhere/resolv.conf: No such file or directory"


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    resolvconf.parse(text)
