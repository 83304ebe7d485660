"""The socket: answers matched to questions, refusals told in the kernel's words, nothing reused out of step."""

from __future__ import annotations

import errno
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_interface

import pytest

from multinet.errors import Exists, KernelError, NotFound, TryAgain
from multinet.kernel import addresses, attributes, links
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from multinet.kernel.rtnl import Message, Rtnl
from tests.support.netns import Netns

kernel = pytest.mark.kernel

ERROR, DONE, MULTI, DUMP_INTR = 2, 3, 0x002, 0x010
CHANGE = Message(doing="set it", type=19, body=b"")
ASK = Message(doing="look at it", type=18, body=b"")


# On the real kernel


@kernel
def test_a_refusal_is_told_in_the_kernels_words(veth: tuple[Link, Link], pod_ns: Namespace) -> None:
    with pytest.raises(KernelError) as failure:
        pod_ns.rtnl.request(links.set_mtu(veth[0], 10))
    assert str(failure.value) == (
        "could not set mtu of eth0 to 10: Invalid argument (mtu less than device minimum)"
    )
    assert failure.value.errno == errno.EINVAL
    assert not pod_ns.rtnl.closed


@kernel
def test_a_refusal_in_a_batch_is_that_of_the_message_it_answers(
    veth: tuple[Link, Link], pod: Netns, pod_ns: Namespace
) -> None:
    near = veth[0]
    changes = [
        addresses.add(near, ip_interface("10.1.2.3/24")),
        addresses.add(near, ip_interface("10.1.2.3/24")),
        links.set_mtu(near, 10),
        links.set_up(near),
    ]
    with pytest.raises(Exists, match=r"^could not add 10\.1\.2\.3/24 to eth0: File exists"):
        pod_ns.rtnl.batch(changes)
    # The kernel goes on after a refusal, as the docstring says.
    assert "UP" in pod.json("ip", "-j", "link", "show", "eth0")[0]["flags"]


@kernel
def test_questions_among_changes_are_answered_in_their_places(
    veth: tuple[Link, Link], pod_ns: Namespace
) -> None:
    near = veth[0]
    look = links.get_message("eth0")
    answers = pod_ns.rtnl.batch([look, links.set_mtu(near, 1300), look, links.set_up(near), look])
    assert [None if answer is None else Link(answer).mtu for answer in answers] == [
        1500,
        None,
        1300,
        None,
        1300,
    ]


@kernel
def test_a_batch_without_messages_does_nothing(pod_ns: Namespace) -> None:
    assert pod_ns.rtnl.batch([]) == []


@kernel
def test_a_batch_of_many_refusals_is_read_to_its_end(pod_ns: Namespace) -> None:
    nowhere = [links.set_up(1000 + number) for number in range(500)]
    with pytest.raises(NotFound, match="could not set the link with index 1000 up: No such device"):
        pod_ns.rtnl.batch(nowhere)
    assert links.get(pod_ns.rtnl, "lo").index == 1


@kernel
def test_a_dump_of_more_than_one_buffer_is_whole(pod_ns: Namespace) -> None:
    names = [f"br{number}-of-64" for number in range(64)]
    pod_ns.rtnl.batch([links.make_bridge(name) for name in names])
    assert sorted(link.name for link in links.dump(pod_ns.rtnl)) == sorted(["lo", *names])
    lo = links.get(pod_ns.rtnl, "lo")
    given = [ip_interface(f"10.{number >> 8}.{number & 255}.1/32") for number in range(1500)]
    pod_ns.rtnl.batch([addresses.add(lo, one) for one in given])
    assert {addr.address for addr in addresses.dump(pod_ns.rtnl, lo.index)} == set(given)


@kernel
def test_while_somebody_listens_each_change_goes_by_itself(
    veth: tuple[Link, Link], pod_ns: Namespace, heard: list[str]
) -> None:
    near = veth[0]
    with pytest.raises(KernelError, match="set mtu"):
        pod_ns.rtnl.batch(
            [
                addresses.add(near, ip_interface("10.1.2.3/24")),
                links.get_message("eth0"),
                links.set_mtu(near, 10),
                links.set_up(near),
            ]
        )
    assert heard == ["add 10.1.2.3/24 to eth0", "set mtu of eth0 to 10"]
    assert not links.get(pod_ns.rtnl, "eth0").up


@kernel
def test_sockets_of_several_threads_do_not_meet(netns: Callable[..., Netns]) -> None:
    spaces = [Namespace.open(netns(str(number)).path) for number in range(4)]
    failures: list[BaseException] = []

    def work(number: int, space: Namespace) -> None:
        try:
            for turn in range(25):
                name = f"br{number}-{turn}"
                space.rtnl.request(links.make_bridge(name))
                assert links.get(space.rtnl, name).kind == "bridge"
                with pytest.raises(Exists):
                    space.rtnl.request(links.make_bridge(name))
            assert len(links.dump(space.rtnl)) == 26
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(spaces)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for space in spaces:
        space.close()
    assert failures == []


# On a kernel that answers wrongly, or not at all


