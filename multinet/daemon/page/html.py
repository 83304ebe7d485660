"""HTML out of texts that anybody may have written: what is not ``Html`` by its type is escaped, without exception.

element("td", pod_name, class_="pod")      <td class="pod">&lt;script&gt;...</td>
"""

from __future__ import annotations

import html
import re
from typing import Final

_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""Control characters, halves of characters, and what turns the direction of a line: HTML has no way to write the
first, UTF-8 none for the second, and the third makes a sentence read otherwise than it is."""
VOID: Final = frozenset({"input", "link", "meta"})
"""Elements without an end."""


class Html(str):
    """A text that is HTML, and safe."""

    __slots__ = ()


def text(value: object) -> Html:
    if isinstance(value, Html):
        return value
    return Html(html.escape(_UNPRINTABLE.sub("\ufffd", str(value))))


def element(name: str, /, *inside: object, **attributes: object) -> Html:
    """Names of attributes as Python has them: ``class_``, ``http_equiv``. One that is None is left out."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Html(f"<{name}{said}>")
    return Html(f"<{name}{said}>{joined(*inside)}</{name}>")


def joined(*parts: object) -> Html:
    return Html("".join(map(text, parts)))
