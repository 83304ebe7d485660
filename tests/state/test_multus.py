"""What Multus and libcni left on disk, as a record of ours: whole, in part, or damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from multinet.cni.netconf import NetConfList
from multinet.plan import Attachment, Phase, Plan, Pod, Record
from multinet.state.attachments import Attachments
from multinet.state.multus import WithMultus
from tests.state.disk import ARGS, ID, OTHER, TEXT, Disk, conf, entry


def test_a_pod_of_multus_reads_as_a_record(disk: Disk) -> None:
    disk.scratch(entry("cluster"), entry("shop/net-a", ifnameRequest="data"))
    disk.cache("cluster", "eth0", capabilityArgs={"portMappings": [{"hostPort": 80}]})
    disk.cache("net-a", "data", cniArgs=[*ARGS, ["MAC", "02:00:00:00:00:01"]])

    record = disk.find()

    assert record.plan == Plan(
        container_id=ID,
        ifname="eth0",
        netns="/var/run/netns/cni-1",
        pod=Pod(namespace="shop", name="cart", uid="u-1"),
        attachments=(
            Attachment(
                network="cluster",
                ifname="eth0",
                conflist=NetConfList.of(conf("cluster")),
                args=TEXT,
                capability_args={"portMappings": [{"hostPort": 80}]},
            ),
            Attachment(
                network="shop/net-a",
                ifname="data",
                conflist=NetConfList.of(conf("net-a")),
                args=f"{TEXT};MAC=02:00:00:00:00:01",
            ),
        ),
        names_networks=True,
    )
    assert (record.phase, record.foreign, record.boot_id) == (Phase.DONE, True, "")
    assert {name: result.dns.domain for name, result in record.results.items()} == {
        "eth0": "cluster",
        "data": "net-a",
    }


def test_interfaces_without_a_name_of_their_own_are_counted_from_the_first(disk: Disk) -> None:
    disk.scratch(entry("cluster"), entry("a/one"), entry("a/two", ifnameRequest="x"), entry("a/three"))

    record = disk.find("ether")

    assert [one.ifname for one in record.plan.attachments] == ["ether", "net1", "x", "net3"]


def test_what_the_annotation_asked_for_is_told_also_without_libcnis_memory(disk: Disk) -> None:
    """Of the first network the runtime's wishes are what counts, and those are not in the scratch file."""
    wishes = {"macRequest": "02:00:00:00:00:01", "ipRequest": ["10.1.2.3"], "infinibandGUIDRequest": "g"}
    disk.scratch(
        entry("cluster", **wishes), entry("shop/a", **wishes, deviceID="0000:03:02.0", resourceName="x/vf")
    )

    first, second = disk.find().plan.attachments

    file = f"/run/devices/cni/shop-a-{ID}_net1"
    assert first.capability_args == {}
    assert second.capability_args == {
        "mac": "02:00:00:00:00:01",
        "ips": ["10.1.2.3"],
        "infinibandGUID": "g",
        "deviceID": "0000:03:02.0",
        "CNIDeviceInfoFile": file,
    }
    assert (second.device_info_file, second.device, second.resource) == (file, "0000:03:02.0", "x/vf")


def test_arguments_of_a_network_that_libcni_forgot_are_those_of_its_neighbour_without_wishes(
    disk: Disk,
) -> None:
    disk.scratch(entry("cluster"), entry("shop/net-a"))
    disk.cache("cluster", "eth0", cniArgs=[*ARGS, ["MAC", "02:00:00:00:00:01"], ["IP", "10.1.2.3"]])

    assert [one.args for one in disk.find().plan.attachments][1] == TEXT


def test_a_configuration_that_is_not_in_the_scratch_file_is_libcnis(disk: Disk) -> None:
    disk.scratch(entry("cluster", Bytes=""), entry("shop/net-a", Bytes="%%%"))
    disk.cache("cluster", "eth0", conf=conf("cluster", mtu=1400))
    disk.cache("net-a", "net1")

    record = disk.find()

    assert [one.conflist for one in record.plan.attachments] == [
        NetConfList.of(conf("cluster", mtu=1400)),
        NetConfList.of(conf("net-a")),
    ]
    assert record.phase is Phase.DONE


def test_a_network_of_which_no_configuration_is_left_is_told_and_the_others_remain(disk: Disk) -> None:
    disk.scratch(entry("cluster"), entry("shop/net-a", Bytes=""))

    with capture_logs() as said:
        record = disk.find()

    assert [one.network for one in record.plan.attachments] == ["cluster"]
    assert record.phase is Phase.INTENDED
    assert [one["event"] for one in said] == ["a network of Multus's can't be read"]


def test_what_only_libcni_remembers_comes_last_in_the_order_of_its_names(disk: Disk) -> None:
    disk.scratch(entry("cluster"), entry("shop/net-a"))
    for network, ifname in (("net-a", "net1"), ("ten", "net10"), ("two", "net2"), ("cluster", "eth0")):
        disk.cache(network, ifname)

    record = disk.find()

    assert [one.ifname for one in record.plan.attachments] == ["eth0", "net1", "net2", "net10"]
    assert record.phase is Phase.DONE


def test_without_a_scratch_file_the_first_interface_is_first(disk: Disk) -> None:
    for network, ifname in (("b", "data"), ("cluster", "eth0"), ("a", "net1")):
        disk.cache(network, ifname)

    record = disk.find()

    assert [one.ifname for one in record.plan.attachments] == ["eth0", "data", "net1"]
    assert record.phase is Phase.INTENDED  # there may have been more


