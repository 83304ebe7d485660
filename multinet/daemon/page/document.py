"""The whole page: one file that needs nothing else, so that it can be kept as it was and sent to somebody."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

from multinet.daemon.page import sections
from multinet.daemon.page.facts import Facts
from multinet.daemon.page.html import Html, element
from multinet.daemon.page.text import moment
from multinet.view import svg

LIVE_SECONDS: Final = 5
PARTS: Final = (
    sections.state,
    sections.attachments,
    sections.networks,
    sections.picture,
    sections.latency,
    sections.failures,
)


def document(facts: Facts) -> bytes:
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", http_equiv="refresh", content=LIVE_SECONDS) if facts.asked.live else "",
        element("title", f"{facts.node} · multinet"),
        # Nobody is asked for a picture of the page.
        element("link", rel="icon", href="data:,"),
        element("style", Html(style())),
    )
    body = element("body", _header(facts), element("main", *(part(facts) for part in PARTS)))
    return f'<!DOCTYPE html>\n<html lang="en">{head}{body}</html>\n'.encode()


def headers() -> Mapping[str, str]:
    """Nothing of the page is run, and nothing is fetched for it; nobody else's page may hold it, or read it."""
    styles = " ".join(f"'sha256-{_digest(one)}'" for one in (style(), svg.styles(dark=True)))
    policy = {
        "default-src": "'none'",
        "style-src": styles,
        "img-src": "data:",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{key} {value}" for key, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


@cache
def style() -> str:
    return (files(__package__) / "style.css").read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()


def _header(facts: Facts) -> Html:
    ready = element(
        "span",
        "not ready" if facts.missing else "ready",
        class_="badge bad" if facts.missing else "badge good",
    )
    live = facts.asked.live
    words = f"stop renewing every {LIVE_SECONDS} s" if live else f"renew every {LIVE_SECONDS} s"
    renew = element("a", words, href=sections.address(facts.asked, live=not live))
    return element(
        "header",
        element("h1", facts.node, ready),
        element("p", f"multinet {facts.version} · {moment(facts.at)} UTC · ", renew),
        element(
            "nav",
            *(element("a", name, href=f"#{name.lower()}") for name in sections.SECTIONS),
            aria_label="Sections",
        ),
    )