class OtherEnd:
    """Where the kernel would be: answers are put in beforehand, since asking and answering is one call."""

    def __init__(self) -> None:
        ours, self.socket = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, 1000))
        self.net = Rtnl(ours)

    def answer(self, *messages: bytes) -> None:
        self.socket.send(b"".join(messages))

    def asked(self) -> list[tuple[int, int, int]]:
        """Type, flags and sequence number of each message in the next datagram."""
        data = self.socket.recv(65536)
        found, start = [], 0
        while start < len(data):
            length, kind, flags, number, _ = struct.unpack_from("=IHHII", data, start)
            found.append((kind, flags, number))
            start += length
        return found


def packed(kind: int, number: int, body: bytes = b"", flags: int = 0) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, number, 0) + body


def refusal(number: int, code: int) -> bytes:
    return packed(ERROR, number, struct.pack("=i", -code) + packed(19, number))


@pytest.fixture
def end() -> Iterator[OtherEnd]:
    made = OtherEnd()
    yield made
    made.net.close()
    made.socket.close()


def test_only_the_last_change_of_a_batch_asks_to_be_acknowledged(end: OtherEnd) -> None:
    end.answer(refusal(3, 0))
    end.net.batch([CHANGE, CHANGE, CHANGE])
    assert end.asked() == [(19, 1, 1), (19, 1, 2), (19, 5, 3)]


def test_a_question_at_the_end_needs_no_acknowledgement(end: OtherEnd) -> None:
    end.answer(packed(16, 2, b"body"))
    assert end.net.batch([CHANGE, ASK]) == [None, b"body"]
    assert end.asked() == [(19, 1, 1), (18, 1, 2)]


def test_the_first_refusal_is_raised_after_the_last_answer_was_read(end: OtherEnd) -> None:
    end.answer(refusal(1, errno.EEXIST))
    end.answer(refusal(2, errno.EPERM))
    with pytest.raises(Exists, match="could not set it: File exists"):
        end.net.batch([CHANGE, CHANGE])
    end.answer(refusal(3, 0))
    end.net.request(CHANGE)
    assert not end.net.closed


def test_an_answer_to_another_question_closes_the_socket(end: OtherEnd) -> None:
    end.answer(refusal(7, 0))
    with pytest.raises(KernelError, match="could not set it: the kernel's answer is to another question"):
        end.net.request(CHANGE)
    assert end.net.closed


def test_a_dump_with_an_answer_to_another_question_closes_the_socket(end: OtherEnd) -> None:
    end.answer(packed(16, 1, b"one"), packed(16, 9, b"two"))
    with pytest.raises(KernelError, match="could not look at it: the kernel's answer is to another question"):
        end.net.dump(ASK)
    assert end.net.closed


def test_an_answer_that_was_cut_off_closes_the_socket(end: OtherEnd) -> None:
    end.answer(refusal(1, 0)[:-4])
    with pytest.raises(KernelError, match="the kernel's answer is to another question"):
        end.net.request(CHANGE)
    assert end.net.closed


def test_without_an_answer_in_time_the_socket_is_closed(end: OtherEnd) -> None:
    with pytest.raises(TryAgain, match="could not set it: the kernel gave no answer in 20 s"):
        end.net.request(CHANGE)
    assert end.net.closed


def test_a_closed_socket_says_so(end: OtherEnd) -> None:
    end.net.close()
    with pytest.raises(KernelError, match="could not set it: Bad file descriptor"):
        end.net.request(CHANGE)


def test_a_dump_that_changed_meanwhile_is_read_again(end: OtherEnd) -> None:
    done = struct.pack("=i", 0)
    end.answer(packed(16, 1, b"old!", MULTI), packed(DONE, 1, done, MULTI | DUMP_INTR))
    end.answer(packed(16, 2, b"new1", MULTI))
    end.answer(packed(16, 2, b"new2", MULTI), packed(DONE, 2, done, MULTI))
    assert end.net.dump(ASK) == [b"new1", b"new2"]
    assert end.asked() == [(18, 0x301, 1)]


def test_a_dump_that_always_changes_is_given_up(end: OtherEnd) -> None:
    for number in range(1, 11):
        end.answer(packed(DONE, number, struct.pack("=i", 0), MULTI | DUMP_INTR))
    with pytest.raises(TryAgain, match="could not look at it: it changed each of the 10 times"):
        end.net.dump(ASK)


def test_a_dump_that_fails_at_its_end_is_an_error_in_the_kernels_words(end: OtherEnd) -> None:
    said = struct.pack("=i", -errno.ENOMEM) + attributes.text(1, "no room for that")
    end.answer(packed(16, 1, b"one!", MULTI), packed(DONE, 1, said, MULTI | 0x200))
    with pytest.raises(KernelError) as failure:
        end.net.dump(ASK)
    assert str(failure.value) == "could not look at it: Cannot allocate memory (no room for that)"
    assert not end.net.closed


def test_the_kernels_words_are_found_behind_a_repeated_message(end: OtherEnd) -> None:
    """Not capped: an old kernel sends our whole message back before it says anything."""
    mine = packed(19, 1, b"12345678")
    body = struct.pack("=i", -errno.EINVAL) + mine + attributes.text(1, "odd")
    end.answer(packed(ERROR, 1, body, 0x200))
    with pytest.raises(KernelError, match=r"could not set it: Invalid argument \(odd\)"):
        end.net.request(CHANGE)


def test_a_question_that_is_only_acknowledged_is_an_error(end: OtherEnd) -> None:
    end.answer(refusal(1, 0))
    with pytest.raises(KernelError, match="could not look at it: the kernel gave no answer"):
        end.net.get(ASK)
