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
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby, islice

from delegates.meta.portmap.conf import VERSIONS, Attachment, PortmapConf, PortMapping
from delegates.meta.portmap.listing import (
    ENTRY,
    HOOKS,
    MARKING,
    MASQUERADING,
    NOTHING,
    Listing,
    Ports,
    chain_name,
    port_of,
)
from multinet.errors import MultinetError
from multinet.kernel.iptables import Iptables, quoted
from multinet.kernel.namespace import Namespace

MOST_PORTS = 15
"""That one multiport match takes."""
COMMENT_BYTES = 255


def comment_of(network: str, container_id: str) -> str:
    comment = f'dnat name: "{network}" id: "{container_id}"'
    return comment if len(comment) <= COMMENT_BYTES else f"{comment[: COMMENT_BYTES - 2]}..."


def setup(host: Namespace, conf: PortmapConf, whose: Attachment) -> None:
    for version in VERSIONS:
        if version in whose.addresses:
            map_ports(Iptables(host, version), conf, whose, version)


def map_ports(program: Iptables, conf: PortmapConf, whose: Attachment, version: int) -> None:
    """Of two that make the shared chains at the same time the later is refused, and finds them as it looks again."""
    chain = chain_name(whose.network, whose.container_id)
    there = Listing.read(program, chain)
    while True:
        lines = [
            *foundation(there, conf),
            *outdated(there, chain, conf.mappings, version),
            *new_rules(there, chain, conf, whose, version),
        ]
        try:
            return program.apply(
                "nat", lines, doing=f"map ports of the host to {whose.addresses[version].ip}"
            )
        except MultinetError:
            before, there = there, Listing.read(program, chain)
            if not there.chains > before.chains:
                raise


def foundation(there: Listing, conf: PortmapConf) -> Iterator[str]:
    """What all containers share, as far as it is missing. A colon would empty a chain that is there by now."""
    if conf.snat and not conf.set_mark_chain:
        bits = f"{1 << conf.mark_bit:#x}/{1 << conf.mark_bit:#x}"
        yield from (f"-N {chain}" for chain in (MARKING, MASQUERADING) if chain not in there.chains)
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
        yield f"-N {ENTRY}"
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
