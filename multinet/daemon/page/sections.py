"""The parts of the page, each from its facts."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from multinet.daemon.page import tables
from multinet.daemon.page.facts import Asked, Facts, Line, Mood, Unseen
from multinet.daemon.page.html import Html, element
from multinet.daemon.page.text import many
from multinet.view import svg

SECTIONS: Final = ("State", "Attachments", "Networks", "Picture", "Latency", "Failures")


def state(facts: Facts) -> Html:
    lines = [Line(name="Not ready", says=why, mood=Mood.BAD) for why in facts.missing]
    lines += facts.state
    cells = [
        element("div", element("dt", one.name), element("dd", one.says, class_=one.mood)) for one in lines
    ]
    return _section("State", element("dl", *cells))


def attachments(facts: Facts) -> Html:
    seen = facts.attachments
    if isinstance(seen, Unseen):
        return _section("Attachments", _unseen(seen))
    of = "" if seen.matching == seen.all else f"{many(seen.matching)} of "
    parts = [_filter(facts.asked)]
    if seen.damaged:
        parts.append(
            element(
                "p", f"{seen.damaged} records can't be read; copies are in stateDir/damaged", class_="bad"
            )
        )
    if seen.shown:
        parts += [tables.sandboxes(seen.shown, facts.at), _pages(facts.asked, seen.page, seen.pages)]
    else:
        parts.append(_nothing("No sandbox matches." if seen.all else "No sandbox is on record."))
    return _section("Attachments", *parts, note=f"{of}{many(seen.all)} sandboxes")


def networks(facts: Facts) -> Html:
    seen = facts.networks
    if isinstance(seen, Unseen):
        return _section("Networks", _unseen(seen))
    parts = [tables.networks(seen.shown)] if seen.shown else [_nothing("No network is in use.")]
    if seen.more:
        parts.append(_nothing(f"and {many(seen.more)} more, which `multinet ls networks` lists"))
    if seen.unused:
        more = seen.all_unused - len(seen.unused)
        names = ", ".join(seen.unused) + (f" and {many(more)} more" if more else "")
        summary = element("summary", f"{many(seen.all_unused)} definitions that no sandbox here has")
        parts.append(element("details", summary, element("p", names)))
    return _section("Networks", *parts)


def picture(facts: Facts) -> Html:
    seen = facts.picture
    if isinstance(seen, Unseen):
        return _section("Picture", _unseen(seen))
    drawing = element("div", Html(svg.inline(seen.topology)), class_="scroll drawing", tabindex="0")
    note = f"the first {seen.pods} of {many(seen.of)}" if seen.pods < seen.of else ""
    return _section("Picture", drawing, note=note)


def latency(facts: Facts) -> Html:
    if not facts.verbs and not facts.delegates:
        return _section("Latency", _nothing("Nothing has been asked for since the agent began."))
    both = [
        tables.latencies(name, several)
        for name, several in (("Verb", facts.verbs), ("Delegate", facts.delegates))
        if several
    ]
    return _section("Latency", element("div", *both, class_="beside"), note="since the agent began")


def failures(facts: Facts) -> Html:
    note = f"among the last {facts.remembered} requests"
    if not facts.failures:
        return _section("Failures", _nothing("None."), note=note)
    return _section("Failures", tables.failures(facts.failures, facts.at), note=note)


def address(asked: Asked, *, page: int = 1, live: bool | None = None) -> str:
    """Of another look at the same."""
    said = {"q": asked.words, "page": str(page) if page > 1 else ""}
    said["live"] = "1" if (asked.live if live is None else live) else ""
    query = urlencode({key: value for key, value in said.items() if value})
    return f"/?{query}" if query else "/"


def _section(name: str, *inside: object, note: str = "") -> Html:
    heading = element("h2", name, element("small", note) if note else "")
    return element("section", heading, *inside, id=name.lower())


def _filter(asked: Asked) -> Html:
    field = element(
        "input", type="search", name="q", value=asked.words, maxlength=100,
        placeholder="pod, network, address, MAC or container", aria_label="Show only what has this in it",
    )  # fmt: skip
    kept = element("input", type="hidden", name="live", value="1") if asked.live else ""
    return element("form", field, kept, element("button", "Filter"), method="get", action="/#attachments")


def _pages(asked: Asked, page: int, pages: int) -> Html:
    if pages == 1:
        return Html()
    parts: list[object] = []
    if page > 1:
        parts.append(
            element("a", "previous", href=f"{address(asked, page=page - 1)}#attachments", rel="prev")
        )
    parts.append(element("span", f"page {page} of {pages}"))
    if page < pages:
        parts.append(element("a", "next", href=f"{address(asked, page=page + 1)}#attachments", rel="next"))
    return element("nav", *parts, class_="pages", aria_label="Pages")


def _unseen(seen: Unseen) -> Html:
    return element("p", seen.why, class_="bad")


def _nothing(says: str) -> Html:
    return element("p", says, class_="nothing")
