"""The installed delegates and a configuration for each: a file for each, by its type's name.

SUBJECT                    what is tried
BROKEN_BY_THE_REFERENCE    the promises that the reference's program does not keep (none: leave it out);
                           PROMISES, which are all, for a type of which the reference has no program
"""

from __future__ import annotations

from typing import Any

from tests.delegate.conformance import Promise, Subject
from tests.support import gather

HOST_LOCAL: dict[str, Any] = {
    "type": "host-local",
    "dataDir": "FOLDER/ipam",
    "ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd01:2::/64"}]],
}

_MODULES = tuple(gather.modules(__name__))

SUBJECTS: dict[str, Subject] = {module.SUBJECT.type: module.SUBJECT for module in _MODULES}

BROKEN_BY_THE_REFERENCE: frozenset[tuple[str, Promise]] = frozenset(
    (module.SUBJECT.type, promise)
    for module in _MODULES
    for promise in getattr(module, "BROKEN_BY_THE_REFERENCE", ())
)
