"""Letting through by iptables, in table filter. Chains, rules and comments are the reference's, so that either can
clear up after the other:

    -A FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD
    -A CNI-FORWARD -m comment --comment "CNI firewall plugin admin overrides" -j CNI-ADMIN
    -A CNI-FORWARD -d 10.1.2.3/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A CNI-FORWARD -s 10.1.2.3/32 -j ACCEPT

and for a bridge that is kept apart (for one that is ``isolated``, the second as well)

    -A FORWARD -m comment --comment … -j CNI-ISOLATION-STAGE-1
    -A CNI-ISOLATION-STAGE-1 -i br0 ! -o br0 … -j CNI-ISOLATION-STAGE-2
    -A CNI-ISOLATION-STAGE-1 -i br0 -o br0 … -j DROP
    -A CNI-ISOLATION-STAGE-1 … -j RETURN
    -A CNI-ISOLATION-STAGE-2 -o br0 … -j DROP
    -A CNI-ISOLATION-STAGE-2 … -j RETURN

Where the reference runs some thirty programs, the whole table is read by one and what is missing in it is written by
another, all of it or nothing. A chain is made by ``-N``, which is refused where somebody made it in between: to name
it as iptables-save does would empty it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from delegates.meta.firewall.conf import ISOLATED, OPEN
from multinet.cni.types import IP
from multinet.errors import CheckFailed, KernelError, MultinetError
from multinet.kernel.iptables import PROGRAMS, Iptables, legacy_tables, quoted, words_of
from multinet.kernel.namespace import Namespace
from multinet.kernel.nfpool import borrowed
from multinet.kernel.nft import Chain, Family, Table

TABLE = "filter"
FORWARD = "FORWARD"
PODS = "CNI-FORWARD"
STAGE_1, STAGE_2 = "CNI-ISOLATION-STAGE-1", "CNI-ISOLATION-STAGE-2"

COMMENT = "CNI firewall plugin rules"
OVERRIDES = "CNI firewall plugin admin overrides"
BY_POLICY = "CNI firewall plugin rules (ingressPolicy: {})"
EITHER_POLICY = BY_POLICY.format("same-bridge|isolated")

VERSIONS = (4, 6)
FAMILIES = {4: Family.IPV4, 6: Family.IPV6}

PLAIN = re.compile(r"[\w./:,!@%+=-]+")

Words: TypeAlias = tuple[str, ...]
"""A rule without its chain, as iptables prints it: matches in their order, the target last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What one attachment wants of one IP version's table."""

    admin_chain: str
    ips: tuple[IP, ...] = ()
    policy: str = OPEN
    bridge: str = ""

    @property
    def chains(self) -> tuple[str, ...]:
        letting = (PODS, self.admin_chain) if self.ips else ()
        return letting + ((STAGE_1, STAGE_2) if self.policy != OPEN else ())

    def rules(self) -> Iterator[tuple[str, str, Words]]:
        """Where, chain, rule: in the order in which the reference sees to them. Where is ``-I`` for the first place
        of the chain, ``-A`` for the last."""
        if self.ips:
            yield "-I", FORWARD, jump(PODS, COMMENT)
            yield "-I", PODS, jump(self.admin_chain, OVERRIDES)
            for ip in self.ips:
                for rule in passing(ip):
                    yield "-A", PODS, rule
        if self.policy != OPEN:
            bridge, comment = self.bridge, BY_POLICY.format(self.policy)
            yield "-I", FORWARD, jump(STAGE_1, EITHER_POLICY)
            yield "-I", STAGE_1, ("-i", bridge, "!", "-o", bridge, *jump(STAGE_2, comment))
            if self.policy == ISOLATED:
                yield "-I", STAGE_1, ("-i", bridge, "-o", bridge, *jump("DROP", comment))
            yield "-A", STAGE_1, jump("RETURN", EITHER_POLICY)
            yield "-I", STAGE_2, ("-o", bridge, *jump("DROP", EITHER_POLICY))
            yield "-A", STAGE_2, jump("RETURN", EITHER_POLICY)


