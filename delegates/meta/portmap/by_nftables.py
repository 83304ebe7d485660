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

from collections.abc import Iterator
from ipaddress import IPv4Address

from delegates.meta.portmap.conf import Attachment, PortmapConf, PortMapping
from delegates.meta.portmap.ground import GROUNDS, Ground, carries_out, comment_of, mark
from delegates.meta.portmap.nftables_removal import removal
from multinet.cni.types import IP
from multinet.errors import MultinetError, NotFound
from multinet.kernel.namespace import Namespace, run_in
from multinet.kernel.nfnetlink import Message, Nfnetlink
from multinet.kernel.nft import FAMILY_NAMES, edit
from multinet.kernel.nft_expr import MASQUERADE, source
from multinet.kernel.nft_nat import dnat, to_address, to_port, translated_from, translation
from multinet.steps import step

LOCALHOST = IPv4Address("127.0.0.1")


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


def missing(net: Nfnetlink, conf: PortmapConf, whose: Attachment) -> list[tuple[int, PortMapping]]:
    """The mappings that no rule carries out, with the IP version."""
    absent = []
    for ground in GROUNDS:
        if ground.version not in whose.addresses:
            continue
        address = whose.addresses[ground.version].ip.packed
        rules = [rule for _, rule in ground.rules(net, whose.container_id)] if _leads(ground, net) else []
        if conf.snat and not any(not ground.maps(rule) and ground.target(rule) == address for rule in rules):
            rules = []
        maps = [found for rule in rules if (found := translation(rule.meaning, ground.version))]
        absent += [
            (ground.version, mapping)
            for mapping in conf.mappings
            if mapping.concerns(ground.version)
            and not any(
                carries_out(found, mapping)
                and found.to == address
                and found.to_port == mapping.container_port
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