def test_a_result_that_cant_be_read_is_no_result(disk: Disk) -> None:
    disk.scratch(entry("cluster"))
    disk.cache("cluster", "eth0", result={"cniVersion": "1.0.0", "ips": [{"address": "x"}]})

    assert (disk.find().results, disk.find().phase) == ({}, Phase.DONE)


def test_a_list_is_read_from_its_bytes_and_not_from_what_multus_made_of_it(disk: Disk) -> None:
    listed = {"cniVersion": "0.4.0", "name": "net-a", "plugins": [{"type": "calico", "kubeconfig": "/k"}]}
    disk.scratch(entry("net-a", listed, ConfList={"plugins": [{"type": "calico"}]}))

    (attachment,) = disk.find().plan.attachments

    assert attachment.conflist == NetConfList.of(listed)


def test_a_definition_without_a_name_in_its_configuration_has_its_own(disk: Disk) -> None:
    disk.scratch(entry("shop/net-a", {"cniVersion": "0.4.0", "type": "bridge"}))

    assert disk.find().plan.attachments[0].conflist.name == "net-a"


@pytest.mark.parametrize("other", ["multus", "multus-shim", "multinet"])
def test_what_leads_back_to_a_meta_plugin_is_left_out(disk: Disk, other: str) -> None:
    disk.scratch(entry("cluster", conf("cluster", type=other)), entry("shop/net-a"))
    disk.cache("cluster", "eth0", conf=conf("cluster", type=other))

    assert [one.network for one in disk.find().plan.attachments] == ["shop/net-a"]


# The runtime's own memory


def test_a_network_that_the_runtime_called_itself_reads_as_a_record(disk: Disk) -> None:
    disk.cache("primary", "eth0", runtime=True)
    disk.cache("cni-loopback", "lo", runtime=True, conf=conf("cni-loopback", type="loopback"))

    record = disk.find()

    assert [(one.network, one.ifname, one.args) for one in record.plan.attachments] == [
        ("primary", "eth0", TEXT)
    ]
    assert (record.phase, record.foreign) == (Phase.DONE, True)


@pytest.mark.parametrize("meta", ["multus", "multinet"])
def test_what_the_runtime_remembers_of_a_meta_plugin_is_no_network(disk: Disk, meta: str) -> None:
    disk.cache(meta, "eth0", runtime=True, conf=conf(meta, type=meta))

    assert disk.records.find(ID, "eth0") is None


def test_multuss_memory_counts_before_the_runtimes(disk: Disk) -> None:
    disk.scratch(entry("cluster"))
    disk.cache("primary", "eth0", runtime=True)

    assert [one.network for one in disk.find().plan.attachments] == ["cluster"]


# Several containers, and forgetting


def test_nothing_is_known_of_a_container_that_nobody_remembers(tmp_path: Path) -> None:
    records = WithMultus(Attachments(tmp_path / "ours"), tmp_path / "multus", tmp_path / "cni")

    assert (records.find(ID, "eth0"), list(records.all())) == (None, [])
    records.forget(ID, "eth0")
    assert list(tmp_path.iterdir()) == []


def test_all_yields_ours_first_and_of_others_only_multuss(disk: Disk) -> None:
    mine = record(OTHER)
    disk.ours.write(mine)
    disk.scratch(entry("cluster"), container=OTHER)
    disk.scratch(entry("cluster"))
    disk.cache("cluster", "eth0", container="aa" * 32)
    disk.cache("primary", "eth0", runtime=True, container="bb" * 32)
    disk.scratch(entry("cluster"), container=".hidden")

    assert [(one.plan.container_id, one.foreign) for one in disk.records.all()] == [
        (OTHER, False),
        (ID, True),
        ("aa" * 32, True),
    ]
    assert disk.records.count() == 1


def test_without_a_request_the_first_interface_is_the_one_libcni_remembers(disk: Disk) -> None:
    disk.scratch(entry("cluster"), entry("shop/net-a"))
    disk.cache("cluster", "ether")
    disk.cache("net-a", "net1")

    (found,) = disk.records.all()

    assert [one.ifname for one in found.plan.attachments] == ["ether", "net1"]
    assert found.plan.ifname == "ether"


def test_forgetting_removes_what_is_of_the_container_and_nothing_else(disk: Disk) -> None:
    mine = [
        disk.scratch(entry("cluster")),
        disk.cache("cluster", "eth0"),
        disk.cache("primary", "eth0", runtime=True),
    ]
    damaged = disk.cache("net-a", "net1")
    damaged.write_bytes(bytes(10))
    others = [
        disk.scratch(entry("cluster"), container=OTHER),
        disk.cache("cluster", "eth0", container=OTHER),
        disk.cache("primary", "eth0", runtime=True, container=OTHER),
        disk.cache(f"a-{ID}-b", "eth0", container=OTHER),
        disk.cache("multinet", "eth0", runtime=True, conf=conf("multinet", type="multinet")),
    ]

    disk.records.forget(ID, "eth0")

    assert [file for file in (*mine, damaged) if file.exists()] == []
    assert [file for file in others if not file.exists()] == []


def test_forgetting_ours_leaves_what_others_remember(disk: Disk) -> None:
    disk.ours.write(record(ID))
    scratch = disk.scratch(entry("cluster"))

    disk.records.forget(ID, "eth0")

    assert (disk.records.find(ID, "eth0"), scratch.exists()) == (disk.find(), True)


def record(container_id: str) -> Record:
    plan = Plan(
        container_id=container_id,
        ifname="eth0",
        netns="/n",
        pod=None,
        attachments=(Attachment(network="x", ifname="eth0", conflist=NetConfList.of(conf("x"))),),
    )
    return Record(plan=plan, phase=Phase.INTENDED, boot_id="b")
