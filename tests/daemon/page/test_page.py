"""What the page tells of a journal and a kernel, without an agent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from multinet.daemon.history import Happened
from multinet.daemon.page import gather as gathering
from multinet.daemon.page.document import document
from multinet.daemon.page.facts import Asked, Attachments, Mood, Networks, Unseen
from multinet.daemon.page.gather import gather
from multinet.timing import Trace
from tests.cli.settings_of_a_node import NodeFiles
from tests.daemon.page.conftest import sources_of
from tests.daemon.page.test_html import Read
from tests.support.netns import Netns

pytestmark = pytest.mark.kernel
OWNED = "<img src=x onerror=alert(1)>"


@pytest.fixture
def node(tmp_path: Path) -> NodeFiles:
    made = NodeFiles(folder=tmp_path)
    made.write()
    return made


def many(node: NodeFiles, pod: Netns, number: int) -> None:
    for at in range(number):
        node.record(f"shop/web-{at:03}", f"container-{at:03}", pod.path)


def shown(attachments: object) -> Sequence[str]:
    assert isinstance(attachments, Attachments)
    return [one.pod.name for one, _ in attachments.shown]


def test_thousands_are_told_page_by_page(node: NodeFiles, pod: Netns, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gathering, "SANDBOXES", 3)
    many(node, pod, 7)
    sources = sources_of(node.folder)
    pages = [gather(sources, Asked(page=page)).attachments for page in (1, 2, 3, 9)]

    assert list(map(shown, pages)) == [
        ["web-000", "web-001", "web-002"],
        ["web-003", "web-004", "web-005"],
        ["web-006"],
        ["web-006"],
    ]
    assert {
        (one.page, one.pages, one.matching, one.all) for one in pages if isinstance(one, Attachments)
    } == {
        (1, 3, 7, 7),
        (2, 3, 7, 7),
        (3, 3, 7, 7),
    }
    said = document(gather(sources, Asked(page=2, words="web"))).decode()
    hrefs = [tags["href"] for tag, tags in Read(said).tags if tag == "a" and "rel" in tags]
    assert hrefs == ["/?q=web#attachments", "/?q=web&page=3#attachments"]


def test_the_page_stays_small_however_many_there_are(node: NodeFiles, pod: Netns):
    many(node, pod, 120)
    page = document(gather(sources_of(node.folder, definitions=[f"a/{n}" for n in range(10_000)]), Asked()))

    assert len(page) < 150_000
    assert "9,950 more".replace(",", "\u202f") in page.decode()
    assert "the first 8 of 120" in page.decode()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("WEB-001", ["web-001"]),
        ("shop/", ["web-000", "web-001", "web-002"]),
        ("container-002", ["web-002"]),
        ("10.244.0.2", ["web-000", "web-001", "web-002"]),
        ("nothing", []),
    ],
)
def test_a_filter_looks_at_names_addresses_and_ids(node: NodeFiles, pod: Netns, words: str, found: list[str]):
    many(node, pod, 3)
    facts = gather(sources_of(node.folder), Asked(words=words))

    assert shown(facts.attachments) == found
    assert ("No sandbox matches." in document(facts).decode()) == (not found)


def test_what_the_kernel_has_stands_beside_what_is_on_record(node: NodeFiles, pod: Netns):
    node.record("shop/web-0", "container-0", pod.path, mac="02:00:00:00:00:01")
    node.record("shop/web-1", "container-1", "/run/netns/gone")
    node.record("shop/web-2", "container-2", pod.path, finished=False)
    said = Read(document(gather(sources_of(node.folder), Asked())).decode()).said

    for words in (
        "the interface is gone",
        "the namespace is gone",
        "its ADD runs, or did not end: DEL clears it, or the agent once its namespace is gone",
        "02:00:00:00:00:01",
        "10.244.0.2/28",
    ):
        assert words in said


def test_networks_have_their_pools_and_so_have_pools_that_nobody_configures(node: NodeFiles, pod: Netns):
    node.record("shop/web-0", "container-0", pod.path)
    node.give("pods", "10.244.0.2", "container-0\r\neth0")
    node.give("pods", "10.244.0.3", "container-9\r\neth0")
    node.give("old", "10.9.0.2", "container-8\r\neth0")
    networks = gather(sources_of(node.folder, definitions=["shop/lan"]), Asked()).networks

    assert isinstance(networks, Networks)
    told = [
        (one.network.name, one.network.pods, [(s.used, s.free) for p in one.pools for s in p.stretches])
        for one in networks.shown
    ]
    assert told == [("pods", 1, [(2, 11)]), ("old", 0, [])]
    assert (networks.unused, networks.all_unused) == (["shop/lan"], 1)


def test_a_journal_that_can_not_be_read_takes_nothing_else_away(node: NodeFiles):
    (node.folder / "state").mkdir()
    (node.folder / "state" / "sandboxes").write_text("a file")
    facts = gather(sources_of(node.folder), Asked())

    assert isinstance(facts.attachments, Unseen)
    assert isinstance(facts.picture, Unseen)
    page = document(facts).decode()
    assert facts.attachments.why in Read(page).said
    assert "Running for" in page


def test_damaged_records_are_told(node: NodeFiles, pod: Netns):
    many(node, pod, 1)
    (node.folder / "state" / "sandboxes" / "container-9@eth0.json").write_text("{")

    said = Read(document(gather(sources_of(node.folder), Asked())).decode()).said
    assert "1 records can't be read; copies are in stateDir/damaged" in said


def test_whatever_somebody_wrote_is_a_text_on_the_page(node: NodeFiles, pod: Netns):
    sources = sources_of(node.folder, checks={"cluster": lambda: OWNED}, definitions=[OWNED], name=OWNED)
    node.record(f"{OWNED}/a", "container-0", pod.path)
    file = next((node.folder / "state" / "sandboxes").iterdir())
    record = json.loads(file.read_text())
    text = json.dumps(record).replace('"pods"', json.dumps(OWNED))
    file.write_text(text)
    line = {"verb": "ADD", "request": OWNED, "pod": OWNED, "code": 7, "error": f"{OWNED}\n{OWNED} ({OWNED})"}
    sources.history.note({**line, "details": OWNED, "left": [OWNED]}, Trace())
    sources.metrics.delegate(OWNED, "ADD", 0.1)
    read = Read(document(gather(sources, Asked(words="onerror"))).decode())

    assert "img" not in {tag for tag, _ in read.tags}
    assert not [tags for _, tags in read.tags if "onerror" in tags]
    assert read.said.count(OWNED) > 8


def test_what_is_missing_and_what_failed_is_said_first_hand(node: NodeFiles):
    sources = sources_of(node.folder, checks={"cluster": lambda: "not known yet", "socket": lambda: ""})
    sources.history.note({"verb": "ADD", "request": "4acf0e1e", "pod": "shop/web-0", "code": 0}, Trace())
    line = {"verb": "ADD", "request": "9e161bfb", "pod": "shop/web-1", "code": 11}
    sources.history.note({**line, "error": "no addresses left (free some)"}, Trace())
    facts = gather(sources, Asked())

    assert facts.missing == ["cluster: not known yet"]
    assert [(one.pod, one.request) for one in facts.failures] == [("shop/web-1", "9e161bfb")]
    assert facts.remembered == 2
    said = Read(document(facts).decode()).said
    for words in ("not ready", "cluster: not known yet", "no addresses left", "free some", "9e161bfb"):
        assert words in said
    assert "4acf0e1e" not in said


def test_the_state_of_caches_is_told_and_marked(node: NodeFiles):
    from multinet.daemon import metrics as known

    sources = sources_of(node.folder)
    for watched, value in ((known.CACHE_OBJECTS, 3), (known.CACHE_AGE, 500.0), (known.CACHE_IN_SYNC, True)):
        sources.metrics.watch(watched, lambda value=value: value, cache="pods")  # type: ignore[misc]
    sources.metrics.watch(known.LEFTOVERS, lambda: 2)
    lines = {one.name: one for one in gather(sources, Asked()).state}

    assert lines["This node's pods"].says == "3, in sync, heard 500 s ago"
    assert lines["This node's pods"].mood is Mood.WARNING
    assert (lines["Leftovers"].says, lines["Leftovers"].mood) == ("2", Mood.WARNING)
    assert lines["Cluster's own network"].mood is Mood.BAD  # nobody has looked for it


def test_only_failures_of_late_are_told(node: NodeFiles):
    sources = sources_of(node.folder)
    for number in range(gathering.FAILURES + 5):
        sources.history.note({"verb": "ADD", "request": f"{number}", "code": 7, "error": "no"}, Trace())
    told: Sequence[Happened] = gather(sources, Asked()).failures

    assert [one.request for one in told] == [str(number) for number in range(24, 4, -1)]
    assert replace(told[0], code=0).failed is False
