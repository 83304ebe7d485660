"""Port mappings by iptables, in table nat:

    -A PREROUTING, OUTPUT     -m addrtype --dst-type LOCAL                        -j CNI-HOSTPORT-DNAT
    -A CNI-HOSTPORT-DNAT      -p tcp -m multiport --dports 8080,8081 …           -j CNI-DN-<hash>
    -A CNI-DN-<hash>          -s <subnet, or 127.0.0.1> -p tcp --dport 8080      -j CNI-HOSTPORT-SETMARK
    -A CNI-DN-<hash>          [-d H] -p tcp --dport 8080                         -j DNAT --to-destination …
    -A CNI-HOSTPORT-SETMARK                                                      -j MARK --set-xmark 0x2000/0x2000
    -I POSTROUTING                                                               -j CNI-HOSTPORT-MASQ
    -A CNI-HOSTPORT-MASQ      -m mark --mark 0x2000/0x2000                       -j MASQUERADE

Chains, comments and rules are the reference's, which runs iptables for each of them, some twenty times; here it is
once to read and once to write. A chain is a container's in one network: two attachments of that network share it, and
each removes its own ports; the last removes the chain.

The nf_tables kind's rules are cleared up through the kernel, without iptables, unless a chain may be shared.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from itertools import groupby, islice, pairwise

from delegates.meta.portmap.conf import VERSIONS, Attachment, PortmapConf, PortMapping
from multinet.cni.types import IP
from multinet.kernel.iptables import Iptables, legacy_tables, quoted
from multinet.kernel.names import hashed
from multinet.kernel.namespace import Namespace
from multinet.kernel.nfnetlink import Message, Nfnetlink
from multinet.kernel.nft import Chain, Family, Rule, Table, edit
from multinet.kernel.nft_nat import DESTINATION, L4PROTO, PORT, PROTOCOLS

ENTRY, MARKING, MASQUERADING = "CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-SETMARK", "CNI-HOSTPORT-MASQ"
OLD_ENTRY = "CNI-HOSTPORT-SNAT"
"""Of the reference before 0.7, with a chain CNI-SN-<hash> a container."""
OURS = "CNI-HOSTPORT-"
HOOKS = ("PREROUTING", "OUTPUT")

EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
MOST_PORTS = 15
"""That one multiport match takes."""
COMMENT_BYTES = 255

NFT_FAMILIES = {4: Family.IPV4, 6: Family.IPV6}

Ports = tuple[str, str]
"""Protocol and ports of a jump, as in ("tcp", "8080,8081")."""
Port = tuple[str, str, str]
"""Protocol, host port and the host's address of a mapping, "" for any."""


def chain_name(network: str, container_id: str) -> str:
    return hashed("CNI-DN-", 28, network + container_id)


def old_chain_name(network: str, container_id: str) -> str:
    return hashed("CNI-SN-", 28, network + container_id)


def comment_of(network: str, container_id: str) -> str:
    comment = f'dnat name: "{network}" id: "{container_id}"'
    return comment if len(comment) <= COMMENT_BYTES else f"{comment[: COMMENT_BYTES - 2]}..."


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A rule as iptables lists it."""

    text: str
    chain: str
    said: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Line:
        words = shlex.split(text)
        return cls(text=text, chain=words[1], said=dict(pairwise(words)))

    @property
    def target(self) -> str:
        return self.said.get("-j", "")

    @property
    def ports(self) -> Ports:
        return self.said.get("-p", ""), self.said.get("--dports", "")

    @property
    def port(self) -> Port:
        address = self.said.get("-d", "")
        return (
            self.said.get("-p", ""),
            self.said.get("--dport", ""),
            str(ip_network(address).network_address) if address else "",
        )

    def leads_to(self, address: str) -> bool:
        """An IPv6 address in brackets."""
        return self.said.get("--to-destination", "").rpartition(":")[0] == address

    @property
    def deletion(self) -> str:
        return f"-D {self.text.removeprefix('-A ')}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What concerns a container's chain in table nat: the chain, and what leads to it and serves it."""

    chains: frozenset[str]
    lines: Sequence[Line]

    @classmethod
    def read(cls, program: Iptables, *chains: str) -> Listing:
        """Others may have ten thousands of rules there, so lines are looked into only where they may be ours."""
        wanted = (OURS, *chains)
        texts = [text for text in program.listing("nat") or () if any(name in text for name in wanted)]
        return cls(
            chains=frozenset(text.removeprefix("-N ") for text in texts if text.startswith("-N ")),
            lines=[Line.parse(text) for text in texts if text.startswith("-A ")],
        )

    def of(self, chain: str) -> list[Line]:
        return [line for line in self.lines if line.chain == chain]

    def has(self, chain: str, target: str, *words: str) -> bool:
        return any(line.target == target and set(words) <= set(line.said.values()) for line in self.of(chain))