@dataclass(slots=True)
class Filter:
    """Table filter of one IP version, as one program sees it."""

    program: Iptables
    chains: Mapping[str, Collection[Words]] = field(default_factory=dict)

    def read(self) -> None:
        self.chains = {
            name: [tuple(words_of(rule.spec)[1:]) for rule in rules]
            for name, rules in self.program.chains(TABLE).items()
        }

    def missing(self, wanted: Wanted) -> list[str]:
        """What iptables-restore must be told so that all of it is there, once."""
        lines = [f"-N {chain}" for chain in wanted.chains if chain not in self.chains]
        return lines + [
            f"{where} {chain} {text_of(rule)}"
            for where, chain, rule in wanted.rules()
            if rule not in self.chains.get(chain, ())
        ]

    def surplus(self, ips: Collection[IP]) -> list[str]:
        """What it must be told so that none of these is let through any more."""
        there = self.chains.get(PODS, ())
        return [f"-D {PODS} {text_of(rule)}" for ip in ips for rule in passing(ip) if rule in there]


def jump(target: str, comment: str) -> Words:
    return "-m", "comment", "--comment", comment, "-j", target


def passing(ip: IP) -> tuple[Words, Words]:
    """What is answered to it, and all that it sends."""
    whole = f"{ip}/{ip.max_prefixlen}"
    return (
        ("-d", whole, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"),
        ("-s", whole, "-j", "ACCEPT"),
    )


def text_of(rule: Words) -> str:
    return " ".join(word if PLAIN.fullmatch(word) else quoted(word) for word in rule)


def installed(host: Namespace) -> bool:
    return Iptables(host, 4).installed


def setup(host: Namespace, version: int, wanted: Wanted) -> list[IP]:
    """Returns those of the addresses that were not let through, in whole, before."""
    now = Filter(Iptables(host, version))
    now.read()
    lines = now.missing(wanted)
    new = [ip for ip in wanted.ips if any(rule not in now.chains.get(PODS, ()) for rule in passing(ip))]
    if lines:
        doing = (
            f"let {', '.join(map(str, wanted.ips))} through" if wanted.ips else f"keep {wanted.bridge} apart"
        )
        try:
            now.program.apply(TABLE, lines, doing=doing)
        except MultinetError:
            # Somebody who does not know our lock may have been faster, with a chain or a rule.
            now.read()
            if (again := now.missing(wanted)) == lines:
                raise
            if again:
                now.program.apply(TABLE, again, doing=doing)
    return new


def remove(host: Namespace, ips: Collection[IP]) -> None:
    """Shared chains stay. Absent is success, and so is that nobody ever used iptables here."""
    for version in VERSIONS:
        mine = [ip for ip in ips if ip.version == version]
        for program in programs_in_use(host, version) if mine else ():
            now = Filter(program)
            now.read()
            if lines := now.surplus(mine):
                program.apply(TABLE, lines, doing=f"let {', '.join(map(str, mine))} through no more")


def programs_in_use(host: Namespace, version: int) -> Iterator[Iptables]:
    """Those behind which there may be rules of ours. That is asked of the kernel, which takes no process."""
    legacy = TABLE in legacy_tables(host, version)
    if legacy or _nf_tables_chain(host, version):
        yield Iptables(host, version)
    if legacy and (old := Iptables(host, version, legacy=True)).installed:
        yield old


def check(host: Namespace, version: int, wanted: Wanted) -> None:
    """Raises CheckFailed for the first thing that is not there."""
    now = Filter(Iptables(host, version))
    now.read()
    for _, chain, rule in wanted.rules():
        if rule not in now.chains.get(chain, ()):
            named = "" if chain == PODS and rule[-1] == "ACCEPT" else f"{chain} "
            raise CheckFailed(
                f"expected {named}rule [{' '.join(rule)}] not found",
                hint=f"something removed it from chain {chain} of {PROGRAMS[version]} after ADD",
            )


def _nf_tables_chain(host: Namespace, version: int) -> bool:
    chain = Chain(table=Table(family=FAMILIES[version], name=TABLE), name=PODS)
    try:
        with borrowed(host) as net:
            return chain.exists(net)
    except KernelError:
        return False  # no nf_tables here
