"""The selection annotation: what is read from it, and what is said when it can't be."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multinet.errors import SelectionError
from multinet.npwg.annotations import DEFAULT_NETWORK, NETWORKS
from multinet.npwg.selection import Bandwidth, PortMapping, Selection, default_network, parse, write
from tests.npwg.marks import unmark
from tests.npwg.strategies import IFNAMES, SELECTIONS, SHORT_SELECTIONS

CORPUS = Path(__file__).parent.parent / "corpus" / "annotations"


def short(selection: Selection) -> str:
    ifname = f"@{selection.interface}" if selection.interface else ""
    return f"{selection.namespace}/{selection.name}{ifname}"


def refusal(text: str) -> str:
    with pytest.raises(SelectionError) as caught:
        parse(text, home="home")
    assert caught.value.cni_code == 7
    return str(caught.value)


# --- what is read


@pytest.mark.parametrize("text", ["", " \n", "[]", " [ ] \n"])
def test_nothing_asked_for_is_nothing(text: str) -> None:
    assert parse(text, home="home") == ()


@pytest.mark.parametrize(
    ("text", "selections"),
    [
        ("net-a", [Selection(namespace="home", name="net-a")]),
        ("ns/net-a", [Selection(namespace="ns", name="net-a")]),
        ("net-a@eth1", [Selection(namespace="home", name="net-a", interface="eth1")]),
        ("ns/net-a@ETH.1_", [Selection(namespace="ns", name="net-a", interface="ETH.1_")]),
        (" ns / net-a @ eth1 ", [Selection(namespace="ns", name="net-a", interface="eth1")]),
        ("a,b", [Selection(namespace="home", name="a"), Selection(namespace="home", name="b")]),
        ("a,a", [Selection(namespace="home", name="a"), Selection(namespace="home", name="a")]),
        ("a,\n  x/b\n", [Selection(namespace="home", name="a"), Selection(namespace="x", name="b")]),
        ("null", [Selection(namespace="home", name="null")]),
    ],
)
def test_the_short_form(text: str, selections: list[Selection]) -> None:
    assert parse(text, home="home") == tuple(selections)


def test_every_key_of_the_json_form() -> None:
    text = """[{
        "name": "net.a", "namespace": "ns", "interface": "eth1",
        "ips": ["10.1.2.3", "10.1.2.4/24", "2001:db8::5/64", "::ffff:10.1.2.5"],
        "mac": "02-23-45-67-89-AB", "infiniband-guid": "02:00:00:00:00:00:00:01",
        "portMappings": [{"hostPort": 8080, "containerPort": 80},
                         {"hostPort": 53, "containerPort": 53, "protocol": "UDP", "hostIP": "192.0.2.1"}],
        "bandwidth": {"ingressRate": 1000, "ingressBurst": 2000, "egressRate": 3000, "egressBurst": 4000},
        "deviceID": "0000:18:02.5",
        "cni-args": {"a": {"b": [1, 2.5, null, true]}},
        "default-route": ["10.1.2.1", "2001:db8::1"]
    }, {"name": "b", "ipam-claim-reference": "vm1.b"}]"""

    assert parse(text, home="home") == (
        Selection(
            namespace="ns",
            name="net.a",
            interface="eth1",
            ips=(
                IPv4Address("10.1.2.3"),
                IPv4Interface("10.1.2.4/24"),
                IPv6Interface("2001:db8::5/64"),
                IPv4Address("10.1.2.5"),
            ),
            mac="02:23:45:67:89:ab",
            infiniband_guid="02:00:00:00:00:00:00:01",
            port_mappings=(
                PortMapping(host_port=8080, container_port=80),
                PortMapping(
                    host_port=53, container_port=53, protocol="udp", host_ip=IPv4Address("192.0.2.1")
                ),
            ),
            bandwidth=Bandwidth(ingress_rate=1000, ingress_burst=2000, egress_rate=3000, egress_burst=4000),
            device_id="0000:18:02.5",
            cni_args={"a": {"b": [1, 2.5, None, True]}},
            default_route=(IPv4Address("10.1.2.1"), IPv6Address("2001:db8::1")),
        ),
        Selection(namespace="home", name="b", ipam_claim_reference="vm1.b"),
    )


def only(text: str) -> Selection:
    (selection,) = parse(text, home="home")
    return selection


def test_no_default_route_and_none_named_are_told_apart() -> None:
    assert only('[{"name": "a"}]').default_route is None
    assert only('[{"name": "a", "default-route": null}]').default_route is None
    assert only('[{"name": "a", "default-route": []}]').default_route == ()


def test_null_and_empty_mean_not_asked_for() -> None:
    keys = ["namespace", "interface", "mac", "infiniband-guid", "deviceID", "ipam-claim-reference"]
    empty = ", ".join(f'"{key}": ""' for key in keys)
    nulls = ", ".join(f'"{key}": null' for key in [*keys, "ips", "portMappings", "bandwidth", "cni-args"])

    assert only(f'[{{"name": "a", {empty}}}]') == Selection(namespace="home", name="a")
    assert only(f'[{{"name": "a", {nulls}}}]') == Selection(namespace="home", name="a")


def test_the_old_name_of_interface_is_read_where_the_new_one_says_nothing() -> None:
    assert only('[{"name": "a", "interfaceRequest": "old"}]').interface == "old"
    assert only('[{"name": "a", "interface": "", "interfaceRequest": "old"}]').interface == "old"
    assert only('[{"name": "a", "interfaceRequest": "old", "interface": "new"}]').interface == "new"


def test_keys_are_read_in_any_case_as_go_reads_them() -> None:
    assert only('[{"Name": "a", "IPS": ["10.1.2.3"]}]').ips == (IPv4Address("10.1.2.3"),)


def test_a_key_with_a_period_belongs_to_others() -> None:
    assert only('[{"name": "a", "org.example.colour": 3}]') == Selection(namespace="home", name="a")


@pytest.mark.parametrize(
    ("text", "mac"),
    [
        ("02:23:45:67:89:01", "02:23:45:67:89:01"),
        ("0223.4567.89AB", "02:23:45:67:89:ab"),
        ("02-23-45-67-89-01-02-03", "02:23:45:67:89:01:02:03"),
        ("80:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22",) * 2,
    ],
)
def test_a_mac_in_any_form_becomes_one_form(text: str, mac: str) -> None:
    assert only(f'[{{"name": "a", "mac": "{text}"}}]').mac == mac


@given(st.lists(SELECTIONS, max_size=3))
def test_whatever_is_written_reads_back(selections: list[Selection]) -> None:
    assert parse(write(selections), home="elsewhere") == tuple(selections)


@given(st.lists(SHORT_SELECTIONS, min_size=1, max_size=3), st.sampled_from([",", ", ", " ,\n"]))
def test_the_short_form_reads_what_was_meant(selections: list[Selection], comma: str) -> None:
    text = comma.join(map(short, selections))

    assert parse(text, home="elsewhere") == tuple(selections)


@given(IFNAMES)
def test_the_json_form_takes_every_interface_name_of_linux(ifname: str) -> None:
    selection = Selection(namespace="ns", name="a", interface=ifname)
    assert parse(write([selection]), home="elsewhere") == (selection,)


# --- what is said when it can't be read

IFNAME = "expected an interface name: at most 15 bytes, without '/', ':' or white space, not '.' or '..'"
PREFIX = "expected an IP address with a prefix length, such as 192.0.2.10/24 or 2001:db8::10/64"
ADDRESS = "expected an IP address, such as 192.0.2.10 or 2001:db8::10"
MAC = "expected a MAC address of 6, 8 or 20 bytes, such as 02:23:45:67:89:01"
GUID = "expected an InfiniBand GUID of 8 bytes, such as 02:00:00:00:00:00:00:01"
KEYS = (
    "name, namespace, interface, interfaceRequest, ips, mac, infiniband-guid, portMappings, bandwidth,"
    " deviceID, cni-args, default-route, ipam-claim-reference"
)

LABEL = "lower-case letters, digits and '-'"
DOTS = " (a name with dots needs the JSON form)"
RATE = "expected a whole number from 0 to 9223372036854775807"
NAME = "expected a name: lower-case letters, digits, '-' and '.'"
JSON_LIST = "expected '[': with a '[', '{' or '\"' anywhere in it, this is read as a JSON list"
NO_PORT = 'expected the key "containerPort" in this object'
TWICE = 'the key "hostPort" is given twice'
WHOLE = "expected a whole number, not "

# The place is marked in each text by a caret of its own.
SHORT_MISTAKES = [
    ("default/net-a@eth1, net^_b", "expected a network name: lower-case letters, digits and '-'"),
    ("^Net", "expected a network name: lower-case letters, digits and '-'"),
    ("n^ét", "expected a network name: lower-case letters, digits and '-'"),
    ("net^;b", "expected a network name: lower-case letters, digits and '-'"),
    ("a,^", "expected a network name, found nothing"),
    ("a,^ ", "expected a network name, found nothing"),
    ("a,^,b", "expected a network name, found nothing"),
    ("^,a", "expected a network name, found nothing"),
    ("^,", "expected a network name, found nothing"),
    ("ns/^", "expected a network name, found nothing"),
    ("^@eth1", "expected a network name, found nothing"),
    ("^-a", "expected a network name with a letter or digit at either end"),
    ("ns/a^-", "expected a network name with a letter or digit at either end"),
    ("a^ b", "expected a ',' between two networks"),
    ("ns/a^ ns/b", "expected a ',' between two networks"),
    ("a^.b", f"expected a network name: {LABEL}{DOTS}"),
    ("^/a", "expected a namespace, found nothing"),
    ("^Ns/a", "expected a namespace: lower-case letters, digits and '-'"),
    ("n^.s/a", "expected a namespace: lower-case letters, digits and '-'"),
    ("ns^-/a", "expected a namespace with a letter or digit at either end"),
    ("^" + "n" * 64 + "/a", "expected a namespace of at most 63 characters"),
    ("a/b^/c", "expected at most one '/' in a selection: namespace/name"),
    ("a@b^@c", "expected at most one '@' in a selection: name@interface"),
    ("a@^", "expected an interface name, found nothing"),
    ("a@b^@", "expected at most one '@' in a selection: name@interface"),
    ("a@^b/c", IFNAME),
    ("a@^b c", IFNAME),
    ("a@^b:0", IFNAME),
    ("a@^..", IFNAME),
    ("a@^" + "x" * 16, IFNAME),
    ("a@^éééééééé", IFNAME),
]  # fmt: skip


@pytest.mark.parametrize(("marked", "message"), SHORT_MISTAKES)
def test_a_mistake_in_the_short_form_is_pointed_at(marked: str, message: str) -> None:
    text, excerpt = unmark(marked)

    assert refusal(text) == f"{NETWORKS}: {message}\n{excerpt}"


def test_a_name_that_no_object_can_have_is_refused() -> None:
    assert refusal("a" * 254).startswith(f"{NETWORKS}: expected a network name of at most 253 characters\n")


JSON_MISTAKES = [
    ('^{"name": "a"}', "expected a list: put '[' and ']' around the object"),
    ('^a, {"name": "b"}', JSON_LIST),
    ('^"a"', JSON_LIST),
    ('[^"a"]', 'expected an object, not a string: write {"name": …}, or a list without JSON'),
    ("[^null]", "expected an object, not null"),
    ("[^[]]", "expected an object, not a list"),
    ('[{"name": "a"}^', "expected ',' or ']', but the text ends here"),
    ('[{"name": "a"},^]', "expected a value after the ','"),
    ("[{^'name': 'a'}]", "expected a key in double quotes: JSON quotes with '\"' only"),
    ('[{"name": "a", ^"name": "b"}]', 'the key "name" is given twice'),
    ('[{"name": "a", ^"Name": "b"}]', 'the key "name" is given twice'),
    ("[^{}]", 'expected the key "name" in this object'),
    ('[^{"namespace": "ns"}]', 'expected the key "name" in this object'),
    ('[^{"name": null}]', 'expected the key "name" in this object'),
    ('[{"name": ^""}]', NAME),
    ('[{"name": ^"a_b"}]', NAME),
    ('[{"name": ^"a..b"}]', NAME),
    ('[{"name": ^"ns/a"}]', 'expected a name without \'/\': the namespace has a key of its own, "namespace"'),
    ('[{"name": ^7}]', "expected a string, not a whole number"),
    ('[{"name": ^["a"]}]', "expected a string, not a list"),
    ('[{"name": "a", "namespace": ^"n.s"}]', "expected a namespace: lower-case letters, digits and '-'"),
    ('[{"name": "a", "interface": ^"eth/1"}]', IFNAME),
    ('[{"name": "a", "interface": ^"0123456789abcdef"}]', IFNAME),
    ('[{"name": "a", "interfaceRequest": ^"a b"}]', IFNAME),
    ('[{"name": "a", "ips": ^"10.1.2.3"}]', "expected a list, not a string"),
    ('[{"name": "a", "ips": ["10.1.2.3", ^"10.1.2.256"]}]', ADDRESS),
    ('[{"name": "a", "ips": [^""]}]', ADDRESS),
    ('[{"name": "a", "ips": [^"010.1.2.3"]}]', ADDRESS),
    ('[{"name": "a", "ips": [^"fe80::1%eth0"]}]', ADDRESS),
    ('[{"name": "a", "ips": [^"10.1.2.3/33"]}]', PREFIX),
    ('[{"name": "a", "ips": [^"10.1.2.3/255.255.255.0"]}]', PREFIX),
    ('[{"name": "a", "ips": [^"fe80::1%eth0/64"]}]', PREFIX),
    ('[{"name": "a", "ips": [^"10.1.2.3/"]}]', PREFIX),
    ('[{"name": "a", "ips": [^10]}]', "expected a string, not a whole number"),
    ('[{"name": "a", "mac": ^"02:23:45:67:89"}]', MAC),
    ('[{"name": "a", "mac": ^"02:23:45-67:89:01"}]', MAC),
    ('[{"name": "a", "mac": ^"2:23:45:67:89:1"}]', MAC),
    ('[{"name": "a", "mac": ^"022345678901"}]', MAC),
    ('[{"name": "a", "mac": ^"gg:23:45:67:89:01"}]', MAC),
    ('[{"name": "a", "infiniband-guid": ^"02:23:45:67:89:01"}]', GUID),
    ('[{"name": "a", "portMappings": ^{}}]', "expected a list, not an object"),
    ('[{"name": "a", "portMappings": [^{"hostPort": 8}]}]', NO_PORT),
    ('[{"name": "a", "portMappings": [{"hostPort": ^0}]}]', "expected a whole number from 1 to 65535"),
    ('[{"name": "a", "portMappings": [{"hostPort": ^65536}]}]', "expected a whole number from 1 to 65535"),
    ('[{"name": "a", "portMappings": [{"hostPort": ^"80"}]}]', "expected a whole number, not a string"),
    ('[{"name": "a", "portMappings": [{"hostPort": ^80.0}]}]', WHOLE + "a number with a fraction"),
    ('[{"name": "a", "portMappings": [{"hostPort": ^true}]}]', "expected a whole number, not true or false"),
    ('[{"name": "a", "portMappings": [{"protocol": ^"icmp"}]}]', "expected a protocol: tcp, udp or sctp"),
    ('[{"name": "a", "portMappings": [{"hostIP": ^"10.0.0.0/8"}]}]', ADDRESS),
    ('[{"name": "a", "portMappings": [{"hostport": 1, ^"hostPort": 2}]}]', TWICE),
    ('[{"name": "a", "portMappings": [{^"port": 1}]}]', 'unknown key "port": did you mean "hostPort"?'),
    ('[{"name": "a", "bandwidth": ^5}]', "expected an object, not a whole number"),
    ('[{"name": "a", "bandwidth": {"ingressRate": ^-1}}]', RATE),
    ('[{"name": "a", "bandwidth": {"egressBurst": ^9223372036854775808}}]', RATE),
    ('[{"name": "a", "bandwidth": {"egressRate": ^"1M"}}]', "expected a whole number, not a string"),
    ('[{"name":"a","bandwidth": {^"inRate": 5}}]', 'unknown key "inRate": did you mean "ingressRate"?'),
    ('[{"name": "a", "deviceID": ^5}]', "expected a string, not a whole number"),
    ('[{"name": "a", "cni-args": ^["x"]}]', "expected an object, not a list"),
    ('[{"name": "a", "cni-args": {"x": ^NaN}}]', "expected a value"),
    ('[{"name": "a", "default-route": ^"10.1.2.1"}]', "expected a list, not a string"),
    ('[{"name": "a", "default-route": [^"10.1.2.1/24"]}]', ADDRESS),
    ('[{"name": "a", "default-route": [^"gateway"]}]', ADDRESS),
    ('[{"name": "a", "ipam-claim-reference": ^"VM"}]', NAME),
    (
        '[{"name": "a", "ips": ["10.1.2.3"], ^"ipam-claim-reference": "vm"}]',
        'expected no "ipam-claim-reference" beside "ips": the claim has the addresses',
    ),
    ('[{"name": "a", ^"ip": "10.1.2.3"}]', 'unknown key "ip": did you mean "ips"?'),
    ('[{"name": "a", ^"macAddress": ""}]', 'unknown key "macAddress": did you mean "mac"?'),
    ('[{"name": "a", ^"ifname": "eth1"}]', 'unknown key "ifname": did you mean "interface"?'),
    ('[{"name": "a", ^"gateway": []}]', 'unknown key "gateway": did you mean "default-route"?'),
    ('[{"name": "a", ^"default_route": []}]', 'unknown key "default_route": did you mean "default-route"?'),
    ('[{"name": "a", ^"cniArgs": {}}]', 'unknown key "cniArgs": did you mean "cni-args"?'),
    ('[{"name": "a", ^"vlan": 5}]', f'unknown key "vlan": the keys are {KEYS}'),
    ('[{"name": "a", ^"": 5}]', f'unknown key "": the keys are {KEYS}'),
]  # fmt: skip


@pytest.mark.parametrize(("marked", "message"), JSON_MISTAKES)
def test_a_mistake_in_the_json_form_is_pointed_at(marked: str, message: str) -> None:
    text, excerpt = unmark(marked)

    assert refusal(text) == f"{NETWORKS}: {message}\n{excerpt}"


def test_the_default_network_is_exactly_one() -> None:
    assert default_network("net-a", home="kube-system") == Selection(namespace="kube-system", name="net-a")

    with pytest.raises(SelectionError) as caught:
        default_network("net-a, net-b", home="kube-system")
    assert str(caught.value) == (
        f"{DEFAULT_NETWORK}: expected one network, found 2\n    net-a, net-b\n           ^"
    )
    with pytest.raises(SelectionError) as caught:
        default_network("[]", home="kube-system")
    assert str(caught.value) == f"{DEFAULT_NETWORK}: expected one network, found none\n    []\n    ^"


def test_a_selection_that_cannot_be_had_is_refused_where_it_was_written() -> None:
    _, second = parse("net-a,\n  other/net-b@eth1", home="home")
    assert str(second.refuse("there is no such network")) == (
        f"{NETWORKS}: there is no such network\n    other/net-b@eth1\n    ^"
    )
    assert str(Selection(namespace="ns", name="a").refuse("no such network")) == "no such network"


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.txt")), ids=lambda path: path.stem)
def test_the_corpus(path: Path) -> None:
    """Each file is an annotation; beside it is what it means, or the whole message that refuses it."""
    text = path.read_bytes().decode()
    meant = path.with_suffix(".json")
    if meant.exists():
        assert write(parse(text, home="home")) == meant.read_text().strip()
    else:
        assert refusal(text) == path.with_suffix(".error").read_text().rstrip("\n")


# --- nothing else comes out


@given(st.text() | st.text(alphabet='abnet-/@, [{"'))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(SelectionError):
        parse(text, home="home")


@given(st.lists(SELECTIONS, min_size=1, max_size=2).map(write), st.data())
def test_a_damaged_annotation_is_read_or_refused(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text) - 1))
    until = data.draw(st.integers(at, min(at + 8, len(text))))
    put = data.draw(
        st.sampled_from(["", "null", "-1", '""', "[]", "{}", ",", '"', "true", "9" * 30])
        | st.text(max_size=3)
    )
    with suppress(SelectionError):
        parse(text[:at] + put + text[until:], home="home")
