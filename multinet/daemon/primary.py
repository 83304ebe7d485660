"""The cluster's own network, found and followed; and our file in the runtime's folder, kept.

The folder is looked at every second: a listing and the files' times cost some microseconds, miss nothing, and
work on every file system. What was once read and found good is kept until something better is there:

    the file's content changed      the new one, as soon as it is whole
    it can't be read                the last good one, and the problem is told
    it has gone                     the last good one: agents replace their file by removing it first. Only
                                    when it stays away (GONE_SECONDS), another file that is there takes its place
    an earlier name appeared        that one, as the runtime would

The last good one is also on disk, for an agent that is restarted while the file is away; after a reboot it
counts no more, since then a missing file says that the network is not up yet.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final

from multinet import damaged, files, log
from multinet.cni import jsonkeys
from multinet.cni.netconf import NetConfList
from multinet.config import Settings
from multinet.config.agent import CONF_SUFFIXES
from multinet.daemon import conflist, confsearch, leaving
from multinet.daemon.conflist import Conflist
from multinet.daemon.confsearch import Choice, Listing
from multinet.errors import IOFailure, MultinetError, NotAvailable

POLL_SECONDS: Final = 1.0
"""Pods that start in the second after a change get what was there before it, as they would have a second ago."""

GONE_SECONDS: Final = 30.0
"""Longer than an agent takes to replace its file by removing it first, and to be restarted meanwhile."""

SAVED: Final = "primary.json"
"""The last good one, in ``stateDir``."""

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

CRI_CAPABILITIES: Final = frozenset({"bandwidth", "dns", "portMappings"})
"""Declared where the first network is a definition: its configuration is the API server's to tell and may change,
and these are what a runtime has to tell of a pod. A plugin is told what it declares itself, no more."""

AGENT_HINT: Final = "look at the pods of the cluster's own network on this node"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where to look. ``pinned``: the only name that counts."""

    folder: Path
    pinned: str = ""

    def has(self, path: Path) -> bool:
        return path.parent == self.folder and self.pinned in ("", path.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Good:
    conflist: NetConfList
    path: Path | None = None
    """None: it stands in the settings."""


class Primary:
    """From ``start`` to ``stop`` it follows; from ``serve`` on it keeps our file, too.

    ``on_problem`` is called with each new problem, on the thread that found it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_problem: Callable[[str], None] = lambda problem: None,
        seconds: float = POLL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._on_problem = on_problem
        self._seconds = seconds
        self._clock = clock
        self._boot_id = BOOT_ID.read_text(encoding="ascii").strip()
        self._conflist = Conflist(settings.agent, clock)
        self._good: Good | None = None
        self._gone_since: float | None = None
        self._listing: Listing | None = None
        self._choice = Choice()
        self._passed_over: tuple[str, ...] = ()
        self._search_problem = "the cluster's own network has not been looked for yet"
        self._file_problem = ""
        self._serving = False
        self._poll = Lock()
        self._ended = Event()
        self._thread: Thread | None = None

    # --- for those who serve ---

    def current(self) -> NetConfList:
        """The last good one. Raises NotAvailable with the reason."""
        if (good := self._good) is None:
            raise NotAvailable(self._search_problem, hint=AGENT_HINT)
        return good.conflist

    @property
    def path(self) -> Path | None:
        """The file it was found in; None where the settings hold it or name a definition."""
        return self._good.path if self._good else None

    @property
    def missing(self) -> str:
        """Why no pod can be given its first network, "" when it can."""
        return "" if self._good or is_definition(self._settings) else self._search_problem

    @property
    def problem(self) -> str:
        """What a person should look at, "" when there is nothing; pods may be served all the same."""
        return "; ".join(filter(None, (self._search_problem, self._file_problem, self._conflist.problem)))

    @property
    def lost(self) -> int:
        """How often somebody else took our file away or changed it."""
        return self._conflist.lost

    # --- for the composition root ---

    def start(self) -> None:
        """Look once, then every second. A problem is no reason not to start."""
        self._recall()
        self.poll()
        self._thread = Thread(target=self._run, name="primary", daemon=True)
        self._thread.start()

    def serve(self) -> None:
        """An ADD can be served from now on: our file is written, and kept."""
        self._serving = True
        self.poll()

    def renew(self, settings: Settings) -> None:
        """Take over settings that have changed; where our file is and what it is called does not change."""
        with self._poll:
            self._settings = settings
            self._listing = None
        self.poll()

    def stop(self) -> None:
        """Our file stays: a restart is no uninstall."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def poll(self) -> None:
        """One look at everything."""
        with self._poll:
            was, lost = self.problem, ""
            try:
                self._follow()
            except MultinetError as error:
                self._search_problem = str(error)
            try:
                self._file_problem = self._outranked()
                lost = self._keep()
            except MultinetError as error:
                self._file_problem = str(error)
            now = self.problem
        news = [lost] if lost not in now else []
        if now and now != was:
            news.append(now)
        for problem in news:
            log.warn("primary network", problem=problem)
            self._on_problem(problem)

    # --- following ---

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            try:
                self.poll()
            except Exception as error:
                # A defect: the next look may do better, and without this thread nobody would look again.
                log.warn("primary network could not be looked at", error=repr(error))

    def _follow(self) -> None:
        settings = self._settings
        if is_inline(settings):
            self._good, self._search_problem = Good(conflist=NetConfList.of(settings.delegates[0])), ""
            return
        if is_definition(settings):
            self._good, self._search_problem = None, ""
            return
        place = place_of(settings)
        listing = confsearch.look(place.folder, also=place.pinned)
        if listing != self._listing or not listing.settled:
            self._choice = confsearch.choose(
                place.folder, listing.names(), pinned=place.pinned, own=settings.agent.conflist_name
            )
            self._listing = listing
            self._tell_passed_over(self._choice)
        self._search_problem = self._take(self._choice, place, listing)

    def _take(self, choice: Choice, place: Place, listing: Listing) -> str:
        """Make the choice the good one, or say why not."""
        good = self._good
        last = good.path if good else None
        gone = last is not None and place.has(last) and last.name not in listing.names()
        self._gone_since = (self._gone_since or self._clock()) if gone else None
        if choice.path is None or choice.conflist is None:
            return f"{choice.problem}; {last} is used as it was" if last else choice.problem
        if (
            last is not None
            and self._gone_since is not None
            and choice.path.name > last.name
            and self._clock() - self._gone_since < GONE_SECONDS
        ):
            return f"{last} has gone; it is used as it was, until {choice.path.name} takes its place"
        taken = Good(path=choice.path, conflist=choice.conflist)
        if taken != good:
            self._good = taken
            self._save(choice.path, choice.conflist)
            log.info("primary network taken", file=str(choice.path), network=choice.conflist.name)
        return ""

    def _tell_passed_over(self, choice: Choice) -> None:
        if choice.passed_over != self._passed_over:
            self._passed_over = choice.passed_over
            if choice.passed_over:
                log.info("files of other meta plugins are passed over", files=list(choice.passed_over))

    # --- our file ---

    def _keep(self) -> str:
        """Returns what others did to our file."""
        if leaving.begun(self._settings.state_dir):
            if self._conflist.withdraw():
                log.info(
                    "this node is being left: new pods get no further networks", file=str(self._conflist.path)
                )
            return ""
        if not self._serving or self.missing:
            return ""
        ready = self._settings.readiness_indicator_file
        if ready is not None and not self._conflist.begun and not ready.exists():
            return ""  # the first time; later, a verb says that the network is not ready
        first = self._good.conflist.capabilities() if self._good else CRI_CAPABILITIES
        return self._conflist.keep(conflist.content(self._settings.agent, first))

    def _outranked(self) -> str:
        ours = self._conflist.path
        if name := conflist.before(ours, CONF_SUFFIXES):
            return (
                f"{ours.parent / name} comes before {ours.name}: the runtime uses it, and pods get no further "
                "networks"
            )
        return ""

    # --- the copy on disk ---

    def _save(self, path: Path, found: NetConfList) -> None:
        said = {"bootId": self._boot_id, "file": str(path), "conflist": found.to_dict()}
        try:
            files.make_dirs(self._settings.state_dir, mode=0o700)
            files.write_atomic(self._settings.state_dir / SAVED, json.dumps(said).encode())
        except MultinetError as error:
            log.warn("primary network could not be saved", error=str(error))

    def _recall(self) -> None:
        """What the agent before us found, on this boot and in the same place."""
        if is_definition(self._settings) or is_inline(self._settings):
            return
        file = self._settings.state_dir / SAVED
        try:
            data = files.read(file)
        except IOFailure:
            return  # there is none: what is in the folder counts
        try:
            said = jsonkeys.load(data)
            path, found = Path(said["file"]), NetConfList.of(said["conflist"])
        except (KeyError, TypeError, AttributeError, MultinetError) as error:
            damaged.put_aside(file, data, f"the saved primary network is damaged: {error}")
            return
        if said.get("bootId") == self._boot_id and place_of(self._settings).has(path):
            self._good = Good(path=path, conflist=found)


def is_inline(settings: Settings) -> bool:
    """Do the settings hold it? ``clusterNetwork`` wins over ``delegates``."""
    return bool(settings.delegates) and not settings.cluster_network


def is_definition(settings: Settings) -> bool:
    """Does ``clusterNetwork`` give a name, of a definition or of a configuration in ``confDir``?"""
    return bool(settings.cluster_network) and "/" not in settings.cluster_network


def place_of(settings: Settings) -> Place:
    """The path that ``clusterNetwork`` gives, else the runtime's own folder."""
    if settings.cluster_network:
        path = Path(settings.cluster_network)
        return Place(folder=path) if path.is_dir() else Place(folder=path.parent, pinned=path.name)
    agent = settings.agent
    return Place(folder=agent.primary_dir or agent.cni_conf_dir, pinned=agent.primary)
