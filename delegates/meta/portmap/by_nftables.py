"""Port mappings as rules of nf_tables, in a table an IP family:

    table ip cni_hostport {
        chain hostports         { [ip daddr H] tcp dport N dnat to ADDRESS:PORT   …   comment "CONTAINER ID" }
        chain hostip_hostports  { }                           what the reference before 1.7 had with a host IP
        chain hostports_all     { jump hostip_hostports; jump hostports }
        chain prerouting, output { fib daddr type local jump hostports_all }
        chain masquerading      { ip saddr ADDRESS ip daddr ADDRESS masquerade
                                  ip saddr 127.0.0.1 ip daddr ADDRESS masquerade   comment "CONTAINER ID" }
    }

Tables, chains, rules and comments are the reference's, so that either can go on with what the other has made. A
comment names a container, not which of its attachments; so our rules carry a mark as well, which nft passes over.
Rules without it are known by what they map, and by where to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from delegates.meta.portmap.conf import VERSIONS, Attachment, PortmapConf, PortMapping
from multinet.cni.types import IP
from multinet.errors import MultinetError, NotFound
from multinet.kernel.names import hashed
from multinet.kernel.namespace import Namespace, run_in
from multinet.kernel.nfnetlink import Message, Nfnetlink
from multinet.kernel.nft import (
    FAMILY_NAMES,
    OUTPUT,
    POSTROUTING,
    PREROUTING,
    PRIORITY_DSTNAT,
    PRIORITY_SRCNAT,
    Chain,
    Family,
    Hook,
    Rule,
    Table,
    edit,
)
from multinet.kernel.nft_expr import MASQUERADE, jump, meanings, source
from multinet.kernel.nft_nat import (
    DESTINATION,
    PROTOCOLS,
    Translation,
    dnat,
    to_address,
    to_port,
    to_this_host,
    translated_from,
    translation,
)
from multinet.steps import step

COMMENT_BYTES = 128
"""What nft takes; a container's id is no longer."""

