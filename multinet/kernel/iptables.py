"""iptables and ip6tables, run in a namespace.

Reading is ``-S`` of one chain; writing is one ``iptables-restore --noflush``, which the kernel carries out
whole or not at all, where the reference runs a program for each rule. ``--wait``: others who hold xtables'
lock are waited for. Which of the two kinds of iptables is installed, the one that speaks nf_tables or the old
one ("legacy"), makes no difference here.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from subprocess import CompletedProcess
from typing import TypeAlias

from multinet import steps
from multinet.errors import MultinetError
from multinet.kernel.namespace import Namespace, run_in

Net: TypeAlias = IPv4Network | IPv6Network

PROGRAMS = {4: "iptables", 6: "ip6tables"}
LEGACY_TABLES = {4: "/proc/thread-self/net/ip_tables_names", 6: "/proc/thread-self/net/ip6_tables_names"}
WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What of a rule matters here. ``spec`` is all of it, in the words that would delete it after ``-D``."""

    spec: str
    chain: str
    source: Net | None
    destination: Net | None
    target: str
    comment: str

    @classmethod
    def parse(cls, line: str) -> Rule:
        """Read a line of ``iptables -S`` that begins with ``-A``. Of what is unknown, nothing is said."""
        words = words_of(line)
        # A negated match says "! -d 224.0.0.0/4", and is none that anybody asks about.
        said = {
            option: value
            for before, option, value in zip(["", *words], words, words[1:], strict=False)
            if before != "!"
        }
        return cls(
            spec=line.removeprefix("-A "),
            chain=words[1] if len(words) > 1 else "",
            source=network_of(said.get("-s", "")),
            destination=network_of(said.get("-d", "")),
            target=said.get("-j", ""),
            comment=said.get("--comment", ""),
        )


class Iptables:
    """The program for one IP version, in one namespace. ``legacy``: that of the old kind, if both are there."""

    def __init__(self, host: Namespace, version: int, *, legacy: bool = False) -> None:
        name = PROGRAMS[version]
        self._host = host
        self._name = name
        self._path = (shutil.which(f"{name}-legacy") if legacy else None) or shutil.which(name)

    @property
    def installed(self) -> bool:
        return self._path is not None

    def usable(self) -> bool:
        """Can it at least be asked whether a chain exists?"""
        if not self.installed:
            return False
        return self._run(["-t", "filter", "-S", "INPUT", "1", "--wait"]).returncode in (0, 1)

    def rules(self, table: str, chain: str = "") -> list[Rule] | None:
        """The rules of a chain, or of the whole table; None when there is no such chain."""
        lines = self.listing(table, chain)
        return None if lines is None else [Rule.parse(line) for line in lines if line.startswith("-A ")]

    def listing(self, table: str, chain: str = "") -> list[str] | None:
        """The same as iptables prints it; a chain begins with its -N or -P."""
        arguments = ["-t", table, "-S", *([chain] if chain else []), "--wait"]
        done = self._run(arguments)
        if done.returncode == 1 and chain:
            return None
        self._expect_success(done)
        return done.stdout.decode(errors="surrogateescape").split("\n")

    def chains(self, table: str) -> dict[str, list[Rule]]:
        """Every chain of the table and its rules."""
        done = self._run(["-t", table, "-S", "--wait"])
        self._expect_success(done)
        found: dict[str, list[Rule]] = {}
        for line in done.stdout.decode(errors="surrogateescape").split("\n"):
            kind, _, rest = line.partition(" ")
            if kind in ("-P", "-N"):
                found[rest.split(" ")[0]] = []
            elif kind == "-A" and (rule := Rule.parse(line)).chain in found:
                found[rule.chain].append(rule)
        return found

    def apply(self, table: str, lines: Sequence[str], *, doing: str) -> None:
        """Carry out ``lines`` (in the words of iptables-restore), or none of them and raise."""
        steps.step(doing)
        text = "\n".join([f"*{table}", *lines, "COMMIT", ""])
        self._expect_success(self._run(["--noflush", "--wait"], suffix="-restore", text=text))

    def _run(self, arguments: list[str], *, suffix: str = "", text: str = "") -> CompletedProcess[bytes]:
        if self._path is None:
            raise MultinetError(
                f"failed to locate {self._name}: it is nowhere in PATH",
                hint="install iptables, or choose the backend nftables",
            )
        return run_in(self._host, [self._path + suffix, *arguments], text.encode(errors="surrogateescape"))

    def _expect_success(self, done: CompletedProcess[bytes]) -> None:
        if done.returncode:
            words = " ".join(done.args)
            said = done.stderr.decode(errors="replace").strip()
            raise MultinetError(f"running [{words}]: exit status {done.returncode}: {said}")


def legacy_tables(host: Namespace, version: int) -> frozenset[str]:
    """The tables that somebody has used the old iptables for here. To ask iptables itself would make them."""
    try:
        with host.visit(lambda: open(LEGACY_TABLES[version])) as file:
            return frozenset(file.read().split())
    except OSError:
        return frozenset()


def network_of(text: str) -> Net | None:
    """None for what is no network, as 10.0.1.0/255.0.255.0."""
    try:
        return ip_network(text)
    except ValueError:
        return None


def words_of(line: str) -> list[str]:
    """The words of a rule as iptables prints it, without their quotes."""
    return [re.sub(r"\\(.)", r"\1", quoted) if quoted else plain for quoted, plain in WORD.findall(line)]


def quoted(text: str) -> str:
    """As one word of a rule specification."""
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
