"""Rows of dummy. Those that make one want a kernel that has it, where time is dear: each has several things."""

from __future__ import annotations

from tests.equality.case import DELETED_TWICE, RUN, Case, Step, add, check, delete
from tests.equality.cases.failures import refused
from tests.equality.cases.parts import DUAL, RESOLV_CONF, SUBNET4, V4, conf, host_local, static

PLAIN = conf("dummy", ipam=V4)
OLDER = conf("dummy", "0.4.0", ipam=V4)

CASES: tuple[Case, ...] = (
    Case(
        name="dummy-everything",
        conf=conf(
            "dummy",
            ipam={**DUAL, "routes": [{"dst": "0.0.0.0/0"}, {"dst": "192.168.0.0/16", "gw": "10.1.2.7"}]},
        ),
        steps=DELETED_TWICE,
        uml=True,
    ),
    Case(
        name="dummy-two-containers",
        conf=PLAIN,
        containers=("c1", "c2"),
        steps=(
            Step(verb="STATUS"),
            add(),
            add(container="c2", conf=OLDER),
            check(),
            delete(),
            check(container="c2", conf=OLDER),
            delete(container="c2", conf=OLDER, netns="/run/netns/gone"),
        ),
        uml=True,
    ),
    Case(
        name="dummy-dns-of-ipam",
        conf=conf("dummy", ipam=host_local(SUBNET4, resolvConf=f"{RUN}/resolv.conf")),
        steps=(add(), check(), delete()),
        files={"resolv.conf": RESOLV_CONF},
        uml=True,
    ),
    refused("dummy-refuses-ipam-without-addresses", conf("dummy", ipam=static()), uml=True),
    refused("dummy-refuses-ifname-taken", PLAIN, (add(),), pod="ip link add eth0 type bridge"),
    # Nothing is made from here on.
    Case(name="dummy-says-versions", conf=PLAIN, steps=(Step(verb="VERSION"),)),
    Case(name="dummy-delete-nothing", conf=PLAIN, steps=(delete(), delete(netns=""))),
    refused("dummy-refuses-no-ipam", conf("dummy"), fails=(1, 2)),
    refused("dummy-refuses-netns-missing", PLAIN, (add(netns="/run/netns/gone"),)),
)
