"""The status page of a real agent with real pods, in a real browser."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.daemon.conftest import shim as shim
from tests.daemon.page.conftest import ADDRESS, ANNOTATION, PORT, Shop
from tests.support.browser import REBOUND, Browser, Page

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

PAGE = f"http://{ADDRESS}/"
WIDE, NARROW = 1280, 390
"""Of a desk's screen and a telephone's, in CSS pixels."""
BLANK_BYTES = 20_000
"""More than a blank page's picture takes (7,000), and less than one of this with its letters (60,000)."""


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """Three pods with four networks between them, and two that failed."""
    shop.add("web-0", "storage,lan")
    shop.add("web-1", "storage@data0")
    shop.add("plain")
    shop.node.call("ADD", shop.pod("lost", "no-such-network")).error()
    shop.node.call("ADD", shop.pod("thief", f"lan@{ANNOTATION}")).error()
    return shop


def test_the_page_is_whole_and_has_nothing_to_complain_of(busy: Shop, browser: Browser):
    page = browser.open(PAGE)

    assert (page.complaints, page.requests) == ([], [PAGE])
    assert page.ask("document.title") == "node-1 \u00b7 multinet"
    assert page.texts("h1 .badge") == ["ready"]
    assert [text.split("\n") for text in page.texts("h2")] == [
        ["State"],
        ["Attachments", "3 sandboxes"],
        ["Networks"],
        ["Picture"],
        ["Latency", "since the agent began"],
        ["Failures", "among the last 5 requests"],
    ]
    rows = [row.split("\t") for row in page.texts("#attachments tbody tr")]
    assert [(row[0].split("\n")[0], *row[2:4]) for row in rows if row[0].startswith("shop/")] == [
        ("shop/plain", "eth0", "cluster default"),
        ("shop/web-0", "eth0", "cluster default"),
        ("shop/web-1", "eth0", "cluster default"),
    ]
    assert [row[:2] for row in rows if not row[0].startswith("shop/")] == [
        ["net1", "shop/storage"],
        ["net2", "shop/lan"],
        ["data0", "shop/storage"],
    ]
    assert {row[-1] for row in rows} == {"as made"}
    networks = {row.split("\t")[0]: row.split("\t")[1:8] for row in page.texts("#networks tbody tr")}
    assert networks["shop/lan"] == ["macvlan", "host-local", "1", "1", "192.0.2.1-192.0.2.14", "1", "12"]
    assert [row.split("\t")[:2] for row in page.texts("#latency tbody tr")] == [
        ["ADD", "5"],
        ["bridge ADD", "5"],
        ["host-local ADD", "6"],
        ["macvlan ADD", "1"],
    ]


def test_what_the_owner_of_a_pod_wrote_is_shown_and_not_run(busy: Shop, browser: Browser):
    page = browser.open(PAGE)
    thief, lost = page.texts("#failures tbody tr")

    assert ANNOTATION in thief
    assert "there is no NetworkAttachmentDefinition shop/no-such-network" in lost
    assert "create it, or correct what an annotation of the pod says" in lost
    assert page.ask("document.querySelectorAll('script').length") == 0
    page.go(f"{PAGE}?q=%22%3E%3Cscript%3Edocument.title%3D1%3C/script%3E")
    assert (
        page.ask("document.querySelector('input[type=search]').value")
        == '"><script>document.title=1</script>'
    )
    assert page.ask("document.querySelectorAll('script').length") == 0
    assert page.ask("document.title") == "node-1 \u00b7 multinet"
    assert page.complaints == []


def test_even_a_script_that_came_in_would_not_run(busy: Shop, browser: Browser):
    """What the policy is for."""
    page = browser.open(PAGE)
    page.ask("document.body.innerHTML += `<img src=x onerror='document.title = 1'>`")
    page.ask(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'document.title = 2'}))"
    )

    assert page.ask("document.title") == "node-1 \u00b7 multinet"
    assert "Content Security Policy" in " ".join(page.complaints)


def test_the_picture_shows_the_pods_and_what_they_stand_on(busy: Shop, browser: Browser):
    page = browser.open(PAGE)
    page.look(width=WIDE)
    words = set(page.ask("[...document.querySelectorAll('svg text')].map(one => one.textContent)"))

    assert {"shop/web-0", "shop/web-1", "data0", "br0", "br-storage", "trunk0", "10.10.0.2/24"} < words
    width, height = page.ask(
        "(({width, height}) => [width, height])(document.querySelector('svg').getBoundingClientRect())"
    )
    assert width > 600
    assert height > 300
    # Its own style is let in by the policy: without that every text would be black and 16 pixels high.
    assert page.ask("getComputedStyle(document.querySelector('svg .via')).fontSize") == "10px"


def test_it_fits_wide_and_narrow_screens_in_light_and_dark(busy: Shop, browser: Browser):
    page = browser.open(PAGE)
    grounds = set()
    for dark in (False, True):
        for width in (WIDE, NARROW):
            page.look(width=width, dark=dark)
            assert page.ask("document.documentElement.scrollWidth") <= width
            assert overlapping(page) == []
            assert len(page.screenshot()) > BLANK_BYTES
            grounds.add(page.ask("getComputedStyle(document.body).backgroundColor"))
            assert contrast(page) > 4.5
    assert grounds == {"rgb(245, 246, 248)", "rgb(15, 19, 26)"}


def test_a_filter_is_typed_and_pages_are_renewed_where_that_is_wanted(busy: Shop, browser: Browser):
    page = browser.open(PAGE)
    page.follow(lambda: page.ask("document.querySelector('header a').click()"))
    assert page.ask("document.querySelector('meta[http-equiv=refresh]').content") == "5"
    page.ask("document.querySelector('input[type=search]').value = 'web-1'")
    page.follow(lambda: page.ask("document.querySelector('form button').click()"))

    assert page.ask("location.href") == f"{PAGE}?q=web-1&live=1#attachments"
    assert page.texts("#attachments tbody th b") == ["shop/web-1"]
    assert page.complaints == []


def test_another_name_that_leads_here_is_told_nothing(busy: Shop, browser: Browser):
    """What a page of the web would have to do: its own name, by DNS, for this node."""
    page = browser.open("about:blank")
    page.go(f"http://{REBOUND}:{PORT}/")

    assert page.texts("body") == [f"the status page is not called {REBOUND}:{PORT}: ask for localhost"]


def overlapping(page: Page) -> list[str]:
    """Sections stand below each other."""
    ends = page.ask(
        "[...document.querySelectorAll('section')].map(one => [one.id, one.getBoundingClientRect().top, "
        "one.getBoundingClientRect().bottom])"
    )
    return [before[0] for before, after in pairwise(ends) if before[2] > after[1]]


def contrast(page: Page) -> float:
    """Of letters on paper, as WCAG 2 counts it; 4.5 is what it asks for."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in colour[4:-1].split(", ")]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    paper = luminance(page.ask("getComputedStyle(document.querySelector('section')).backgroundColor"))
    inks = [
        luminance(page.ask(f"getComputedStyle(document.querySelector('{selector}')).color"))
        for selector in ("section", "h2 small", ".good", ".sentence div.bad", ".sentence pre.bad", "a")
    ]
    return min((max(paper, ink) + 0.05) / (min(paper, ink) + 0.05) for ink in inks)
