"""The tables of the page: a body a thing, its rows below one heading cell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from multinet.daemon.history import Happened
from multinet.daemon.latency import Latency
from multinet.daemon.page.facts import Mood, NetworkLine
from multinet.daemon.page.html import Html, element, joined
from multinet.daemon.page.text import age, duration, many, moment, split
from multinet.npwg.status import NetworkStatus
from multinet.view.attached import Network
from multinet.view.sandboxes import Sandbox

SHORT_ID: Final = 12
"""Of a container's id, about as much as `crictl ps` shows."""


def table(headings: Sequence[str], *bodies: object) -> Html:
    head = element("thead", element("tr", *(element("th", one, scope="col") for one in headings)))
    return element("div", element("table", head, *bodies), class_="scroll", tabindex="0")


def sandboxes(shown: Iterable[tuple[Sandbox, float | None]], now: float) -> Html:
    headings = ("Pod", "Age", "Interface", "Network", "Addresses", "MAC", "Made by", "On the node", "Kernel")
    return table(headings, *(_sandbox(one, written, now) for one, written in shown))


def networks(lines: Iterable[NetworkLine]) -> Html:
    headings = ("Network", "Plugins", "IPAM", "Sandboxes", "Interfaces", "Range", "Used", "Free", "")
    return table(headings, *(_network(one) for one in lines))


def latencies(what: str, several: Sequence[Latency]) -> Html:
    rows = [
        _row(
            element("b", " ".join(one.of)),
            _number(one.count),
            *(_number(duration(each)) for each in one.seconds),
        )
        for one in several
    ]
    return table((what, "Times", "p50", "p90", "p99"), element("tbody", *rows))


def failures(several: Sequence[Happened], now: float) -> Html:
    return table(
        ("When", "Verb", "Pod", "What, and what next", "Request"), *(_failure(one, now) for one in several)
    )


def _sandbox(one: Sandbox, written: float | None, now: float) -> Html:
    rows = list(_interfaces(one)) or [("", "", "", "", "", "", _mood(one.says, Mood.WARNING))]
    pod = joined(
        element("b", one.pod), element("code", one.pod.container_id[:SHORT_ID], title=one.pod.container_id)
    )
    since = element("span", age(now - written), title=f"{moment(written)} UTC") if written else ""
    over = len(rows) if len(rows) > 1 else None
    heads = element("th", pod, scope="rowgroup", rowspan=over), element("td", since, rowspan=over)
    first, *others = (joined(*(element("td", cell) for cell in row)) for row in rows)
    return element("tbody", element("tr", *heads, first), *(element("tr", other) for other in others))


def _interfaces(one: Sandbox) -> Iterator[tuple[object, ...]]:
    """What is on record of each, and beside it what the kernel has; then what only the kernel has."""
    links = {link.name: link for link in one.interfaces}
    differs: dict[str, list[Html]] = {}
    for each in one.differences:
        mood = Mood.BAD if each.wrong else Mood.WARNING
        differs.setdefault(each.interface, []).append(element("div", _mood(each.says, mood)))
    for entry in one.pod.interfaces:
        if one.gone:
            kernel: object = _mood("the namespace is gone", Mood.BAD)
        else:
            kernel = joined(*differs.pop(entry.interface, [_mood("as made", Mood.GOOD)]))
        link = links.get(entry.interface)
        stands = " on ".join(filter(None, [link.host, link.bridge])) if link else ""
        yield *_told(entry), stands, kernel
    for name, says in differs.items():
        yield element("code", name), "", "", "", "", "", joined(*says)


def _told(entry: NetworkStatus) -> tuple[object, ...]:
    return (
        element("code", entry.interface),
        joined(entry.name, element("small", " default") if entry.default else ""),
        joined(*(element("div", element("code", one)) for one in entry.ips)),
        element("code", entry.mac) if entry.mac else "",
        ", ".join(entry.plugins),
    )


def _network(line: NetworkLine) -> Html:
    one = line.network
    ranges: list[tuple[object, ...]] = [
        (
            element("code", stretch),
            _number(many(stretch.used)),
            _free(stretch.free),
            _share(stretch.used, stretch.size),
        )
        for pool in line.pools
        for stretch in pool.stretches
    ]
    ranges += [
        ("not known", _number(many(len(pool.held))), "", "") for pool in line.pools if not pool.stretches
    ]
    first, *others = ranges or [("", "", "", "")]
    over = len(ranges) if others else None
    heads = (
        element("th", _name(one), scope="rowgroup", rowspan=over),
        *(
            element("td", cell, rowspan=over)
            for cell in (
                ", ".join(one.plugins),
                one.ipam,
                _number(many(one.pods)),
                _number(many(one.interfaces)),
            )
        ),
    )
    return element(
        "tbody", element("tr", *heads, *_cells(first)), *(element("tr", *_cells(each)) for each in others)
    )


def _name(one: Network) -> Html:
    return joined(one.name, element("small", f" {one.resource}") if one.resource else "")


def _failure(one: Happened, now: float) -> Html:
    says, after = split(one.error)
    # Of a sentence with a caret under the place, the letters must stand below each other.
    what = [
        element("pre" if "\n" in says else "div", says, class_="bad"),
        element("div", after) if after else "",
    ]
    what += [element("small", each) for each in (one.details, *one.left) if each]
    when = element("span", age(now - one.at), title=f"{moment(one.at)} UTC")
    verb = joined(one.verb, element("small", f" code {one.code}"))
    pod = one.pod or element("code", one.container[:SHORT_ID])
    cells = element("td", verb), element("td", pod), element("td", *what, class_="sentence")
    request = element("td", element("code", one.request))
    return element("tbody", element("tr", element("th", when, scope="row"), *cells, request))


def _row(head: object, *cells: object) -> Html:
    return element("tr", element("th", head, scope="row"), *_cells(cells))


def _cells(cells: Iterable[object]) -> list[Html]:
    return [element("td", cell) for cell in cells]


def _number(told: object) -> Html:
    return element("span", told, class_="number")


def _free(number: int) -> Html:
    return element("span", many(number), class_="number" if number else "number bad")


def _share(used: int, size: int) -> Html:
    return element("meter", value=used, max=max(size, 1), title=f"{used} of {size}")


def _mood(says: object, mood: Mood) -> Html:
    return element("span", says, class_=mood)
