"""errno and foreign exceptions become our errors."""

from __future__ import annotations

import errno

import pytest
from pyroute2.netlink.exceptions import NetlinkError

from multinet.errors import Busy, Exists, KernelError, NotFound, NotPermitted
from multinet.kernel.errors import asking, translate

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
