"""Namespaces are held and visited, and nobody stays in one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from multinet.errors import InvalidNetns, KernelError, NetnsGone, NotFound
from multinet.kernel import links, namespace
from multinet.kernel.namespace import Namespace, run_in
from tests.support.netns import Netns

pytestmark = pytest.mark.kernel

HERE = "/proc/thread-self/ns/net"


def here() -> int:
    return os.stat(HERE).st_ino


def test_a_path_with_nothing_there_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "none"
    with pytest.raises(NetnsGone) as failure:
        Namespace.open(str(path))
    assert str(failure.value) == (
        f'failed to open netns "{path}": failed to Statfs "{path}": no such file or directory'
    )


def test_a_path_below_a_file_is_gone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NetnsGone, match="not a directory"):
        Namespace.open(str(tmp_path / "file" / "net"))


def test_a_process_that_ended_takes_its_namespace_along() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    with pytest.raises(NetnsGone):
        Namespace.open(f"/proc/{process.pid}/ns/net")


def test_an_ordinary_file_is_refused_with_the_magic_of_its_file_system(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    magic = subprocess.run(["stat", "-f", "-c", "%t", path], capture_output=True, text=True).stdout.strip()
    with pytest.raises(InvalidNetns) as failure:
        Namespace.open(str(path))
    assert not isinstance(failure.value, NetnsGone)
    assert failure.value.message == f'failed to open netns "{path}": unknown FS magic on "{path}": {magic}'
    assert failure.value.cni_code == 8


def test_a_file_of_procfs_is_refused() -> None:
    with pytest.raises(InvalidNetns, match='unknown FS magic on "/proc/self/status": 9fa0'):
        Namespace.open("/proc/self/status")


def test_a_namespace_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidNetns, match="a namespace, but not one of networks"):
        Namespace.open("/proc/self/ns/mnt")


def test_a_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with pytest.raises(InvalidNetns, match="unknown FS magic"):
        Namespace.open(str(path))


def test_a_namespace_is_the_same_by_whatever_path(pod: Netns, host: Netns, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(pod.path)
    with (
        Namespace.open(pod.path) as one,
        Namespace.open(str(link)) as two,
        Namespace.open(host.path) as other,
    ):
        assert one.same_as(two)
        assert not one.same_as(other)
        assert one.identity == (os.stat(pod.path).st_dev, os.stat(pod.path).st_ino)


def test_of_a_descriptor_it_keeps_its_own(pod: Netns) -> None:
    fd = os.open(pod.path, os.O_RDONLY)
    with Namespace.of_fd(fd) as held:
        os.close(fd)
        assert [link.name for link in links.dump(held.rtnl)] == ["lo"]


def test_the_current_one_is_the_calling_threads() -> None:
    with Namespace.current() as current:
        assert current.identity == (os.stat(HERE).st_dev, os.stat(HERE).st_ino)


def test_after_a_visit_the_thread_is_back(pod_ns: Namespace) -> None:
    before = here()
    assert pod_ns.visit(here) == pod_ns.identity[1] != before
    assert here() == before


def test_after_a_visit_that_failed_the_thread_is_back(pod_ns: Namespace) -> None:
    before = here()
    with pytest.raises(ZeroDivisionError):
        pod_ns.visit(lambda: 1 // 0)
    assert here() == before


def test_a_namespace_that_can_not_be_entered_is_an_error_and_the_thread_stays(tmp_path: Path) -> None:
    before = here()
    with open(tmp_path / "file", "w") as file, pytest.raises(KernelError) as failure:
        Namespace(os.dup(file.fileno()), "/somewhere").visit(here)
    assert str(failure.value) == "could not enter network namespace '/somewhere': Invalid argument"
    assert here() == before


def test_a_thread_that_is_there_already_goes_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(fd: int, kind: int) -> None:
        raise AssertionError("it went")

    monkeypatch.setattr(namespace, "_setns", never)
    with Namespace.current() as current:
        assert current.visit(here) == here()
        assert links.get(current.rtnl, "lo").index == 1
        assert current.read_sysctl("net/ipv4/conf/lo/arp_notify") == "0"


def test_visits_of_several_threads_do_not_meet(netns: Callable[..., Netns]) -> None:
    opened = [Namespace.open(netns(str(number)).path) for number in range(4)]
    wrong: list[str] = []
    before = here()

    def work(space: Namespace) -> None:
        places = {(space.visit(here), here()) for _ in range(200)}
        if places != {(space.identity[1], before)}:
            wrong.append(repr(space))

    threads = [threading.Thread(target=work, args=(space,)) for space in opened]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for space in opened:
        space.close()
    assert wrong == []
    assert here() == before


NO_WAY_BACK = """
import os, sys
from multinet.kernel import namespace
from multinet.kernel.namespace import Namespace

