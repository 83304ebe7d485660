"""The sandboxes of this node: what the agent has on record of each. Reading changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from multinet.errors import InvalidConfig, nearest
from multinet.npwg.status import NetworkStatus
from multinet.plan import Outcome, Record
from multinet.report.network_status import network_status
from multinet.state.attachments import Attachments

SHORTEST_ID = 6
"""Of a container's id, so much has to be written: a pod may be called "a"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Journal:
    """``damaged``: files of records that can't be read."""

    records: tuple[Record, ...]
    damaged: tuple[Path, ...]

    @classmethod
    def read(cls, state_dir: Path) -> Journal:
        """Raises IOFailure."""
        found, damaged = Attachments(state_dir).look()
        found.sort(key=lambda record: (name_of(record), record.plan.ifname))
        return cls(records=tuple(found), damaged=tuple(damaged))

    def of(self, name: str) -> list[Record]:
        """The sandboxes of ``namespace/name``, of a pod ``name``, or of a container by the beginning of its id: a
        pod may have an old and a new one. Raises InvalidConfig for none, and for several pods.
        """
        found = [record for record in self.records if _means(name, record)]
        if not found:
            known = {name_of(one) for one in self.records} | {_pod_name(one) for one in self.records}
            close = nearest(name, sorted(known))
            raise InvalidConfig(
                f"nothing of {name} is on record on this node",
                hint=f"did you mean {close}?" if close else "`multinet ls pods` lists what is",
            )
        several = sorted({name_of(record) for record in found})
        if len(several) > 1:
            raise InvalidConfig(f"{name} may be {' or '.join(several)}", hint="write the namespace too")
        return found


def name_of(record: Record) -> str:
    """``namespace/name``, or the id of a container that is of no pod."""
    return str(record.plan.pod) if record.plan.pod else record.plan.container_id


def told(record: Record) -> tuple[NetworkStatus, ...]:
    """What each interface is of, as network-status has it; of an ADD that did not end, nothing is known."""
    return network_status(
        [
            Outcome(attachment=one, result=record.results[one.ifname])
            for one in record.plan.attachments
            if one.ifname in record.results
        ]
    )


def _means(name: str, record: Record) -> bool:
    if name in (name_of(record), _pod_name(record)):
        return True
    return len(name) >= SHORTEST_ID and record.plan.container_id.startswith(name)


def _pod_name(record: Record) -> str:
    return record.plan.pod.name if record.plan.pod else ""
