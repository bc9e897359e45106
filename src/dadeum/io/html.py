"""A web page as text that keeps what its tags said: paragraphs, headings (#), lists (-), code (```), tables (|), formulas ($).

Scripts, styles and navigation are left out; what else on a page is not what it is about only where a source asks for `content: main`
(article.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from dadeum.io import article

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


def text_of(html: str, main: bool = False) -> tuple[str, dict[str, Any]]:
    """The page's text, and what it says of itself: title, lang, date, licence. main: of what the page is about alone.

    >>> text_of("<title>T</title><h2>Head</h2><p>a <b>b</b></p><ul><li>x<li>y</ul>")
    ('## Head\\n\\na b\\n\\n- x\\n- y', {'title': 'T'})
    """
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(html)
    told = _told(tree)
    if tree.body is None:
        return "", told
    made = "".join(_walk(article.main(tree) if main else tree.body, 0))
    lines = (line.rstrip() for line in made.split("\n"))
    return _LINES.sub("\n\n", "\n".join(lines)).strip("\n"), told


def _told(tree: Any) -> dict[str, Any]:
    told: dict[str, Any] = {}
    title = tree.css_first("title")
    if title is not None and (words := _SPACE.sub(" ", title.text()).strip()):
        told["title"] = words
    root = tree.root
    if root is not None and root.attributes.get("lang"):
        told["lang"] = root.attributes["lang"]
    date = tree.css_first('meta[property="article:published_time"],meta[name=date],meta[name="dc.date"]')
    if date is not None and date.attributes.get("content"):
        told["date"] = date.attributes["content"]
    link = tree.css_first("link[rel~=license],a[rel~=license]")
    if link is not None and link.attributes.get("href"):
        told["licence"] = licence(link.attributes["href"])
    return told


def licence(url: str) -> str:
    """A licence's SPDX name where its address tells it, else the address.

    >>> licence("https://creativecommons.org/licenses/by-sa/3.0/deed.ko"), licence("https://example.org/terms")
    ('CC-BY-SA-3.0', 'https://example.org/terms')
    """
    found = re.search(r"creativecommons\.org/(?:licenses/([a-z-]{2,8})/(\d\.\d)|publicdomain/(zero)/(1\.0))", url)
    if not found:
        return url
    return "CC0-1.0" if found[3] else f"CC-{found[1].upper()}-{found[2]}"


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
    elif tag == "math":
        yield _formula(node)
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


def _formula(node: Any) -> str:
    """A formula as TeX between dollars where the page brings it, else the text of its marks."""
    tex = node.css_first('annotation[encoding="application/x-tex"]')
    words = (tex.text() if tex is not None else node.attributes.get("alttext") or "").strip()
    if words.startswith("{\\displaystyle") and words.endswith("}"):
        words = words.removeprefix("{\\displaystyle")[:-1].strip()
    mark = "$$" if node.attributes.get("display") == "block" else "$"
    return f"{mark}{words}{mark}" if words else _SPACE.sub(" ", node.text())


def _inline(node: Any, depth: int) -> Iterator[str]:
    for child in node.iter(include_text=True):
        yield from _piece(child, depth + 1)