NOTHING = Listing(chains=frozenset(), lines=())


def setup(host: Namespace, conf: PortmapConf, whose: Attachment) -> None:
    for version in VERSIONS:
        if version in whose.addresses:
            program = Iptables(host, version)
            chain = chain_name(whose.network, whose.container_id)
            there = Listing.read(program, chain)
            lines = [
                *foundation(there, conf),
                *outdated(there, chain, conf.mappings, version),
                *new_rules(there, chain, conf, whose, version),
            ]
            program.apply("nat", lines, doing=f"map ports of the host to {whose.addresses[version].ip}")


def foundation(there: Listing, conf: PortmapConf) -> Iterator[str]:
    """What all containers share, as far as it is missing."""
    if conf.snat and not conf.set_mark_chain:
        bits = f"{1 << conf.mark_bit:#x}/{1 << conf.mark_bit:#x}"
        yield from (f":{chain} - [0:0]" for chain in (MARKING, MASQUERADING) if chain not in there.chains)
        if not there.has(MARKING, "MARK", bits):
            said = "-m comment --comment " + quoted("CNI portfwd masquerade mark")
            yield f"-A {MARKING} {said} -j MARK --set-xmark {bits}"
        if not there.has(MASQUERADING, "MASQUERADE", bits):
            yield f"-A {MASQUERADING} -m mark --mark {bits} -j MASQUERADE"
        if not there.has("POSTROUTING", MASQUERADING):
            # Before the masquerading of bridge and ptp, which would be the end of it.
            said = "-m comment --comment " + quoted("CNI portfwd requiring masquerade")
            yield f"-I POSTROUTING 1 {said} -j {MASQUERADING}"
    if ENTRY not in there.chains:
        yield f":{ENTRY} - [0:0]"
    for hook in HOOKS:
        if not there.has(hook, ENTRY):
            yield f"-A {hook} -m addrtype --dst-type LOCAL -j {ENTRY}"


def new_rules(
    there: Listing, chain: str, conf: PortmapConf, whose: Attachment, version: int
) -> Iterator[str]:
    if chain not in there.chains:
        yield f":{chain} - [0:0]"
    for mapping in conf.mappings:
        if mapping.concerns(version):
            yield from (f"-A {chain} {rule}" for rule in rules_of(mapping, conf, whose, version))
    said = f"-m comment --comment {quoted(comment_of(whose.network, whose.container_id))}"
    conditions = "".join(f" {quoted(word)}" for word in conf.conditions[version])
    for protocol, ports in jumps_of(conf.mappings):
        match = f"-p {protocol} {said} -m multiport --dports {ports}"
        yield f"-A {ENTRY} {match}{conditions} -j {chain}"


def rules_of(mapping: PortMapping, conf: PortmapConf, whose: Attachment, version: int) -> Iterator[str]:
    """As iptables lists them."""
    address = whose.addresses[version]
    bound = f"-d {mapping.bound}/{mapping.bound.max_prefixlen} " if mapping.bound else ""
    match = f"{bound}-p {mapping.protocol} -m {mapping.protocol} --dport {mapping.host_port}"
    if conf.snat:
        marking = conf.set_mark_chain or MARKING
        if conf.masq_all:
            yield f"{match} -j {marking}"
        else:
            yield f"-s {address.network} {match} -j {marking}"
            if version == 4:
                yield f"-s 127.0.0.1/32 {match} -j {marking}"
    to = f"[{address.ip}]" if version == 6 else str(address.ip)
    yield f"{match} -j DNAT --to-destination {to}:{mapping.container_port}"