enter, calls = namespace._setns, []

def only_there(fd, kind):
    calls.append(fd)
    if len(calls) > 1:
        raise OSError(1, "Operation not permitted")
    enter(fd, kind)

namespace._setns = only_there
with Namespace.open(sys.argv[1]) as space:
    try:
        space.visit(lambda: print("there", flush=True))
    finally:
        print("still alive", flush=True)
"""


def test_when_the_way_back_fails_the_process_ends_at_once(pod: Netns) -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_WAY_BACK, pod.path],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert (done.returncode, done.stdout) == (70, "there\n")
    assert done.stderr == (
        f"multinet: could not return from network namespace '{pod.path}': "
        "[Errno 1] Operation not permitted; this process ends\n"
    )


def test_its_socket_stays_there_for_life(pod: Netns, pod_ns: Namespace) -> None:
    pod.ip("link", "add", "br7", "type", "bridge")
    assert {link.name for link in links.dump(pod_ns.rtnl)} == {"lo", "br7"}
    assert pod_ns.rtnl is pod_ns.rtnl


def test_a_socket_that_was_closed_is_replaced(pod_ns: Namespace) -> None:
    first = pod_ns.rtnl
    first.close()
    assert links.get(pod_ns.rtnl, "lo").index == 1
    assert pod_ns.rtnl is not first


def test_a_namespace_that_lost_its_name_still_works_while_it_is_held(netns: Callable[..., Netns]) -> None:
    made = netns()
    with Namespace.open(made.path) as held:
        subprocess.run(["ip", "netns", "delete", made.name], check=True)
        held.rtnl.request(links.make_bridge("br0"))
        assert links.find(held.rtnl, "br0") is not None
        with pytest.raises(NetnsGone):
            Namespace.open(made.path)


def test_closing_gives_back_every_file(pod: Netns, fd_count: Callable[[], int]) -> None:
    before = fd_count()
    with Namespace.open(pod.path) as space:
        links.dump(space.rtnl)
        space.write_sysctl("net/ipv4/ip_forward", "1")
        space.read_sysctl("net/ipv4/ip_forward")
        with Namespace.current() as current:
            links.dump(current.rtnl)
    space.close()
    assert fd_count() == before


def test_a_namespace_that_is_refused_leaves_no_file_open(tmp_path: Path, fd_count: Callable[[], int]) -> None:
    (tmp_path / "file").touch()
    before = fd_count()
    for _ in range(3):
        with pytest.raises(InvalidNetns):
            Namespace.open(str(tmp_path / "file"))
    assert fd_count() == before


def test_a_program_runs_inside_and_the_caller_stays_outside(pod: Netns, pod_ns: Namespace) -> None:
    before = here()
    done = run_in(pod_ns, ["stat", "-L", "-c", "%i", "/proc/self/ns/net"])
    assert int(done.stdout) == pod_ns.identity[1]
    assert here() == before


def test_a_program_gets_its_input_and_its_failure_is_told() -> None:
    with Namespace.current() as current:
        done = run_in(current, ["sh", "-c", "cat; echo oh >&2; exit 3"], b"words")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"words", b"oh\n")


def test_a_program_that_is_not_there_is_not_found(pod_ns: Namespace) -> None:
    with pytest.raises(NotFound) as failure:
        run_in(pod_ns, ["/nowhere/program"])
    assert str(failure.value) == "could not run /nowhere/program: No such file or directory"
