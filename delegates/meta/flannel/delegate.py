"""flannel: ADD, CHECK, DEL, GC and STATUS of the plugin that does the work, with what flanneld says put in."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import ClassVar

from delegates.meta.flannel import saved, subnet
from delegates.meta.flannel.conf import FlannelConf, parse, refuse_reserved
from multinet.cni.args import Args
from multinet.cni.netconf import NetConf
from multinet.cni.types import Result
from multinet.delegate.contract import Call, Delegate
from multinet.delegate.undo import Undo
from multinet.errors import CheckFailed, InvalidConfig, MultinetError, NotAvailable


class Flannel(Delegate[FlannelConf]):
    delegates_ipam: ClassVar[bool] = False

    def parse(self, conf: NetConf, args: Args) -> FlannelConf:
        return parse(conf, args)

    def hands_on(self, conf: FlannelConf) -> NetConf | None:
        return conf.on(subnet.STAND_IN) if conf.known_good else None

    def add(self, call: Call[FlannelConf], undo: Undo) -> Result:
        """What DEL needs is kept before anything is made."""
        conf = call.conf.on(subnet.read(call.conf.subnet_file))
        other = call.other(conf)
        path = saved.path_for(call.conf.data_dir, call.container_id, call.network)
        undo.push(f"remove {path}", partial(saved.forget, path))
        saved.save(path, conf)
        return other.add(undo)

    def check(self, call: Call[FlannelConf]) -> None:
        found = saved.find(call.conf.data_dir, call.container_id, call.network)
        if found is None or found.conf is None:
            raise CheckFailed(
                f"there is no configuration of container {call.container_id} in {call.conf.data_dir}",
                hint="ADD keeps there what it made the interface with, and DEL will not find it",
            )
        call.other(found.conf).check(call.prev_result)

    def delete(self, call: Call[FlannelConf]) -> None:
        """With what ADD was given; flannel may say something else by now, or nothing.

        Where nothing is kept there is nothing to clear, unless somebody lost it, or a second interface shared
        it: what today's configuration finds of it goes.
        """
        conf = call.conf
        found = saved.find(conf.data_dir, call.container_id, call.network)
        if found is None:
            with suppress(InvalidConfig):  # then there was no ADD
                call.other(_now(conf)).delete()
        else:
            call.other(found.conf or _now(conf)).delete()
            saved.forget(found.path)
        saved.forget_unfinished(conf.data_dir, call.container_id, call.network)

    def gc(self, call: Call[FlannelConf]) -> None:
        try:
            call.other(_now(call.conf)).gc()
        finally:
            containers = {container_id for container_id, _ in call.valid}
            for path in saved.stale(call.conf.data_dir, call.network, containers):
                saved.forget(path)

    def status(self, call: Call[FlannelConf]) -> None:
        refuse_reserved(call.conf.delegate)
        try:
            given = subnet.read(call.conf.subnet_file)
        except MultinetError as error:
            raise NotAvailable(error.message, hint=error.hint) from error
        call.other(call.conf.on(given)).status()


def _now(conf: FlannelConf) -> NetConf:
    """For clearing up, where the subnet does not matter: with the node's if it is known."""
    try:
        return conf.on(subnet.read(conf.subnet_file))
    except MultinetError:
        return conf.on(subnet.STAND_IN)
