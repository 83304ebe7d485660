"""What anybody wrote stays a text, whatever it looks like."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multinet.daemon.page.html import Html, element, joined, text


class Read(HTMLParser):
    """What a browser would take it for."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said += data


PRINTABLE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf")))


@given(PRINTABLE, PRINTABLE)
def test_a_text_and_an_attribute_are_read_as_they_were_written(inside: str, title: str):
    read = Read(element("p", inside, title=title))

    assert (read.tags, read.said) == ([("p", {"title": title})], inside)


def test_only_what_is_html_by_its_type_is_html():
    assert element("p", "<b>", Html("<b>"), 7) == "<p>&lt;b&gt;<b>7</p>"
    assert joined("&", element("i", "&")) == "&amp;<i>&amp;</i>"


def test_attributes_have_the_names_of_html_and_none_is_none():
    made = element("meta", http_equiv="refresh", content=5, class_="a b", id=None)

    assert made == '<meta http-equiv="refresh" content="5" class="a b">'


@pytest.mark.parametrize("char", ["\0", "\x1b", "\x7f", "\u202e", "\u2066", "\ud800"])
def test_what_can_not_be_shown_or_turns_a_line_around_is_shown_as_such(char: str):
    assert text(f"a{char}b") == "a\ufffdb"
    assert text("a\n\tb") == "a\n\tb"
