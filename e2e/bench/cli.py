"""The command line: what help, ``ls`` and ``show`` cost on a node, from the start of Python to its end."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections import defaultdict
from pathlib import Path

from contenders import Cost, Failed
from figures import Figures, Series, head, show
from world import World

from multinet.cni.addresses import parse_cidr
from multinet.cni.netconf import NetConfList
from multinet.cni.types import Address, Interface, Result
from multinet.daemon.world import BOOT_ID
from multinet.plan import Attachment, Outcome, Phase, Plan, Pod, Record
from multinet.state.attachments import Attachments

PROGRAM = Path(sys.executable).with_name("multinet")
PROGRAMS = (PROGRAM,)

ROUNDS = 20
WARM_UP = 2
PODS = 110
"""As many as a kubelet allows on a node by default."""
NETWORKS = 3


def measure(world: World) -> Figures:
    """A journal with a full node's pods. The one that is shown has a namespace; its interfaces are gone."""
    state = world.folder / "cli"
    config = world.folder / "cli.json"
    config.write_text(json.dumps({"stateDir": str(state), "agent": {"nodeName": "node-1"}}))
    with world.containers(1) as (netns,):
        for number in range(PODS):
            Attachments(state).write(record(number, netns))
        commands = {
            "help": ["--help"],
            "ls": ["ls", "--config", str(config)],
            "show": ["show", "shop/web-7", "--config", str(config)],
        }
        costs: dict[str, Series] = defaultdict(Series)
        for number in range(WARM_UP + ROUNDS):
            for name in random.sample(list(commands), len(commands)):
                cost = run(commands[name], fails=1 if name == "show" else 0)
                if number >= WARM_UP:
                    costs[name].costs.append(cost)
    head(f"the command line, {PODS} pods, medians of {ROUNDS}, ms")
    for name in commands:
        show(f"multinet {name}", costs[name])
    return {f"cli_{name}_cpu_s": costs[name].cpu / 1e3 for name in commands}


def run(arguments: list[str], *, fails: int) -> Cost:
    """Raises Failed for a status other than ``fails``."""
    began = time.monotonic_ns()
    pid = os.posix_spawn(
        str(PROGRAM),
        [str(PROGRAM), *arguments],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) != fails:
        raise Failed(f"multinet {' '.join(arguments)} ended with status {status}")
    return Cost(cpu=round((usage.ru_utime + usage.ru_stime) * 1e9), wall=time.monotonic_ns() - began)


def record(number: int, netns: str) -> Record:
    networks = tuple(attachment(at) for at in range(NETWORKS))
    plan = Plan(
        container_id=f"{number:064x}",
        ifname="eth0",
        netns=netns,
        pod=Pod(namespace="shop", name=f"web-{number}"),
        attachments=networks,
        names_networks=True,
    )
    outcomes = [
        Outcome(attachment=one, result=result(one.ifname, f"10.{at}.1.{number}/16", netns))
        for at, one in enumerate(networks)
    ]
    boot_id = BOOT_ID.read_text(encoding="ascii").strip()
    return Record(plan=plan, phase=Phase.INTENDED, boot_id=boot_id).done(outcomes)


def attachment(number: int) -> Attachment:
    ipam = {"type": "host-local", "ranges": [[{"subnet": f"10.{number}.0.0/16"}]]}
    plugin = {"type": "bridge", "bridge": f"br{number}", "ipam": ipam}
    conflist = {"cniVersion": "1.1.0", "name": f"net-{number}", "plugins": [plugin]}
    return Attachment(
        network=f"shop/net-{number}",
        ifname=f"net{number}" if number else "eth0",
        conflist=NetConfList.of(conflist),
        is_default=not number,
    )


def result(ifname: str, address: str, netns: str) -> Result:
    return Result(
        interfaces=(Interface(name=ifname, mac="02:00:00:00:00:01", sandbox=netns),),
        ips=(Address(address=parse_cidr(address), interface=0),),
    )
