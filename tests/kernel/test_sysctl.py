"""Kernel parameters, in the namespace that is meant and no other."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multinet.errors import KernelError, NotFound, NotPermitted
from multinet.kernel import sysctl
from multinet.kernel.links import Link
from multinet.kernel.namespace import Namespace
from multinet.kernel.sysctl import Setting, path_of
from tests.support.netns import Netns

NAMES = {
    "net/ipv4/ip_forward": "/proc/sys/net/ipv4/ip_forward",
    "net.ipv4.ip_forward": "/proc/sys/net/ipv4/ip_forward",
    "net/ipv4/conf/eth0.7/arp_notify": "/proc/sys/net/ipv4/conf/eth0.7/arp_notify",
    "net.ipv4.conf.eth0/7.arp_notify": "/proc/sys/net/ipv4/conf/eth0.7/arp_notify",
    "a.b/c": "/proc/sys/a/b.c",
    "a/b.c": "/proc/sys/a/b.c",
    "plain": "/proc/sys/plain",
}


@pytest.mark.parametrize(("name", "path"), NAMES.items(), ids=NAMES)
def test_the_first_separator_decides_which_it_is(name: str, path: str) -> None:
    assert path_of(name) == path


@given(st.text(alphabet="ab.", min_size=1).filter(lambda text: "." in text))
def test_dots_and_slashes_swapped_name_the_same(name: str) -> None:
    swapped = name.translate(str.maketrans("./", "/."))
    assert path_of(name) == path_of(swapped)


@pytest.mark.kernel
def test_what_is_written_is_there_and_nowhere_else(pod: Netns, host: Netns, pod_ns: Namespace) -> None:
    before = host.sysctl("net/ipv4/ip_forward")
    pod_ns.write_sysctl("net.ipv4.ip_forward", "1")
    assert pod_ns.read_sysctl("net/ipv4/ip_forward") == pod.sysctl("net/ipv4/ip_forward") == "1"
    assert host.sysctl("net/ipv4/ip_forward") == before == "0"


@pytest.mark.kernel
def test_what_is_looked_at_again_is_as_it_is_now(pod: Netns, fd_count: Callable[[], int]) -> None:
    before = fd_count()
    with Namespace.open(pod.path) as opened:
        assert opened.look_at_sysctl("net/ipv4/ip_forward") == "0"
        held = fd_count()
        pod.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        assert opened.look_at_sysctl("net/ipv4/ip_forward") == "1"
        assert fd_count() == held
    assert fd_count() == before


@pytest.mark.kernel
def test_reading_what_is_not_there_is_not_found(pod_ns: Namespace) -> None:
    with pytest.raises(NotFound) as failure:
        pod_ns.read_sysctl("net/ipv4/conf/eth9/arp_notify")
    assert str(failure.value) == (
        "could not read sysctl net/ipv4/conf/eth9/arp_notify: No such file or directory"
    )


@pytest.mark.kernel
def test_a_value_that_the_kernel_refuses_is_told(pod_ns: Namespace, fd_count: Callable[[], int]) -> None:
    before = fd_count()
    with pytest.raises(KernelError) as failure:
        pod_ns.write_sysctls([("net/ipv4/ip_forward", "many"), ("net/ipv4/ip_forward", "1")])
    assert str(failure.value) == "could not set sysctl net/ipv4/ip_forward to 'many': Invalid argument"
    assert pod_ns.read_sysctl("net/ipv4/ip_forward") == "0"
    assert fd_count() == before


@pytest.mark.kernel
def test_errors_can_be_ignored_and_the_rest_is_written(pod: Netns, pod_ns: Namespace) -> None:
    pod_ns.write_sysctls(
        [
            ("net/ipv4/conf/eth9/arp_notify", "1"),
            ("net/ipv4/ip_forward", "many"),
            ("net/ipv4/conf/lo/arp_notify", "1"),
        ],
        ignore_errors=True,
    )
    assert pod.sysctl("net/ipv4/conf/lo/arp_notify") == "1"
    assert pod.sysctl("net/ipv4/ip_forward") == "0"


@pytest.mark.kernel
def test_what_has_its_value_already_is_left_alone(pod_ns: Namespace, heard: list[str]) -> None:
    settings = [
        Setting(name="net/ipv4/conf/lo/arp_notify", value="0", only_if_other=True),
        Setting(name="net/ipv4/conf/eth9/arp_notify", value="0", only_if_other=True),
        Setting(name="net/ipv4/conf/all/arp_notify", value="1", only_if_other=True),
    ]
    pod_ns.set_sysctls(settings)
    assert heard == ["set sysctl net/ipv4/conf/all/arp_notify to '1'"]
    assert pod_ns.read_sysctl("net/ipv4/conf/all/arp_notify") == "1"


@pytest.mark.kernel
def test_a_link_with_a_dot_in_its_name(veth: tuple[Link, Link], pod: Netns, pod_ns: Namespace) -> None:
    pod.ip("link", "set", "eth0", "name", "eth0.7")
    pod_ns.write_sysctl("net/ipv4/conf/eth0.7/arp_notify", "1")
    assert pod.sysctl("net/ipv4/conf/eth0.7/arp_notify") == "1"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """The kernel's own, mounted a second time, as a container has its node's."""
    folder = tmp_path / "sys"
    folder.mkdir()
    subprocess.run(["mount", "--bind", "/proc/sys", folder], check=True)
    yield folder
    sysctl.use(sysctl.FOLDER)
    subprocess.run(["umount", folder], check=True)


@pytest.mark.kernel
def test_they_are_written_where_they_are_mounted_for_that(
    pod_ns: Namespace, pod: Netns, elsewhere: Path
) -> None:
    sysctl.use(str(elsewhere))
    assert path_of("net/ipv4/ip_forward") == f"{elsewhere}/net/ipv4/ip_forward"
    pod_ns.write_sysctl("net/ipv4/ip_forward", "1")
    assert (pod.sysctl("net/ipv4/ip_forward"), pod_ns.read_sysctl("net.ipv4.ip_forward")) == ("1", "1")


@pytest.mark.kernel
def test_a_mount_for_reading_only_is_refused_with_what_to_do(elsewhere: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro,bind", elsewhere], check=True)
    with pytest.raises(NotPermitted) as raised:
        sysctl.use(str(elsewhere))
    assert str(raised.value) == (
        f"kernel parameters can't be written: {elsewhere} is mounted for reading only (mount the node's /proc/sys "
        "into the container, say at /host/proc/sys, and name it in the setting agent.sysctlDir)"
    )
    assert path_of("net/ipv4/ip_forward") == "/proc/sys/net/ipv4/ip_forward"


def test_a_folder_without_them_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=f"could not find kernel parameters in {tmp_path}"):
        sysctl.use(str(tmp_path))
