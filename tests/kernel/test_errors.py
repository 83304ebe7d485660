"""errno and foreign exceptions become our errors."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest
from pyroute2.netlink.exceptions import NetlinkError

from multinet.errors import Busy, Exists, KernelError, NotFound, NotPermitted
from multinet.kernel import filters, nft, qdiscs
from multinet.kernel.addresses import Addr
from multinet.kernel.attributes import raw, text
from multinet.kernel.errors import asking, translate
from multinet.kernel.link import IFLA_MTU, IFLA_OPERSTATE, Link
from multinet.kernel.routes import RouteEntry
from multinet.kernel.rules import Rule

KINDS = {
    errno.ENOENT: NotFound,
    errno.ENODEV: NotFound,
    errno.ENXIO: NotFound,
    errno.ESRCH: NotFound,
    errno.EADDRNOTAVAIL: NotFound,
    errno.EEXIST: Exists,
    errno.EBUSY: Busy,
    errno.EPERM: NotPermitted,
    errno.EACCES: NotPermitted,
    errno.EINVAL: KernelError,
}


@pytest.mark.parametrize(("number", "kind"), KINDS.items(), ids=[errno.errorcode[n] for n in KINDS])
def test_an_errno_has_its_error(number: int, kind: type[KernelError]) -> None:
    error = translate(number, "set mtu of eth1")
    assert type(error) is kind
    assert error.errno == number


def test_the_message_is_a_sentence_with_the_kernels_words() -> None:
    error = translate(errno.EINVAL, "set mtu of eth1", "mtu less than device minimum")
    assert str(error) == "could not set mtu of eth1: Invalid argument (mtu less than device minimum)"


def test_who_may_not_is_told_what_it_takes() -> None:
    assert str(translate(errno.EPERM, "make bridge br0")) == (
        "could not make bridge br0: Operation not permitted "
        "(this takes root, or CAP_NET_ADMIN over the namespace)"
    )


def test_an_os_error_is_translated_and_kept_as_the_cause() -> None:
    with pytest.raises(NotFound) as failure, asking("read it"), open("/nowhere"):
        pass
    assert str(failure.value) == "could not read it: No such file or directory"
    assert isinstance(failure.value.__cause__, FileNotFoundError)


def test_an_error_of_pyroute2_is_translated_and_kept_as_the_cause() -> None:
    with pytest.raises(Exists) as failure, asking("make it"):
        raise NetlinkError(errno.EEXIST, "already assigned")
    assert str(failure.value) == "could not make it: File exists (already assigned)"
    assert isinstance(failure.value.__cause__, NetlinkError)


def test_pyroute2_repeating_the_errno_is_not_said_twice() -> None:
    with pytest.raises(Exists, match=r"^could not make it: File exists$"), asking("make it"):
        raise NetlinkError(errno.EEXIST)


def test_any_other_error_goes_through() -> None:
    with pytest.raises(ZeroDivisionError), asking("divide"):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("read", "message", "said"),
    [
        (
            Link,
            b"\0\0\1",
            "could not read what the kernel tells of a link: unpack_from requires",
        ),
        (Addr.of, bytes(8), "could not read what the kernel tells of an address: a part is missing"),
        (
            RouteEntry.of,
            b"\2" + bytes(11) + raw(5, b"\x0a\1\2"),
            "could not read what the kernel tells of a route: ",
        ),
        (Rule.of, b"\2", "could not read what the kernel tells of a rule: "),
        (
            qdiscs.decode,
            bytes(20) + text(1, "tbf"),
            "could not read what the kernel tells of a queue: a part is missing",
        ),
        (filters.decode, b"", "could not read what the kernel tells of a filter: "),
        (nft.Rule.read, b"", "could not read what the kernel tells of a netfilter rule: a part is missing"),
    ],
    ids=["link", "address", "route", "rule", "queue", "filter", "netfilter rule"],
)
def test_a_message_that_lacks_a_part_is_an_error_of_ours(
    read: Callable[[bytes], object], message: bytes, said: str
):
    with pytest.raises(KernelError) as caught:
        read(message)
    assert caught.value.message.startswith(said)
    assert caught.value.hint == "this kernel speaks otherwise than those that are known: please report it"


def test_a_member_of_a_link_that_is_cut_short_is_an_error_of_ours():
    link = Link(bytes(16) + raw(IFLA_MTU, b"\1\2") + raw(IFLA_OPERSTATE, b""))
    for member in ("mtu", "operstate"):
        with pytest.raises(KernelError, match=r"^could not read what the kernel tells of a link: "):
            getattr(link, member)


def test_a_number_that_no_error_has_is_told_as_it_is():
    assert translate(2**31, "list links").message == f"could not list links: error {2**31}"