def jumps_of(mappings: Iterable[PortMapping]) -> Iterator[Ports]:
    """Also for ports of another family's host address, as the reference has them."""
    by_protocol = sorted(mappings, key=lambda mapping: mapping.protocol)
    for protocol, group in groupby(by_protocol, key=lambda mapping: mapping.protocol):
        while some := ",".join(str(mapping.host_port) for mapping in islice(group, MOST_PORTS)):
            yield protocol, some


def outdated(there: Listing, chain: str, mappings: Collection[PortMapping], version: int) -> Iterator[str]:
    """What an ADD before has made for the mappings. What shares the chain with them stays."""
    ports = {port_of(mapping) for mapping in mappings}
    jumps = set(jumps_of(mappings))
    yield from (one.deletion for one in there.of(ENTRY) if one.target == chain and one.ports in jumps)
    yield from (one.deletion for one in there.of(chain) if one.port in ports)


def port_of(mapping: PortMapping) -> Port:
    return mapping.protocol, str(mapping.host_port), str(mapping.bound or "")


def removal(
    there: Listing, chain: str, mappings: Collection[PortMapping], whose: Attachment, version: int
) -> Iterator[str]:
    """What removes an attachment from the chain: its mappings, and what leads to its address. With the last of all
    the chain goes; of an attachment that nothing is known of, all is."""
    address = whose.addresses.get(version)
    to = address and (f"[{address.ip}]" if version == 6 else str(address.ip))
    ports = {port_of(mapping) for mapping in mappings}
    ports |= {line.port for line in there.of(chain) if to and line.leads_to(to)}
    staying = {line.port for line in there.of(chain) if line.target == "DNAT"} - ports
    if not staying or not (mappings or whose.addresses):
        yield from whole_removal(there, chain)
        return
    used = {(protocol, port) for protocol, port, _ in staying}
    for line in there.of(ENTRY):
        protocol, given = line.ports
        if line.target == chain and used.isdisjoint((protocol, port) for port in given.split(",")):
            yield line.deletion
    for line in there.of(chain):
        if line.port in ports:
            yield line.deletion


def whole_removal(there: Listing, chain: str) -> Iterator[str]:
    if chain in there.chains:
        yield from (line.deletion for line in there.lines if line.target == chain)
        yield from (f"-F {chain}", f"-X {chain}")


def teardown(
    host: Namespace, net: Nfnetlink | None, mappings: Collection[PortMapping], whose: Attachment
) -> None:
    """What can be told by the kernel alone to be this attachment's takes no program."""
    chains = [name(whose.network, whose.container_id) for name in (chain_name, old_chain_name)]
    for version in VERSIONS:
        if net and (found := in_nf_tables(net, version, chains)):
            program = Iptables(host, version)
            alone = is_alone(found[0].rules(net), mappings, version) or not (mappings or whose.addresses)
            if alone or not remove_by_program(program, chains, mappings, whose, version):
                remove_from_nf_tables(net, version, found)
        if "nat" in legacy_tables(host, version):
            program = Iptables(host, version, legacy=True)
            remove_by_program(program, chains, mappings, whose, version)


def remove_by_program(
    program: Iptables,
    chains: Sequence[str],
    mappings: Collection[PortMapping],
    whose: Attachment,
    version: int,
) -> bool:
    """False when it knows nothing of the chains: it may be of the other kind, or not be there."""
    there = Listing.read(program, *chains) if program.installed else NOTHING
    if there.chains.isdisjoint(chains):
        return False
    chain, old = chains
    lines = [*removal(there, chain, mappings, whose, version), *whole_removal(there, old)]
    if lines:
        program.apply("nat", lines, doing=f"remove chain {chain} of iptables, or ports from it")
    return True


