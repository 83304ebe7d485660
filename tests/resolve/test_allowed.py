"""What a definition may have root do, by the settings; every way by which a pod comes to one asks it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from multinet.config import Settings
from multinet.errors import InvalidConfig, SelectionError
from multinet.npwg import nad, selection
from multinet.npwg.nad import NetworkAttachmentDefinition
from multinet.resolve import allowed
from tests.resolve.test_resolve import Files, World, conf

STATIC = {"type": "static", "addresses": [{"address": "10.1.0.2/24"}]}


@pytest.fixture
def world() -> World:
    return World().define("shop/net-a").define("kube-system/fast").define("shop/evil", conf(type="evil"))


def refusal(world: World, networks: Any = "", **annotations: str) -> str:
    with pytest.raises(InvalidConfig) as refused:
        world.resolve(networks, **annotations)
    return refused.value.sentence


def test_all_plugins_are_allowed_where_nothing_is_said(world: World) -> None:
    assert [one.network for one in world.resolve("net-a,evil").attachments] == [
        "cluster",
        "shop/net-a",
        "shop/evil",
    ]


def test_no_way_to_a_definition_leads_around_the_settings(world: World) -> None:
    world.settings = {"allowedDelegates": ["bridge"], "multinetNamespace": "shop"}
    evil = (
        "shop/evil[evil].type: 'evil' is none of the plugins that definitions of the namespace 'shop' may run"
    )

    assert refusal(world, "evil") == evil
    assert refusal(world, **{"v1.multus-cni.io/default-network": "evil"}) == evil
    world.settings |= {"clusterNetwork": "net-a", "defaultNetworks": ["evil"]}
    assert refusal(world) == f"defaultNetworks[0]: {evil}"
    world.settings |= {"clusterNetwork": "evil"}
    assert refusal(world) == f"clusterNetwork: {evil}"


def test_a_namespaces_own_list_counts_instead(world: World) -> None:
    world.settings = {
        "allowedDelegates": ["bridge"],
        "allowedDelegatesByNamespace": {"shop": ["ev*"], "kube-system": []},
    }
    assert world.resolve("evil").attachments[1].network == "shop/evil"
    assert refusal(world, "net-a") == (
        "shop/net-a[bridge].type: 'bridge' is none of the plugins that definitions of the namespace 'shop' may run"
    )
    assert "namespace 'kube-system'" in refusal(world, "kube-system/fast")


def test_what_stands_in_a_file_of_the_node_is_its_operators_word(world: World) -> None:
    world.files.folder = {"evil.conf": json.dumps({"name": "evil", "type": "evil"}).encode()}
    world.define("shop/evil", "")
    world.definitions["shop/evil"] = nad.NetworkAttachmentDefinition(namespace="shop", name="evil")
    world.settings = {"allowedDelegates": ["bridge"]}

    assert world.resolve("evil").attachments[1].conflist.plugins[0]["type"] == "evil"


@pytest.mark.parametrize(
    ("plugin", "expected"),
    [
        ({"type": "a"}, ["a"]),
        ({"type": "a", "ipam": {"type": "b"}}, ["a", "b"]),
        ({"type": "a", "IPAM": {"TYPE": "b"}}, ["a", "b"]),
        ({"type": "a", "Type": "b"}, ["a", "b"]),
        ({"type": "a", "ipam": {"type": "b", "Type": "c"}}, ["a", "b", "c"]),
        ({"type": "a", "delegate": {"type": "b", "ipam": {"type": "c"}}}, ["a", "b", "c"]),
        ({"type": "a", "hostLink": {"type": "vlan"}}, ["a"]),
    ],
)
def test_every_plugin_that_a_configuration_names_is_found(
    plugin: dict[str, Any], expected: list[str]
) -> None:
    assert [type_ for _, type_ in allowed.types_of(plugin)] == expected


@pytest.mark.parametrize(
    ("place", "may"),
    [
        ("/var/lib/cni/networks", True),
        ("/run/cni/tuning", True),
        ("/etc/resolv.conf", True),
        ("/var/run/k8s.cni.cncf.io/devinfo/cni/x", True),
        ("/var/lib/cnix", False),
        ("/var/lib", False),
        ("/var/lib/cni/../../../etc", False),
        ("//etc", False),
        ("/etc/resolv.conf.d", False),
        ("var/lib/cni", False),
        ("/var/lib/cni/multinet", False),
        ("/var/lib/cni/multinet/sandboxes", False),
        ("/var/lib/cni/multus", False),
        ("/var/lib/cni/results/x", False),
        ("/run/cni/\0", False),
    ],
)
def test_which_places_a_definition_may_name(place: str, may: bool) -> None:
    plugin = {"type": "bridge", "ipam": {"type": "host-local", "dataDir": place}}
    assert (not list(allowed.refusals(Settings(), "shop", "net", plugin))) is may


def test_a_network_cant_take_a_folder_of_ours_by_its_name() -> None:
    plugin = {"type": "bridge", "ipam": {"type": "host-local", "dataDir": "/var/lib/cni"}}
    assert not list(allowed.refusals(Settings(), "shop", "net", plugin))
    assert len(list(allowed.refusals(Settings(), "shop", "multinet", plugin))) == 1


def test_a_kernel_parameter_is_asked_wherever_it_stands(world: World) -> None:
    world.settings = {"allowedSysctls": ["net.ipv4.conf.IFNAME.*"]}
    fine, other = {"net/ipv4/conf/IFNAME/arp_filter": "1"}, {"net.core.somaxconn": "1"}
    refused = "'net.core.somaxconn' is none of the kernel parameters that pods and definitions may set"

    world.define("shop/tuned", conf(type="tuning", sysctl=fine))
    assert world.resolve([{"name": "tuned", "cni-args": {"sysctl": fine}}])
    assert refusal(world, [{"name": "tuned", "cni-args": {"sysctl": other}}]) == (
        f"shop/tuned.cni-args.sysctl: {refused}"
    )
    for told in ({"SYSCTL": other}, {"args": {"cni": {"sysctl": other}}}):
        world.define("shop/tuned", conf(type="tuning", **told))
        assert refusal(world, "tuned").endswith(f": {refused}")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"ips": ["10.1.0.1"] * 65}, "expected at most 64 in this list, not 65"),
        (
            {"portMappings": [{"hostPort": 1, "containerPort": 1}] * 257},
            "expected at most 256 in this list, not 257",
        ),
        ({"default-route": ["10.1.0.1"] * 17}, "expected at most 16 in this list, not 17"),
        (
            {"cni-args": {"x": "y" * (16 << 10)}},
            "expected at most 16384 characters in this object, not 16393",
        ),
        (
            {"deviceID": "d" * 129},
            "expected a device's id: at most 128 characters, such as 0000:03:02.1, without '/'",
        ),
    ],
)
def test_what_a_pod_asks_of_one_network_has_an_end(said: dict[str, Any], expected: str) -> None:
    with pytest.raises(SelectionError) as refused:
        selection.parse(json.dumps([{"name": "net-a", **said}]), home="shop")
    assert str(refused.value).splitlines()[0] == f"k8s.v1.cni.cncf.io/networks: {expected}"


def test_an_annotation_has_an_end_too() -> None:
    text = "net-a," * 10_923
    with pytest.raises(SelectionError) as refused:
        selection.parse(text, home="shop")
    assert str(refused.value) == (
        "k8s.v1.cni.cncf.io/networks has 65538 characters, at most 65536 are read "
        "(spread the networks over several pods)"
    )


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (conf(x="y" * (64 << 10)), "it has 65586 characters, a definition may have 65536"),
        (
            json.dumps({"cniVersion": "1.1.0", "plugins": [{"type": "bridge"}] * 33}),
            "it has 33 plugins, a definition may have 32",
        ),
    ],
)
def test_a_definition_has_an_end(world: World, config: str, expected: str) -> None:
    world.define("shop/big", config)
    assert refusal(world, "big") == f"shop/big.spec.config: {expected}"


def test_a_definition_is_looked_through_once_for_the_settings_that_it_was_allowed_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[str] = []
    through = allowed._look_through
    monkeypatch.setattr(
        allowed,
        "_look_through",
        lambda settings, namespace, conflist: (
            looked.append(namespace),
            through(settings, namespace, conflist),
        ),
    )

    def ask(settings: Settings, namespace: str, type_: str) -> bool:
        found = NetworkAttachmentDefinition(namespace=namespace, name="net-a", config=conf(type=type_))
        try:
            allowed.refuse(settings, found, nad.netconf_list(found, Files().folder))
        except InvalidConfig:
            return False
        return True

    open_, closed = (
        Settings.parse({"allowedDelegatesByNamespace": {"shop": types}}, primary_is_found=True)
        for types in (["bridge"], [])
    )
    for _ in range(3):
        assert ask(open_, "shop", "bridge")
    assert looked == ["shop"]
    assert not ask(open_, "shop", "evil")
    assert ask(open_, "bank", "bridge")
    assert not ask(closed, "shop", "bridge")
    assert not ask(closed, "shop", "bridge")
    assert looked == ["shop", "shop", "bank", "shop", "shop"]
