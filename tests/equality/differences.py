"""Where ours is meant to leave something else than the reference: every place, what either leaves there,
and why.

The comparison takes away exactly these and those of the files ``differences_*.py``, which are all read. D-n are
the defects of the reference that the delegates' READMEs speak of.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.equality.difference import ABSENT, ANYTHING, WHATEVER, Difference, kept
from tests.support import gather

OF_OTHERS = tuple(gather.modules("tests.equality", "differences_*.py"))
"""Each has DIFFERENCES and CLEARED_UP of the delegates that it is about."""

BEFORE_0_3 = tuple(
    f"{type_}-{which}" for type_ in ("bridge", "ptp") for which in ("version-0.[12].0", "no-version")
)
BEFORE_THE_BRIDGE = (
    "bridge-refuses-mac",
    "bridge-refuses-multicast-mac",
    "bridge-refuses-unknown-ipam",
    "bridge-refuses-masquerade-backend",
    "bridge-refuses-netns-missing",
)
FINDS_NOTHING = (
    "*-delete-nothing",
    "bridge-refuses-*",
    "ptp-refuses-*",
    "macvlan-refuses-*",
    "ipvlan-refuses-*",
    "host-local-refuses-resolv-conf",
)

DIFFERENCES: tuple[Difference, ...] = (
    *kept(
        "every link of ours in a container carries its request's group: one message removes them all",
        ("c? / * / * / group", "default", ANYTHING),
        cases=("*",),
        seen="bridge-l2",
    ),
    *kept(
        "a veth pair is made with one queue an end: else the kernel makes one a CPU and takes the rest away again",
        ("* / num_?x_queues", ANYTHING, 1),
        cases=("*",),
        seen="bridge-l2",
    ),
    # --- what is installed and answered ---
    *kept(
        "D-2: mtu and advmss of a route are installed, and not only printed",
        ("c1 / route / main unicast 10.60.0.0/16 eth0 / metrics / 0 / advmss", ABSENT, 1200),
        ("c1 / route / main unicast 10.60.0.0/16 eth0 / metrics / 0 / mtu", ABSENT, 1300),
        cases=("bridge-route-metrics",),
    ),
    *kept(
        "what IPAM says is not squeezed through the words of 0.2.0, which has none for a route's priority",
        ("c1 / route / main unicast 10.80.0.0/16 8 eth0 / *", ABSENT, ANYTHING),
        ("c1 / route / main unicast 10.80.0.0/16 eth0 / *", ANYTHING, ABSENT),
        cases=BEFORE_0_3,
        seen="bridge-version-0.2.0",
    ),
    *kept(
        "D-8: IPAM's dns is handed on where the configuration has none, as bridge and ptp do",
        ("result / dns / *", ABSENT, ANYTHING),
        cases=("macvlan-dns-of-ipam",),
    ),
    *kept(
        "the reference's loopback answers older versions in the shape of 1.0.0, under their name",
        ("result / dns", ABSENT, "{}"),
        ("result / ips / 0 / version", ABSENT, "4"),
        ("result / ips / 1 / version", ABSENT, "6"),
        cases=("loopback-version-0.[34].*",),
        seen="loopback-version-0.4.0",
        verbs=("ADD",),
    ),
    *kept(
        "the same, of those that know an address a family and no interfaces",
        ("result / dns", ABSENT, "{}"),
        ("result / ip4 / ip", ABSENT, "127.0.0.1/8"),
        ("result / ip6 / ip", ABSENT, "::1/128"),
        ("result / ips / *", ANYTHING, ABSENT),
        ("result / interfaces / *", ANYTHING, ABSENT),
        cases=("loopback-version-0.[12].0",),
        seen="loopback-version-0.2.0",
        verbs=("ADD",),
    ),
    *kept(
        "D-12: the reference can't serve a gateway outside of the address's subnet, ours can",
        ("*", WHATEVER, WHATEVER),
        cases=("ptp-static-gateway-outside",),
        verbs=("ADD", "CHECK"),
    ),
    *kept(
        "every subnet of the attachment is spared before the rest is masqueraded, and not only the first",
        ("host / iptables / nat / CNI-* / rules / ?", ANYTHING, ANYTHING),
        ("host / nft / ip nat / CNI-* / rules / ? / expr / *", WHATEVER, WHATEVER),
        cases=("bridge-masquerade-iptables-two-subnets",),
        verbs=("ADD", "CHECK"),
    ),
    *kept(
        "the spoof checks of net1 and of net1-mac have chains of their own",
        ("host / nft / bridge nat / *", WHATEVER, WHATEVER),
        cases=("bridge-macspoofchk-names-that-clash",),
        verbs=("ADD", "DEL"),
    ),
    *(
        kept(why, ("*", WHATEVER, WHATEVER), cases=(case,))[0]
        for case, why in {
            "host-local-start-is-broadcast": "the reference walks out of a subnet whose broadcast is its start",
            "host-local-route-without-destination": "the reference hands a route on whose destination is <nil>",
            "static-route-without-destination": "the same",
            "static-runtime-over-unreadable": "what is replaced by something else is not read",
        }.items()
    ),
    # --- CHECK ---
    *kept(
        "D-7: a bridge without IPAM is checked without IPAM",
        ("exit", 1, 0),
        cases=("bridge-l2-check",),
    ),
    *kept(
        "D-3: a route is looked for in its own table",
        ("exit", 1, 0),
        cases=("bridge-route-table-check",),
    ),
    *kept(
        "IPv6 routes to one place are one route with several next hops",
        ("exit", 1, 0),
        cases=("bridge-route-v6-two-next-hops",),
    ),
    *kept(
        "an address that is all of its subnet has no route to it",
        ("exit", 1, 0),
        cases=("bridge-host-address",),
    ),
    *kept(
        "D-17: an address that is configured and was not given is a fault",
        ("exit", 0, 1),
        ("code", ABSENT, 999),
        cases=("static-check-other-address",),
        verbs=("CHECK",),
    ),
    *kept(
        "only files in the network's own folder are reservations, and none in folders in it",
        ("exit", 0, 1),
        ("code", ABSENT, 999),
        ("files / *10.1.2.77", ABSENT, ANYTHING),
        cases=("host-local-file-in-folder",),
    ),
    # --- DEL ---
    *kept(
        "a DEL that finds no folder makes none",
        ("files / /run/case*", ANYTHING, ABSENT),
        ("files", ABSENT, "{}"),
        cases=FINDS_NOTHING,
        seen="host-local-delete-nothing",
        verbs=("DEL", "CHECK"),
    ),
    *kept(
        "DEL does not need to know which addresses were asked for",
        ("exit", 1, 0),
        cases=("host-local-refuses-asked",),
        verbs=("DEL",),
    ),
    *kept(
        "tearing down what another backend might have made makes no table of its own",
        ("host / iptables / *", ANYTHING, ABSENT),
        ("host / iptables", ABSENT, "{}"),
        ("host / nft / ip nat", ANYTHING, ABSENT),
        cases=(
            "*-masquerade-nftables-*",
            "bridge-gc-nftables",
            "bridge-everything",
            "*-refuses-masquerade-backend",
        ),
        seen="bridge-everything",
    ),
    *kept(
        "the same, of IPv6",
        ("host / ip6tables / *", ANYTHING, ABSENT),
        ("host / ip6tables", ABSENT, "{}"),
        ("host / nft / ip6 nat", ANYTHING, ABSENT),
        cases=("*-masquerade-nftables-*", "bridge-gc-nftables", "bridge-everything"),
        seen="bridge-everything",
    ),
    *kept(
        "the same: then there is no table at all",
        ("host / nft", ABSENT, "{}"),
        cases=("*-refuses-masquerade-backend",),
        seen="ptp-refuses-masquerade-backend",
    ),
    *kept(
        "D-4: masquerading is found by its comments, and ends also when the addresses are gone with the namespace",
        ("host / iptables / nat / *", ANYTHING, ABSENT),
        ("host / ip6tables / nat / *", ANYTHING, ABSENT),
        ("host / nft / ip nat / *", ANYTHING, ABSENT),
        ("host / nft / ip6 nat / *", ANYTHING, ABSENT),
        cases=("bridge-masquerade-iptables-netns-gone",),
        verbs=("DEL",),
    ),
    *kept(
        "D-4, of the other backend",
        ("host / nft / inet cni_plugins_masquerade / masq_checks / rules / *", ANYTHING, ABSENT),
        cases=("bridge-masquerade-nftables-netns-gone",),
        verbs=("DEL",),
    ),
    *kept(
        "D-5: of two attachments to one network, which share a chain, the first to go leaves it to the other",
        ("exit", 1, 0),
        ("host / iptables / nat / CNI-* / rules / *", ABSENT, ANYTHING),
        ("host / nft / ip nat / CNI-* / rules / *", ABSENT, ANYTHING),
        cases=("bridge-masquerade-iptables-two-interfaces",),
        verbs=("DEL",),
    ),
    *kept(
        "a chain with two jumps to it goes with the second; the reference complains that it can't delete it before",
        ("exit", 1, 0),
        cases=("bridge-masquerade-iptables-two-subnets",),
        verbs=("DEL",),
    ),
    *kept(
        "very old files are only taken where there are none of today's, with two range sets too",
        ("files / /run/case/addresses/net/10.1.2.77", ABSENT, ANYTHING),
        cases=("host-local-old-file-and-new-in-two-sets",),
        verbs=("DEL",),
    ),
    *kept(
        "D-25: DEL does not mind an argument that it does not know",
        ("exit", 1, 0),
        cases=("bridge-delete-unknown-args",),
        verbs=("DEL",),
    ),
    *kept(
        "D-19: GC gives back the addresses of attachments that are not valid any more",
        ("files / /run/case/addresses/net/10.1.2.2", ANYTHING, ABSENT),
        ("files / /run/case/addresses/net/fd12:5::2", ANYTHING, ABSENT),
        cases=("host-local-gc-releases", "bridge-gc-*"),
        verbs=("GC",),
    ),
    *kept(
        "D-19: and ends their masquerading",
        ("host / nft / inet cni_plugins_masquerade / masq_checks / rules / *", ANYTHING, ABSENT),
        cases=("bridge-gc-nftables",),
        verbs=("GC",),
    ),
    *kept(
        "D-19: that of iptables, too",
        ("host / iptables / nat / *", ANYTHING, ABSENT),
        ("host / nft / ip nat / *", ANYTHING, ABSENT),
        cases=("bridge-gc-iptables",),
        verbs=("GC",),
    ),
    # --- after what is refused ---
    *kept(
        "what is wrong in a configuration is found before the bridge is made",
        ("host / *br0*", ANYTHING, ABSENT),
        ("host / port", "{}", ABSENT),
        ("host / vlan", "{}", ABSENT),
        cases=BEFORE_THE_BRIDGE,
        verbs=("DEL",),
    ),
    *kept(
        "what is wrong is found before forwarding is switched on, which switches others too",
        ("host / sysctl / net/ipv4/*", ANYTHING, ANYTHING),
        cases=("ptp-refuses-no-gateway", "ptp-refuses-masquerade-backend"),
        verbs=("DEL",),
    ),
    *kept(
        "D-1: the container's namespace is looked at before the work, so there is one answer, with its code",
        ("code", 0, 8),
        cases=("bridge-refuses-type-of-netns",),
    ),
    *(entry for module in OF_OTHERS for entry in module.DIFFERENCES),
)

EARLY = "what is wrong in a configuration is found before anything is made"
LATE = "D-6: a refused ADD takes back what it made"

CLEARED_UP: Mapping[str, str] = {
    "bridge-refuses-mac": EARLY,
    "bridge-refuses-multicast-mac": EARLY,
    "bridge-refuses-unknown-ipam": EARLY,
    "bridge-refuses-masquerade-backend": EARLY,
    "bridge-refuses-netns-missing": EARLY,
    "bridge-refuses-netns-file": EARLY,
    "bridge-refuses-type-of-netns": EARLY,
    "bridge-refuses-args-of-ipam": EARLY,
    "bridge-refuses-ipam-without-addresses": LATE,
    "bridge-refuses-other-address": LATE,
    "bridge-refuses-overlapping-address": LATE,
    "bridge-refuses-two-v4-gateways": LATE,
    "bridge-refuses-full-range": LATE,
    "bridge-refuses-route": LATE,
    "bridge-refuses-l2-in-0.2.0": LATE,
    "ptp-refuses-no-gateway": LATE,
    "ptp-refuses-netns-missing": EARLY,
    "ptp-refuses-masquerade-backend": EARLY,
    "macvlan-refuses-unknown-ipam": EARLY,
    "macvlan-refuses-ipam-without-addresses": "D-9: the link goes when IPAM fails",
    "loopback-refuses-other-address": LATE,
    **{name: why for module in OF_OTHERS for name, why in module.CLEARED_UP.items()},
}
"""Cases in which the reference leaves something behind when it refuses an ADD, and ours nothing: there,
ours is compared with what was before, and not with the reference. The DEL that follows is compared as
ever."""

STAYS: Mapping[str, str] = {
    "host / *br0*": "a bridge stays, as it does after DEL: others may be using it already",
    "host / port": "with a bridge there is a list of its ports, empty",
    "host / vlan": "... and one of their VLANs",
    "files*/lock": "the lock of the addresses' folder stays, as it does after DEL",
    "files*/last_reserved_ip.?": "... and what was given last, so that addresses are not used again at once",
    "files*/addresses": "... and the folder",
    "files*/addresses/net": "... of the network",
    "files / /run/cni": "... and the one of tuning's files",
    "files / /run/cni/tuning": "... as the reference's does",
    "files / /run/case": "... and the one it is in",
    "files": "... so that there are files",
    "c1 / addr / lo / addr_info / *": "the kernel gives lo its IPv4 address when it is set up, and leaves it there",
    "c1 / route / local * lo / *": "... with the routes to it",
    "c1 / * / lo / qdisc": "... and the queue that it got",
}
"""What a refused ADD of ours leaves behind all the same: paths, and why."""
