"""tuning on the real kernel: what neighbours see of it, what DEL makes of it, and the decisions of its README.md."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from delegates.meta.tuning import sysctls
from multinet import steps
from multinet.errors import KernelError, MultinetError
from tests.support.netns import Netns
from tests.support.plugins import Attachment, pings, refusal
from tests.support.wait import until

pytestmark = pytest.mark.kernel

MAC = "02:11:22:33:44:55"
Tune = Callable[..., Attachment]


@pytest.fixture
def below(pod: Netns, on_bridge: Callable[..., Attachment]) -> Attachment:
    """What is to be tuned."""
    return on_bridge(pod)


@pytest.fixture
def tune(chained: Callable[..., Attachment], below: Attachment, tmp_path: Path) -> Tune:
    """``tune(mtu=1400)``: not added yet."""
    return lambda **conf: chained(below, type="tuning", dataDir=str(tmp_path / "tuning"), **conf)


@pytest.fixture
def allow_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "allowlist.conf"
    monkeypatch.setattr(sysctls, "ALLOW_LIST", str(file))
    return file


def link(pod: Netns) -> dict[str, Any]:
    """What ip shows of eth0."""
    (shown,) = pod.json("ip", "-d", "-j", "link", "show", "eth0")
    return shown  # type: ignore[no-any-return]


def remembered(folder: Path) -> dict[str, Any]:
    """Name -> content of the files that remember."""
    return {file.name: json.loads(file.read_text()) for file in (folder / "tuning").glob("*")}


def test_the_neighbours_see_the_mac_and_the_result_says_it(
    tune: Tune, below: Attachment, host: Netns, pod: Netns
):
    one = tune(mac=MAC.upper()).add()
    until(lambda: pings(host, below.address), what="a ping to the pod")
    neighbours = host.json("ip", "-j", "neigh", "show", "dev", "br0")
    assert [entry["lladdr"] for entry in neighbours if entry["dst"] == below.address] == [MAC]
    interfaces = {each["name"]: each["mac"] for each in one.result["interfaces"]}
    assert interfaces == {
        each["name"]: MAC if each["name"] == "eth0" else each["mac"] for each in below.result["interfaces"]
    }
    assert {**one.result, "interfaces": []} == {**below.result, "interfaces": []}
    one.check()


def test_no_packet_is_larger_than_the_mtu(tune: Tune, pod: Netns):
    tune(mtu=1300).add().check()
    until(lambda: pings(pod, "10.1.2.1", "-M", "do", "-s", "1272"), what="a ping that fills the MTU")
    assert not pings(pod, "10.1.2.1", "-M", "do", "-s", "1273", seconds=0.3)


def test_modes_and_queue_are_as_ip_shows_them(tune: Tune, pod: Netns):
    tune(promisc=True, allmulti=True, txQLen=77).add().check()
    shown = link(pod)
    assert {"PROMISC", "ALLMULTI"} <= set(shown["flags"])
    assert (shown["promiscuity"] > 0, shown["txqlen"]) == (True, 77)
    tune(allmulti=False).add()
    assert "ALLMULTI" not in link(pod)["flags"]


def test_a_kernel_parameter_takes_effect(tune: Tune, below: Attachment, host: Netns, pod: Netns):
    until(lambda: pings(host, below.address), what="a ping to the pod")
    one = tune(sysctl={"net.ipv4.icmp_echo_ignore_all": "1", "net/ipv4/conf/IFNAME/arp_filter": "1"}).add()
    assert not pings(host, below.address, seconds=0.3)
    assert pod.sysctl("net/ipv4/conf/eth0/arp_filter") == "1"
    one.check()


def test_an_interface_with_a_dot_in_its_name_has_its_own_parameters(
    on_bridge: Callable[..., Attachment], chained: Callable[..., Attachment], pod: Netns
):
    below = on_bridge(pod, ifname="eth0.7")
    chained(below, type="tuning", sysctl={"net.ipv4.conf.IFNAME.arp_filter": "1"}).add().check()
    assert pod.sysctl("net/ipv4/conf/eth0.7/arp_filter") == "1"


def test_values_of_several_parts_may_be_written_with_spaces(tune: Tune, pod: Netns):
    tune(sysctl={"net.ipv4.ip_local_port_range": "2000  3000"}).add().check()
    assert pod.sysctl("net/ipv4/ip_local_port_range").split() == ["2000", "3000"]


def test_one_that_can_only_be_written_is_written(tune: Tune):
    tune(sysctl={"net.ipv4.route.flush": "1"}).add()


def test_later_places_override_earlier_ones(tune: Tune, pod: Netns):
    def made(**conf: Any) -> str:
        one = tune(mac="02:00:00:00:00:01", **conf).add()
        one.delete()
        return next(each["mac"] for each in one.result["interfaces"] if each["name"] == "eth0")

    users: dict[str, Any] = {"args": {"cni": {"mac": "02:00:00:00:00:04"}}}
    runtime: dict[str, Any] = {"runtimeConfig": {"mac": "02:00:00:00:00:03"}}
    assert made() == "02:00:00:00:00:01"
    assert made(args_text="MAC=02:00:00:00:00:02") == "02:00:00:00:00:02"
    assert made(args_text="MAC=02:00:00:00:00:02", **runtime) == "02:00:00:00:00:03"
    assert made(args_text="MAC=02:00:00:00:00:02", **runtime, **users) == "02:00:00:00:00:04"
    nothing = {"args": {"cni": {"mac": "", "mtu": 0, "promisc": False}}}
    before = link(pod)
    tune(mac=MAC, mtu=1300, promisc=True, **nothing).add()
    assert link(pod) == before


def test_the_users_parameters_add_to_those_configured_also_where_there_are_none(tune: Tune, pod: Netns):
    """D-15"""
    port, echo = "net.ipv4.ip_unprivileged_port_start", "net.ipv4.icmp_echo_ignore_all"
    tune(args={"cni": {"sysctl": {port: "80"}}}).add()
    assert pod.sysctl("net/ipv4/ip_unprivileged_port_start") == "80"
    tune(sysctl={port: "90", echo: "1"}, args={"cni": {"sysctl": {port: "70"}}}).add()
    assert pod.sysctl("net/ipv4/ip_unprivileged_port_start") == "70"
    assert pod.sysctl("net/ipv4/icmp_echo_ignore_all") == "1"


def test_del_makes_the_link_as_it_was(tune: Tune, pod: Netns, tmp_path: Path):
    before = link(pod)
    one = tune(mac=MAC, mtu=1300, promisc=True, allmulti=True, txQLen=77).add()
    assert remembered(tmp_path) == {
        "c1_eth0.json": {
            "mac": before["address"], "promisc": False, "mtu": 1500, "allmulti": False, "txQLen": before["txqlen"],
        }
    }  # fmt: skip
    one.delete()
    assert (link(pod), remembered(tmp_path)) == (before, {})
    one.delete()
    one.delete(prevResult=None, args={"cni": {"sysctl": {"vm.swappiness": "1"}}}, mac="none")
    assert (link(pod), remembered(tmp_path)) == (before, {})


def test_of_two_tunings_of_one_interface_the_first_knows_how_it_was(tune: Tune, pod: Netns, tmp_path: Path):
    before = link(pod)
    first, second = tune(mtu=1300).add(), tune(mtu=1400, mac=MAC).add()
    assert remembered(tmp_path) == {"c1_eth0.json": {"mac": before["address"], "mtu": 1500}}
    second.delete()
    first.delete()
    assert (link(pod), remembered(tmp_path)) == (before, {})


def test_a_second_tuning_that_fails_leaves_the_first_alone(tune: Tune, pod: Netns, tmp_path: Path):
    first = tune(mtu=1300).add()
    with_first = link(pod), remembered(tmp_path)
    assert refusal(tune(mtu=1400, txQLen=5, mac=MAC, sysctl={"net.ipv4.nothing": "1"}).add) == (
        "could not set sysctl net/ipv4/nothing to '1': No such file or directory"
    )
    assert refusal(tune(mac=MAC, mtu=30).add) == (
        "could not set mtu of eth0 to 30: Invalid argument (mtu less than device minimum)"
    )
    assert (link(pod), remembered(tmp_path)) == with_first
    first.delete()
    assert link(pod)["mtu"] == 1500


def test_del_removes_what_was_remembered_of_an_interface_that_is_gone(tune: Tune, pod: Netns, tmp_path: Path):
    one = tune(mtu=1300).add()
    pod.ip("link", "delete", "eth0")
    one.delete()
    assert remembered(tmp_path) == {}


def test_del_is_content_when_the_kernel_refuses_and_leaves_the_file(tune: Tune, pod: Netns, tmp_path: Path):
    one = tune(mtu=1300, mac=MAC).add()
    (tmp_path / "tuning/c1_eth0.json").write_text(json.dumps({"mtu": 30, "mac": "02:00:00:00:00:09"}))
    one.delete()
    assert (link(pod)["mtu"], link(pod)["address"]) == (1300, "02:00:00:00:00:09")
    assert list(remembered(tmp_path)) == ["c1_eth0.json"]


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"mtu": "1400", "mac": 5, "promisc": 1}', "\\xff"])
def test_a_file_that_tells_nothing_is_nothing_to_del(tune: Tune, pod: Netns, tmp_path: Path, text: str):
    one = tune(mtu=1300).add()
    (tmp_path / "tuning/c1_eth0.json").write_text(text)
    one.delete()
    assert link(pod)["mtu"] == 1300
    assert [file for file in (tmp_path / "tuning").iterdir() if file.is_file()] == []
    assert (tmp_path / "tuning/damaged/c1_eth0.json").read_text() == text


def test_kernel_parameters_are_put_back_when_add_fails_later(tune: Tune, pod: Netns, tmp_path: Path):
    before = link(pod)
    conf: dict[str, Any] = {
        "sysctl": {"net.ipv4.icmp_echo_ignore_all": "1", "net.ipv4.conf.IFNAME.arp_filter": "1"},
        "mac": MAC,
        "txQLen": 7,
    }

    def refuse_last(what: str) -> None:
        if what == "set txqlen of eth0 to 7":
            raise KernelError("it was told to fail")

    steps.listen(refuse_last)
    try:
        with pytest.raises(MultinetError, match="it was told to fail"):
            tune(**conf).add()
    finally:
        steps.listen(None)
    assert link(pod) == before
    assert [pod.sysctl(f"net/ipv4/{name}") for name in ("icmp_echo_ignore_all", "conf/eth0/arp_filter")] == [
        "0",
        "0",
    ]
    assert remembered(tmp_path) == {}


DAMAGES: dict[str, tuple[dict[str, Any], str, str]] = {
    "the MAC": (
        {"mac": MAC},
        "ip link set eth0 address 02:00:00:00:00:99",
        f"Error: Tuning configured Ethernet of eth0 is {MAC}, current value is 02:00:00:00:00:99",
    ),
    "the MTU": (
        {"mtu": 1300},
        "ip link set eth0 mtu 1350",
        "Error: Tuning configured MTU of eth0 is 1300, current value is 1350",
    ),
    "promiscuous mode": (
        {"promisc": True},
        "ip link set eth0 promisc off",
        "Error: Tuning link eth0 configured promisc is true, current value is 0",
    ),
    "promiscuous mode that nobody asked for": (
        {"mtu": 1300},
        "ip link set eth0 promisc on",
        "Error: Tuning link eth0 configured promisc is false, current value is 1",
    ),
    "all-multicast mode": (
        {"allmulti": True},
        "ip link set eth0 allmulticast off",
        "Error: Tuning configured all-multicast mode of eth0 is true, current value is false",
    ),
    "the queue": (
        {"txQLen": 77},
        "ip link set eth0 txqueuelen 78",
        "Error: Tuning configured Transmit Queue Length of eth0 is 77, current value is 78",
    ),
    "a parameter": (
        {"sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}},
        "echo 0 > /proc/sys/net/ipv4/conf/eth0/arp_filter",
        "Error: Tuning configured value of /proc/sys/net/ipv4/conf/eth0/arp_filter is 1, current value is 0",
    ),
    "the interface": ({"mtu": 1300}, "ip link delete eth0", "Cannot find container link eth0"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_check_sees_what_was_changed_after_add(tune: Tune, pod: Netns, damage: str):
    conf, script, said = DAMAGES[damage]
    one = tune(**conf).add()
    one.check()
    pod.run("sh", "-euc", script)
    assert refusal(one.check) == said


def test_a_packet_capture_is_no_promiscuous_mode(tune: Tune, pod: Netns):
    one = tune(mtu=1300).add()
    capture = pod.command("tcpdump", "-ni", "eth0")
    with subprocess.Popen(capture, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: link(pod)["promiscuity"] > 0, what="the capture to begin")
            one.check()
        finally:
            process.kill()


def test_the_operator_says_which_parameters_are_allowed(tune: Tune, pod: Netns, allow_list: Path):
    allow_list.write_text("^net\\.ipv4\\.conf\\.IFNAME\\.[a-z_]*$\n\n  ip_unprivileged_port_start  \n")
    tune(sysctl={"net.ipv4.conf.IFNAME.arp_filter": "1", "net/ipv4/ip_unprivileged_port_start": "80"}).add()
    refused = tune(sysctl={"net.ipv4.conf.IFNAME.arp_filter": "0", "net/ipv4/conf/IFNAME/arp_filter": "0"})
    assert refusal(refused.add) == (
        "Sysctl net/ipv4/conf/IFNAME/arp_filter is not allowed. Only the following sysctls are allowed: "
        "[^net\\.ipv4\\.conf\\.IFNAME\\.[a-z_]*$ ip_unprivileged_port_start]"
    )
    assert pod.sysctl("net/ipv4/conf/eth0/arp_filter") == "1"
    refused.delete()


def test_what_is_no_pattern_is_told_with_its_file(tune: Tune, allow_list: Path):
    allow_list.write_text("net.ipv4.(\n")
    assert refusal(tune(sysctl={"net.ipv4.icmp_echo_ignore_all": "1"}).add) == (
        f"{allow_list}: 'net.ipv4.(' is not a regular expression: "
        "missing ), unterminated subpattern at position 9"
    )


def test_without_a_plugin_before_it_there_is_nothing_to_tune(attach: Callable[..., Attachment], pod: Netns):
    one = attach(pod, {"cniVersion": "1.1.0", "name": "net", "type": "tuning", "mtu": 1300})
    assert refusal(one.add) == "Required prevResult missing"
    assert refusal(lambda: one.call("CHECK", {})) == "Required prevResult missing"
    one.delete()
