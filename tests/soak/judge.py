"""Hold the node to the model: one pod at a time, and everything at once."""

from __future__ import annotations

from collections.abc import Collection

from tests.soak import look
from tests.soak.gateway import Mood
from tests.soak.model import Found, Held, Model, Phase, Place
from tests.soak.networks import ALL, FIRST_MTU, FURTHER, ON_DEMAND, PRIMARY, Link
from tests.soak.rig import SETTLE_SECONDS, Rig
from tests.soak.tally import Tally
from tests.support.wait import until


class Judge:
    def __init__(self, rig: Rig, model: Model, tally: Tally, *, settle: float = SETTLE_SECONDS) -> None:
        self._settle = settle
        self._rig = rig
        self._model = model
        self._tally = tally

    # --- one pod ---

    def whole(self, place: Place) -> Held:
        """It has all its networks, just as their definitions say, addresses that nobody else has, and its status."""
        seen = look.inside(place.netns)
        wanted = set(place.ifnames) | place.squatters
        self._require(
            set(seen.links) - {"lo"} == wanted, f"{place} has the links {sorted(seen.links)}, not {wanted}"
        )
        leases = self.leases_of(place)
        due = set()
        versions = []
        for network, ifname in zip(place.networks, place.ifnames, strict=True):
            link = seen.links[ifname]
            self._require(
                len(link.addresses) == len(network.subnets) and all(map(network.holds, link.addresses)),
                f"{ifname} of {place} has the addresses {sorted(link.addresses)}, not one of each subnet",
            )
            due |= {f"{network.store}/{address}" for address in link.addresses}
            if network.name in FURTHER:
                version = link.mtu - FIRST_MTU
                allowed = self._model.definitions.may_be(network.name)
                self._require(
                    version in allowed,
                    f"{ifname} of {place} was made of version {version} of {network.name}, not of one of {allowed}",
                )
                versions.append(version)
        self._require(
            leases == due, f"{place} has {sorted(due)}, and host-local holds {sorted(leases)} for it"
        )
        gateway = "route default via 10.244.0.1 dev eth0"
        self._require(_routes_by_default(seen), f"{place} has no {gateway}")
        held = Held(
            inside=seen,
            leases=frozenset(due),
            told=self._told(place, seen),
            versions=tuple(versions),
        )
        for other in self._model.standing:
            if other is not place and other.held is not None and (both := other.held.leases & held.leases):
                raise Found(f"{place} and {other} both have {sorted(both)}")
        if self._model.weather.server is Mood.FAIR:
            self.status(place, held)
        return held

    def _told(self, place: Place, seen: look.Inside) -> look.Told:
        if not place.names:
            return []
        namespace = self._rig.namespace
        names = (PRIMARY, *(f"{namespace}/{name}" for name in place.names))
        return [
            (name, ifname, tuple(sorted(seen.links[ifname].addresses)), seen.links[ifname].mac)
            for name, ifname in zip(names, place.ifnames, strict=True)
        ]

    def status(self, place: Place, held: Held) -> None:
        """What the API server knows of the pod, be it told late."""
        if not held.told:
            return
        self._tally.checks += 1
        try:
            until(lambda: look.told(self._rig.plane, place.pod) == held.told, seconds=self._settle)
        except AssertionError:
            now = look.told(self._rig.plane, place.pod)
            raise Found(f"the network-status of {place} is {now}, not {held.told}") from None

    def is_absent(self, place: Place) -> bool:
        return not self.left_of(place)

    def on_record(self, place: Place) -> bool:
        """Will its DEL know what to clear?"""
        return f"{place.id}@eth0.json" in self._rig.node.records()

    def left_of(self, place: Place) -> list[str]:
        """What there is of a pod that should have nothing."""
        left = [f"address {lease}" for lease in sorted(self.leases_of(place))]
        left += [f"record {name}" for name in self._rig.node.records() if name.startswith(f"{place.id}@")]
        if not place.lost:
            strangers = {f"link {name}" for name in place.squatters}
            left += sorted(look.inside(place.netns).facts - place.empty - strangers)
        return left

    def absent(self, place: Place, why: str) -> None:
        self._tally.checks += 1
        if left := self.left_of(place):
            raise Found(f"{why}: of {place} there is left: {'; '.join(left)}")
        if not place.lost:
            there = set(look.inside(place.netns).links) - {"lo"}
            self._require(there == place.squatters, f"{why}: foreign links of {place} are gone: {there}")

    def as_before(self, place: Place) -> bool:
        """Has it still what it had?"""
        held = place.held
        return (
            held is not None
            and not place.lost
            and f"{place.id}@eth0.json" in self._rig.node.records()
            and self.leases_of(place) == held.leases
            and self._own(place, look.inside(place.netns)) == self._own(place, held.inside)
        )

    def _own(self, place: Place, seen: look.Inside) -> set[str]:
        """Without the links of others, which come and go."""
        links = {f"link {name}" for name in (*place.ifnames, "lo")}
        return {fact for fact in seen.facts if not fact.startswith("link ") or fact in links}

    def leases_of(self, place: Place) -> set[str]:
        return {lease for lease, (owner, _) in look.leases(self._rig.node.ipam).items() if owner == place.id}

    # --- everything ---

    def everything(self) -> None:
        """No pod is unsure: kernel, disk and API server hold what the pods that stand have, and nothing more."""
        standing = self._model.standing
        for place in self._model.places:
            self._tally.checks += 1
            if place.phase is Phase.STANDING:
                if not self.as_before(place):
                    raise Found(f"{place} no longer has what it was given: {self._changed(place)}")
                assert place.held is not None
                self.status(place, place.held)
            else:
                self.absent(place, "at the end")
        self._files(standing)
        try:
            until(lambda: not self._wrong_on_host(standing), seconds=self._settle)
        except AssertionError:
            raise Found("the host: " + "; ".join(self._wrong_on_host(standing))) from None
        self._tally.checks += 1

    def _changed(self, place: Place) -> str:
        assert place.held is not None
        now, was = look.inside(place.netns).facts, place.held.inside.facts
        words = [f"gone: {fact}" for fact in sorted(was - now)] + [
            f"new: {fact}" for fact in sorted(now - was)
        ]
        words += [f"leases {sorted(self.leases_of(place))}, was {sorted(place.held.leases)}"]
        words += [f"records {self._rig.node.records()}"]
        return "; ".join(words)

    def _files(self, standing: Collection[Place]) -> None:
        due = {f"state/sandboxes/{place.id}@eth0.json" for place in standing}
        # What an agent was writing when it died goes with the next DEL.
        unfinished = {
            f"state/sandboxes/.{place.id}@eth0.json.tmp" for place in self._model.places if not place.ended
        }
        due |= {f"ipam/{lease}" for place in standing if place.held for lease in place.held.leases}
        used = {network.host_link for place in standing for network in place.networks} - {""}

        def wrong() -> list[str]:
            there = self._rig.disks.files() - self._rig.baseline.files
            links = {name for name in there if name.startswith("state/host-links/")}
            walls = {name for name in there if name.startswith("firewall/")}
            found = [f"{name} is there" for name in sorted(there - due - unfinished - links - walls)]
            found += [f"{name} is missing" for name in sorted(due - there)]
            if bool(links) != bool(used) and not self._model.weather.squatted:
                found.append(f"for {sorted(used)} there is {sorted(links)}")
            return found

        try:
            until(lambda: not wrong(), seconds=self._settle)
        except AssertionError:
            raise Found("the disk: " + "; ".join(wrong())) from None
        self._tally.checks += 1

    def _wrong_on_host(self, standing: Collection[Place]) -> list[str]:
        now, before = look.host(self._rig.host), self._rig.baseline.host
        networks = [network for place in standing for network in place.networks]
        veths = sum(network.link is Link.VETH for network in networks)
        links = before.links | ({network.host_link for network in networks} - {""})
        if self._model.weather.squatted:
            links |= {ON_DEMAND}
        wrong = []
        if now.veths != veths:
            wrong.append(f"there are {now.veths} veth ends, and {veths} pods' links that need one")
        if now.links != links:
            wrong.append(f"the links are {sorted(now.links)}, not {sorted(links)}")
        live = {address for place in standing if place.held for address in place.held.addresses}
        infrastructure = set().union(*map(look.addresses_in, before.facts))
        wrong += [
            f"nobody has {', '.join(sorted(strangers))}: {fact}"
            for fact in now.facts - before.facts
            if (strangers := look.addresses_in(fact) - infrastructure - live - _NETWORKS)
        ]
        said = " ".join(now.facts)
        for place in standing:
            for network, ifname in zip(place.networks, place.ifnames, strict=True):
                if network.on_host and place.held is not None:
                    wrong += [
                        f"nothing on the host is for {address} of {place}"
                        for address in place.held.inside.links[ifname].addresses
                        if address not in said
                    ]
        if not standing and now.facts != before.facts:
            wrong += [f"left: {fact}" for fact in sorted(now.facts - before.facts)]
            wrong += [f"missing: {fact}" for fact in sorted(before.facts - now.facts)]
        return wrong

    def _require(self, holds: bool, otherwise: str) -> None:
        self._tally.checks += 1
        if not holds:
            raise Found(otherwise)


_NETWORKS = {
    subnet.partition("/")[0].removesuffix("0") + end
    for network in ALL.values()
    for subnet in network.subnets
    for end in ("0", "1", "255")
} | {"0.0.0.0", "255.255.255.255", "224.0.0.0"}


def _routes_by_default(seen: look.Inside) -> bool:
    return any('"dst": "default"' in fact and '"gateway": "10.244.0.1"' in fact for fact in seen.facts)
