"""A web page as text that keeps what its tags said: paragraphs, headings (#), lists (-), code (```), tables (|).

Scripts, styles and navigation are left out; what else on a page is boilerplate is for a step to judge, not for a reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

DROPPED: Final = frozenset({"script", "style", "nav", "noscript", "template", "svg", "iframe", "head", "button", "select", "option"})
BLOCKS: Final = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt", "fieldset"),
        *("figcaption", "figure", "footer", "form", "header", "hr", "html", "main", "ol", "p", "section", "summary", "table", "tbody"),
        *("tfoot", "thead", "ul"),
    }
)
_SPACE: Final = re.compile(r"[ \t\n\r\f]+")
_LINES: Final = re.compile(r"\n{3,}")
_DEEP: Final = 400


def text_of(html: str) -> tuple[str, dict[str, Any]]:
    """The page's text, and what its head says: title, lang.

    >>> text_of("<title>T</title><h2>Head</h2><p>a <b>b</b></p><ul><li>x<li>y</ul>")
    ('## Head\\n\\na b\\n\\n- x\\n- y', {'title': 'T'})
    """
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(html)
    told: dict[str, Any] = {}
    title = tree.css_first("title")
    if title is not None and (words := _SPACE.sub(" ", title.text()).strip()):
        told["title"] = words
    root = tree.root
    if root is not None and root.attributes.get("lang"):
        told["lang"] = root.attributes["lang"]
    if tree.body is None:
        return "", told
    made = "".join(_walk(tree.body, 0))
    lines = (line.rstrip() for line in made.split("\n"))
    return _LINES.sub("\n\n", "\n".join(lines)).strip("\n"), told


def _walk(node: Any, depth: int) -> Iterator[str]:
    """Pieces of text below a node. Whitespace at the beginning of a line is left out where pieces are joined."""
    fresh = True
    for child in node.iter(include_text=True):
        for piece in _piece(child, depth):
            if fresh and "\n" not in piece:
                piece = piece.lstrip(" ")
            if piece:
                fresh = piece.endswith("\n")
                yield piece


def _piece(node: Any, depth: int) -> Iterator[str]:
    tag = node.tag
    if tag == "-text":
        yield _SPACE.sub(" ", node.text(deep=False))
    elif tag in DROPPED or tag in ("-comment", "_comment"):
        return
    elif depth > _DEEP:
        yield _SPACE.sub(" ", node.text())
    elif tag == "br":
        yield "\n"
    elif tag == "pre":
        yield f"\n\n```\n{node.text().strip(chr(10))}\n```\n\n"
    elif tag == "code":
        yield f"`{node.text()}`"
    elif tag == "tr":
        cells = ("".join(_walk(cell, depth + 1)) for cell in node.iter() if cell.tag in ("td", "th"))
        yield "\n| " + " | ".join(" ".join(cell.split()) for cell in cells) + " |"
    elif tag == "li":
        inner = "".join(_walk(node, depth + 1)).strip()
        yield "\n- " + re.sub(r"\n+", "\n  ", inner)
    elif len(tag) == 2 and tag[0] == "h" and tag[1] in "123456":
        yield f"\n\n{'#' * int(tag[1])} {' '.join(''.join(_walk(node, depth + 1)).split())}\n\n"
    elif tag in BLOCKS:
        yield "\n\n"
        yield from _walk(node, depth + 1)
        yield "\n\n"
    else:
        yield from _inline(node, depth)


def _inline(node: Any, depth: int) -> Iterator[str]:
    for child in node.iter(include_text=True):
        yield from _piece(child, depth + 1)