LOCALHOST = IPv4Address("127.0.0.1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """The table of one IP family and its chains."""

    version: int
    table: Table

    @classmethod
    def of(cls, version: int) -> Ground:
        family = Family.IPV4 if version == 4 else Family.IPV6
        return cls(
            version=version,
            table=Table(family=family, name="cni_hostport", comment="CNI portmap plugin"),
        )

    def chain(self, name: str, hook: int | None = None, priority: int = PRIORITY_DSTNAT) -> Chain:
        base = None if hook is None else Hook(kind="nat", number=hook, priority=priority)
        return Chain(table=self.table, name=name, hook=base)

    @property
    def ports(self) -> Chain:
        return self.chain("hostports")

    @property
    def old_ports(self) -> Chain:
        return self.chain("hostip_hostports")

    @property
    def masquerading(self) -> Chain:
        return self.chain("masquerading", POSTROUTING, PRIORITY_SRCNAT)

    @property
    def ways(self) -> Sequence[tuple[Chain, Sequence[bytes]]]:
        """The chains that lead to ``ports``, and all that is in them."""
        everything = self.chain("hostports_all")
        entry = to_this_host() + jump(everything.name)
        return (
            (everything, (jump(self.old_ports.name), jump(self.ports.name))),
            (self.chain("prerouting", PREROUTING), (entry,)),
            (self.chain("output", OUTPUT), (entry,)),
        )

    def stands(self, net: Nfnetlink) -> bool:
        return all(
            [rule.meaning for rule in chain.rules(net)] == [meanings(rule) for rule in rules]
            for chain, rules in self.ways
        )

    def laying(self) -> list[Message]:
        """The messages that lay it, or lay it anew: a way with somebody's conditions is for those alone."""
        ways = [
            message
            for chain, rules in self.ways
            for message in (chain.add(), chain.flush(), *map(chain.append, rules))
        ]
        return [self.table.add(), self.ports.add(), self.old_ports.add(), *ways]

    def rules(self, net: Nfnetlink, container_id: str) -> Iterator[tuple[Chain, Rule]]:
        """Those of a container, ours or the reference's."""
        comment = comment_of(container_id)
        for chain in (self.ports, self.old_ports, self.masquerading):
            for rule in chain.rules(net, containing=comment):
                if rule.comment == comment:
                    yield chain, rule

    def target(self, rule: Rule) -> bytes | None:
        """The container's address in a rule."""
        found = translation(rule.meaning, self.version)
        return found.to if found else rule.wanted(DESTINATION[self.version])


GROUNDS = tuple(Ground.of(version) for version in VERSIONS)


def comment_of(container_id: str) -> str:
    return container_id[:COMMENT_BYTES]


def network_mark(network: str) -> str:
    return f"{hashed('', 16, network)}-"


def mark_of(network: str, ifname: str, container_id: str) -> str:
    return network_mark(network) + hashed("", 16, f"{ifname}:{container_id}")


def mark(whose: Attachment) -> str:
    return mark_of(whose.network, whose.ifname, whose.container_id)


def setup(host: Namespace, net: Nfnetlink, conf: PortmapConf, whose: Attachment) -> None:
    """Everything in one batch; what nft's words are needed for comes in a second one. A second time replaces."""
    grounds = [ground for ground in GROUNDS if ground.version in whose.addresses]

    def plan() -> list[Message]:
        changes: list[Message] = []
        for ground in grounds:
            changes += [] if ground.stands(net) else ground.laying()
            changes += removal(ground, net, conf.mappings, whose)
            if conf.snat and not ground.masquerading.exists(net):
                changes.append(ground.masquerading.add())
            changes += new_rules(ground, conf, whose)
        return changes

    edit(net, plan, doing=f"map ports of the host to {whose.ifname}")
    if scripts := [words(ground, conf, whose) for ground in grounds if conf.conditions[ground.version]]:
        run_nft(host, "".join(scripts), doing=f"map ports of the host to {whose.ifname} under conditions")


def new_rules(ground: Ground, conf: PortmapConf, whose: Attachment) -> Iterator[Message]:
    version = ground.version
    address: IP = whose.addresses[version].ip
    said = {"comment": comment_of(whose.container_id), "mark": mark(whose)}
    mappings = [mapping for mapping in conf.mappings if mapping.concerns(version)]
    if not conf.conditions[version]:
        for mapping in mappings:
            wanted = to_address(mapping.bound) if mapping.bound else b""
            wanted += to_port(mapping.protocol, mapping.host_port)
            yield ground.ports.append(wanted, dnat(address, mapping.container_port), **said)
    if conf.snat:
        sources = [address, LOCALHOST] if version == 4 else [address]
        for one in sources:
            yield ground.masquerading.append(source(one), to_address(address), MASQUERADE, **said)
        for mapping in mappings if conf.masq_all else ():
            wanted = to_address(address) + to_port(mapping.protocol, mapping.container_port)
            came = translated_from(mapping.host_port)
            yield ground.masquerading.append(wanted, came, MASQUERADE, **said)


def words(ground: Ground, conf: PortmapConf, whose: Attachment) -> str:
    """Conditions are in nft's notation, which only nft can read. They are this container's own here."""
    family = FAMILY_NAMES[ground.table.family]
    address = whose.addresses[ground.version].ip
    to = f"[{address}]" if ground.version == 6 else str(address)
    lines = [
        " ".join(
            (
                f"add rule {family} {ground.table.name} {ground.ports.name}",
                *conf.conditions[ground.version],
                f"{family} daddr {mapping.bound}" if mapping.bound else "",
                f"{mapping.protocol} dport {mapping.host_port} dnat to {to}:{mapping.container_port}",
                f'comment "{comment_of(whose.container_id)}"\n',
            )
        )
        for mapping in conf.mappings
        if mapping.concerns(ground.version)
    ]
    return "".join(lines)


def run_nft(host: Namespace, script: str, *, doing: str) -> None:
    step(doing)
    try:
        done = run_in(host, ["nft", "-f", "-"], script.encode())
    except NotFound as error:
        raise MultinetError(
            f"could not {doing}: there is no program nft, and only it can read them", hint="install nftables"
        ) from error
    if done.returncode:
        raise MultinetError(f"could not {doing}: nft says: {done.stderr.decode(errors='replace').strip()}")


def teardown(net: Nfnetlink, mappings: Collection[PortMapping], whose: Attachment) -> None:
    def plan() -> list[Message]:
        return [change for ground in GROUNDS for change in removal(ground, net, mappings, whose)]

    edit(net, plan, doing=f"end the port mappings of {whose.ifname}")


def removal(
    ground: Ground, net: Nfnetlink, mappings: Collection[PortMapping], whose: Attachment
) -> list[Message]:
    """The messages that remove what is this attachment's, and stays behind of nobody."""
    rules = list(ground.rules(net, whose.container_id))
    ours = {rule.handle for _, rule in rules if _belongs(ground, rule, mappings, whose)}
    # Masquerading goes with the last rule that leads to its address.
    gone = {ground.target(rule) for _, rule in rules if rule.handle in ours}
    held = {ground.target(rule) for _, rule in rules if rule.handle not in ours and _maps(ground, rule)}
    ours |= {
        rule.handle
        for _, rule in rules
        if not rule.mark and not _maps(ground, rule) and ground.target(rule) in gone - held
    }
    return [chain.delete_rule(rule.handle) for chain, rule in rules if rule.handle in ours]


def _maps(ground: Ground, rule: Rule) -> bool:
    return translation(rule.meaning, ground.version) is not None


def _belongs(ground: Ground, rule: Rule, mappings: Collection[PortMapping], whose: Attachment) -> bool:
    """Nothing known of an attachment but its container: then all that is not marked for another is its."""
    if rule.mark:
        return rule.mark == mark(whose)
    if not mappings and not whose.addresses:
        return True
    address = whose.addresses.get(ground.version)
    if address and ground.target(rule) == address.ip.packed:
        return True
    found = translation(rule.meaning, ground.version)
    return found is not None and any(_is(found, mapping) for mapping in mappings)


def _is(found: Translation, mapping: PortMapping) -> bool:
    bound = mapping.bound
    return (
        found.port == mapping.host_port
        and found.protocol in (None, PROTOCOLS[mapping.protocol])
        and found.address == (bound.packed if bound else None)
    )


def missing(net: Nfnetlink, conf: PortmapConf, whose: Attachment) -> list[tuple[int, PortMapping]]:
    """The mappings that no rule carries out, with the IP version."""
    absent = []
    for ground in GROUNDS:
        if ground.version not in whose.addresses:
            continue
        address = whose.addresses[ground.version].ip.packed
        rules = [rule for _, rule in ground.rules(net, whose.container_id)] if _leads(ground, net) else []
        if conf.snat and not any(
            not _maps(ground, rule) and ground.target(rule) == address for rule in rules
        ):
            rules = []
        maps = [found for rule in rules if (found := translation(rule.meaning, ground.version))]
        absent += [
            (ground.version, mapping)
            for mapping in conf.mappings
            if mapping.concerns(ground.version)
            and not any(
                _is(found, mapping) and found.to == address and found.to_port == mapping.container_port
                for found in maps
            )
        ]
    return absent


def _leads(ground: Ground, net: Nfnetlink) -> bool:
    """Do packets get to the rules? Maybe only some: the reference puts its conditions there."""
    everything, *entries = (chain for chain, _ in ground.ways)
    return any(rule.target == ground.ports.name for rule in everything.rules(net)) and all(
        any(rule.target == everything.name for rule in entry.rules(net)) for entry in entries
    )


def gc(net: Nfnetlink, network: str, valid: Collection[tuple[str, str]]) -> None:
    """Only what is marked for this network, and what leads to the same addresses of the same containers. Of other
    rules nobody knows whether they are this network's."""
    prefix = network_mark(network)
    keep = {mark_of(network, ifname, container_id) for container_id, ifname in valid}

    def plan() -> list[Message]:
        return [change for ground in GROUNDS for change in _stale(ground, net, prefix, keep)]

    edit(net, plan, doing=f"end stale port mappings of network {network}")


def _stale(ground: Ground, net: Nfnetlink, prefix: str, keep: Collection[str]) -> Iterator[Message]:
    chains = (ground.ports, ground.masquerading)
    marked = [rule for chain in chains for rule in chain.rules(net, containing=prefix)]
    stale = {
        (rule.comment, ground.target(rule))
        for rule in marked
        if rule.mark.startswith(prefix) and rule.mark not in keep
    }
    held = {(rule.comment, ground.target(rule)) for rule in marked if rule.mark in keep}
    for comment in {comment for comment, _ in stale}:
        for chain, rule in ground.rules(net, comment):
            ours = rule.mark.startswith(prefix) and rule.mark not in keep
            if ours or (not rule.mark and (comment, ground.target(rule)) in stale - held):
                yield chain.delete_rule(rule.handle)
