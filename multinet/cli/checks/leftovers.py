"""What is left of pods that have ended, and what is short."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from multinet.cli.checks.finding import Finding, good, unknown, warning, wrong
from multinet.cli.checks.patient import Patient
from multinet.cli.node import pools
from multinet.cli.node.pools import Use
from multinet.daemon.primary import BOOT_ID
from multinet.delegate.host_link_users import Ledger
from multinet.kernel import host_links, links
from multinet.kernel.absence import provably_gone
from multinet.kernel.namespace import Namespace
from multinet.plan import Phase, Record
from multinet.verbs.reconcile import cause_of_end
from multinet.view.journal import name_of

UNFINISHED_SECONDS: Final = 600.0
"""An ADD takes no longer than the two minutes that the kubelet waits for it."""
MOST_NAMED: Final = 5


def look(patient: Patient) -> Iterator[Finding]:
    yield from records(patient)
    yield from addresses(patient)
    yield from links_on_demand(patient)
    yield from statuses(patient)


def records(patient: Patient) -> Iterator[Finding]:
    journal = patient.journal
    boot_id = BOOT_ID.read_text(encoding="ascii").strip()
    ended = [one for one in journal.records if cause_of_end(one, boot_id) is not None]
    every = patient.settings.agent.reconcile_seconds
    if ended:
        says = (
            f"{_sandboxes(ended)} ended, and their DEL has not come; the agent clears them, every {every} s"
        )
        yield warning("journal", says, patient.restart)
    for file in journal.damaged:
        yield warning(
            "journal", f"{file} can't be read: its DEL clears what can be found without", f"less {file}"
        )
    folder = patient.settings.state_dir / "sandboxes"
    for record in journal.records:
        if record.phase is Phase.INTENDED and record not in ended:
            file = folder / f"{record.plan.container_id}@{record.plan.ifname}.json"
            if _age(file) > UNFINISHED_SECONDS:
                says = f"the ADD of {name_of(record)} did not end, and its DEL has not come"
                yield warning("journal", says, f"crictl inspectp {record.plan.container_id}")
    if not ended and not journal.damaged:
        yield good("journal", f"{len(journal.records)} sandboxes are on record")


def addresses(patient: Patient) -> Iterator[Finding]:
    views = pools.look(patient.settings, patient.journal)
    command = f"multinet ipam --config {patient.config}"
    leaked = sum(len(view.of(Use.LEAKED)) for view in views)
    doubtful = sum(len(view.of(Use.UNKNOWN)) for view in views)
    full = [(view.pool.network, one) for view in views for one in view.pool.stretches if one.free <= 0]
    for network, stretch in full:
        yield wrong(
            "addresses", f"no address is left in {stretch} of {network}", f"{command} --all {network}"
        )
    if leaked:
        are = "address is" if leaked == 1 else "addresses are"
        yield warning("addresses", f"{leaked} {are} held for containers that are gone", f"{command} --free")
    if doubtful:
        says = f"of {doubtful} addresses it can't be told whether anybody has them"
        yield unknown("addresses", says, command)
    if not leaked and not full and not doubtful:
        taken = sum(len(view.taken) for view in views)
        yield good("addresses", f"{taken} are given, of {len(views)} pools, and none is leaked")


def links_on_demand(patient: Patient) -> Iterator[Finding]:
    """Those that were made for pods, and that nobody uses any more by what is written of them."""
    ledger = Ledger(patient.settings.host_links_dir)
    with Namespace.current() as host:
        made = [link for link in links.dump(host.rtnl) if host_links.is_marked(link)]
        for link in made:
            users = ledger.read(host, link.name)
            known = users is not None and users.of(link)
            if not known or not users or not users.users:
                says = f"the link {link.name} was made for pods, and nobody uses it"
                yield warning("links", says, f"ip link delete {link.name}")
            elif all(provably_gone(one.netns) for one in users.users):
                every = patient.settings.agent.reconcile_seconds
                says = (
                    f"the pods that use the link {link.name} are gone; the agent removes it, every {every} s"
                )
                yield warning("links", says, patient.restart)


def statuses(patient: Patient) -> Iterator[Finding]:
    late = list((patient.settings.state_dir / "late-status").glob("*.json"))
    if late:
        says = f"the network-status of {len(late)} pods could not be told yet: the API server did not take it"
        yield warning("network-status", says, patient.restart)


def _sandboxes(ended: list[Record]) -> str:
    named = ", ".join(name_of(one) for one in ended[:MOST_NAMED])
    more = f" and {len(ended) - MOST_NAMED} more" if len(ended) > MOST_NAMED else ""
    return f"{len(ended)} sandboxes ({named}{more})"


def _age(file: Path) -> float:
    try:
        return time.time() - file.stat().st_mtime
    except OSError:
        return 0.0