def in_nf_tables(net: Nfnetlink, version: int, chains: Iterable[str]) -> list[Chain]:
    """Those of the chains that are there."""
    table = Table(family=NFT_FAMILIES[version], name="nat")
    found = [Chain(table=table, name=name) for name in chains]
    return [chain for chain in found if chain.exists(net)]


def is_alone(rules: Iterable[Rule], mappings: Collection[PortMapping], version: int) -> bool:
    """Is every rule about one of the mappings? False also for what is said in another way than today's iptables'."""
    wanted = {
        (bytes([PROTOCOLS[mapping.protocol]]), mapping.host_port.to_bytes(2), packed(mapping.bound))
        for mapping in mappings
        if mapping.concerns(version)
    }
    fields = (L4PROTO, PORT, DESTINATION[version])
    return bool(wanted) and all(tuple(map(rule.wanted, fields)) in wanted for rule in rules)


def packed(address: IP | None) -> bytes | None:
    return address.packed if address else None


def remove_from_nf_tables(net: Nfnetlink, version: int, chains: Collection[Chain]) -> None:
    """Whatever is in them, and the jumps to them."""
    entries = [
        Chain(table=Table(family=NFT_FAMILIES[version], name="nat"), name=name) for name in (ENTRY, OLD_ENTRY)
    ]

    def plan() -> list[Message]:
        there = [chain for chain in chains if chain.exists(net)]
        jumps = [
            entry.delete_rule(rule.handle)
            for chain in there
            for entry in entries
            for rule in entry.rules(net, containing=chain.name)
            if rule.target == chain.name
        ]
        return [*jumps, *(chain.delete() for chain in there)]

    edit(net, plan, doing=f"remove {', '.join(map(str, chains))} and the jumps there")


def gc(host: Namespace, net: Nfnetlink | None, network: str, valid: Collection[tuple[str, str]]) -> None:
    """Of a container that stays, all attachments stay: they can't be told apart."""
    keep = {chain_name(network, container_id) for container_id, _ in valid}
    begin = f'dnat name: "{network}" id: "'
    for version in VERSIONS:
        if net:
            entry = Chain(table=Table(family=NFT_FAMILIES[version], name="nat"), name=ENTRY)
            jumps = entry.rules(net, containing=begin)
            stale = {rule.target for rule in jumps} - keep - {""}
            if found := in_nf_tables(net, version, sorted(stale)):
                remove_from_nf_tables(net, version, found)
        if "nat" in legacy_tables(host, version):
            program = Iptables(host, version, legacy=True)
            there = Listing.read(program, "CNI-DN-") if program.installed else NOTHING
            jumping = {
                line.target for line in there.of(ENTRY) if line.said.get("--comment", "").startswith(begin)
            }
            for chain in jumping - keep:
                program.apply("nat", list(whole_removal(there, chain)), doing=f"remove chain {chain}")


def missing(
    host: Namespace, conf: PortmapConf, whose: Attachment, wanted: Iterable[tuple[int, PortMapping]]
) -> list[tuple[int, PortMapping]]:
    """Those of ``wanted`` that no rule carries out."""
    chain = chain_name(whose.network, whose.container_id)
    absent = []
    for version, group in groupby(wanted, key=lambda one: one[0]):
        program = Iptables(host, version)
        there = Listing.read(program, chain) if program.installed else NOTHING
        led = all(there.has(hook, ENTRY) for hook in HOOKS)
        leading = {
            (protocol, port)
            for line in there.of(ENTRY)
            if line.target == chain
            for protocol, ports in [line.ports]
            for port in ports.split(",")
        }
        texts = {line.text for line in there.of(chain)}
        for _, mapping in group:
            rules = (f"-A {chain} {rule}" for rule in rules_of(mapping, conf, whose, version))
            reached = led and (mapping.protocol, str(mapping.host_port)) in leading
            if not reached or not texts.issuperset(rules):
                absent.append((version, mapping))
    return absent
