"""The pools of addresses that this node gives from: by the configurations on record, by the cluster's own network,
and by what lies in the same folders.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from multinet.cni.args import Args
from multinet.cni.netconf import NetConf, NetConfList
from multinet.delegate import registry
from multinet.delegate.pools import Pool
from multinet.errors import MultinetError
from multinet.plan import Attachment
from multinet.view.journal import Journal


def gather(journal: Journal, primary: NetConfList | None) -> list[Pool]:
    """Every pool, by place. ``primary``: the cluster's own network. Raises MultinetError for what can't be read."""
    pools: dict[str, Pool] = {}
    for pool in (*_configured(journal, primary), *_lying_about()):
        known = pools.get(pool.place)
        pools[pool.place] = _together(known, pool) if known else pool
    for place in {pool.place.rpartition("/")[0] for pool in pools.values()}:
        for pool in _lying_about(place):
            pools.setdefault(pool.place, pool)
    return [pools[place] for place in sorted(pools)]


def _configured(journal: Journal, primary: NetConfList | None) -> Iterator[Pool]:
    """The pods of a network mostly have one configuration, and reading what it has given takes long."""
    seen: set[str] = set()
    for record in journal.records:
        for attachment in record.plan.attachments:
            one = _what_matters(attachment)
            if one not in seen:
                seen.add(one)
                yield from _of_attachment(attachment)
    if primary is not None:
        yield from _of_attachment(Attachment(network=primary.name, ifname="", conflist=primary))


def _what_matters(attachment: Attachment) -> str:
    """All that a plugin's configuration is made of, but for the arguments that name the pod."""
    args = Args.parse(attachment.args, lenient=True)
    told = {key: value for key, value in args.pairs.items() if not key.startswith("K8S_POD_")}
    return repr((attachment.conflist, attachment.capability_args, attachment.extra(), told))


def _of_attachment(attachment: Attachment) -> Iterator[Pool]:
    """Of every IPAM of its plugins that keeps one; one that can't be read any more has none to tell of."""
    args = Args.parse(attachment.args, lenient=True)
    for index in range(len(attachment.conflist.plugins)):
        conf = attachment.conflist.plugin_request(
            index,
            prev_result=None,
            capability_args=attachment.capability_args,
            extra=attachment.extra(),
        )
        for one in _handed_on(conf, args):
            if (pool := _pool(one, args)) is not None:
                yield pool


def _handed_on(conf: NetConf, args: Args) -> Iterator[NetConf]:
    """The configuration, and that of the plugin that it has do its work."""
    yield conf
    if conf.type in registry.installed():
        try:
            delegate = registry.load(conf.type)
            other = delegate.hands_on(delegate.parse(conf, args))
        except MultinetError:
            return
        if other is not None:
            yield other


def _pool(conf: NetConf, args: Args) -> Pool | None:
    try:
        if conf.ipam_type not in registry.installed():
            return None
        ipam = registry.load(conf.ipam_type)
        return ipam.pool(ipam.parse(conf, args), conf.name)
    except MultinetError:
        return None


def _lying_about(place: str = "") -> Iterable[Pool]:
    return [pool for type_ in registry.installed() for pool in registry.load(type_).pools(place)]


def _together(one: Pool, other: Pool) -> Pool:
    """Of one folder: a pod may have been given ranges that others were not."""
    known = {(stretch.first, stretch.last) for stretch in one.stretches}
    more = [stretch for stretch in other.stretches if (stretch.first, stretch.last) not in known]
    return replace(one, stretches=(*one.stretches, *more))
