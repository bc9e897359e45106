"""Markdown to plain text, element by element.

Emphasis is what real text has most of that only looks like it: `2 * 3 * 4`, `snake_case`, `*^^*`, `좋아요~~ 최고~~`, `시*발`, `홍** 김**`.
So a mark opens only before a letter, digit, quotation mark or bracket and, where it is a single one, at the beginning of a word
and around a syllable or two letters. It may close before a Korean particle (`**강조**는`), where CommonMark is in doubt and renderers
print the stars. Fences, inline code, mathematics and tables are never looked into.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from dadeum.steps.clean._code import FENCE

TABLE: Final = r"^(?=[^\n]*\|)[^\n]*+\n[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[-| :\t]*)?(?:\n(?:(?=[^\n]*\|)[^\n]*+(?:\n|\Z))*|\Z)"
MATHS: Final = r"\$\$[^$]{1,2000}\$\$|\\\([^\n]{1,500}?\\\)|\\\[[^$]{1,2000}?\\\]|\$(?=[^$\n]*[\\^_<>=])[^\s$](?:[^$\n]{0,200}[^\s$\\])?\$(?!\d)"
CODE: Final = r"(?<!`)(?P<tick>`{1,3})(?!`)[^`\n]{1,500}(?P=tick)(?!`)"
KEPT: Final = re.compile(rf"(?P<fence>{FENCE.pattern})|(?P<maths>{MATHS})|(?P<code>{CODE})|(?P<table>{TABLE})|(?P<url>\bhttps?://(?:[^\s<>()\[\]*`]|\*(?=[\w/]))+)", re.MULTILINE)
HELD: Final = re.compile("\ue000(\\d+)\ue001")
"""What is kept stands in the text as a number between two private characters while the rest is rewritten."""

_INNER: Final = r"""(?=[\w"'“‘(\[「『<¿¡\ue000])"""
_HEADING: Final = re.compile(r"^ {0,3}#{1,6}[ \t]+(?P<title>[^\n]*?)(?:[ \t]+#+)?[ \t]*$", re.MULTILINE)
_UNDERLINED: Final = re.compile(r"^(?=[^\n]*\w)(?P<title>[^\n]++)\n {0,3}(?:={3,}|-{3,})[ \t]*$", re.MULTILINE)
_OPENS: Final = r"""(?<![^\s("'“‘\[「『>\ue001])"""
_WORD: Final = r"(?=[^*\n]*?(?:[가-힣]|[^\W_][^*\n]*?[^\W_]))"
"""Two letters, or a syllable: `*ㅅ*`, `*0*` and `*_*` are faces."""
_STRONG: Final = (
    re.compile(rf"(?<![A-Za-z0-9*\\])\*\*{_INNER}([^*\n]{{1,300}}?)(?<=[^\s*])\*\*(?!\*)"),
    re.compile(rf"(?<![\w\\])__{_INNER}([^_\n]{{1,300}}?)(?<=[^\s_])__(?![A-Za-z0-9_])"),
    re.compile(rf"{_OPENS}~~{_INNER}([^~\n]{{1,300}}?)(?<=[^\s~])~~(?![~!])"),
    re.compile(rf"{_OPENS}\*{_INNER}{_WORD}([^*\n]{{1,300}}?)(?<=[^\s*])\*(?![A-Za-z0-9*])"),
    re.compile(rf"{_OPENS}_{_INNER}{_WORD}([^_\n]{{1,300}}?)(?<=[^\s_])_(?!\w)"),
)
_TRIPLE: Final = re.compile(rf"(?<![A-Za-z0-9*\\])\*\*\*{_INNER}([^*\n]{{1,300}}?)(?<=[^\s*])\*\*\*(?!\*)")
_TARGET: Final = r"""\([ \t]*(?:<[^<>\n]{0,2000}>|(?:[^\s()]|\([^\s()]{0,200}\)){0,2000})(?:[ \t]+(?:"[^"\n]{0,500}"|'[^'\n]{0,500}'))?[ \t]*\)"""
_IMAGE: Final = re.compile(rf"!\[([^\]\n]{{0,1000}})\]{_TARGET}")
_LINK: Final = re.compile(rf"(?<![!\\])\[((?:[^\[\]\n]|\n(?!\s*\n)){{1,1000}})\]{_TARGET}")
_AUTO: Final = re.compile(r"<((?:https?://|mailto:)[^\s<>]{1,2000}|\ue000\d+\ue001)>")
_ITEM: Final = re.compile(r"^([ \t]*)[-*+•][ \t]+(?:\[[ xX]\][ \t]+)?(?=\S)", re.MULTILINE)
_QUOTE: Final = re.compile(r"""^ {0,3}(?:>[ \t]?)+(?=[\w\s"'“‘(\[*#¿¡-]|$)""", re.MULTILINE)
_RULE: Final = re.compile(r"^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$\n?", re.MULTILINE)
_CELLS: Final = re.compile(r"(?<!\\)\|")


def _links(text: str) -> str:
    return _AUTO.sub(r"\1", _LINK.sub(r"\1", text))


def _emphasis(text: str) -> str:
    text = _TRIPLE.sub(r"\1", text)
    for mark in _STRONG:
        text = mark.sub(r"\1", text)
    return text


def _lists(text: str) -> str:
    """One item alone may be a minus or a dash of dialogue: a list has two."""
    return _ITEM.sub(r"\1", text) if len(_ITEM.findall(text)) > 1 else text


ELEMENTS: Final[dict[str, Callable[[str], str]]] = {
    "images": lambda text: _IMAGE.sub(r"\1", text),
    "links": _links,
    "quotes": lambda text: _QUOTE.sub("", text),
    "headings": lambda text: _UNDERLINED.sub(r"\g<title>", _HEADING.sub(r"\g<title>", text)),
    "rules": lambda text: _RULE.sub("", text),
    "lists": _lists,
    "emphasis": _emphasis,
}
"""What each element becomes, in the order in which they are done."""


def plain(text: str, elements: frozenset[str]) -> str:
    """The text without the marks of `elements`; nested ones too, for it goes on until nothing changes.

    >>> plain("# 제목\\n**굵게**는 [여기](http://a.b) `**x**`", frozenset(ELEMENTS))
    '제목\\n굵게는 여기 `**x**`'
    """
    if "\ue000" in text or "\ue001" in text:
        return text
    kept: list[str] = []

    def hold(found: re.Match[str]) -> str:
        if found["table"] and "tables" in elements:
            return _rows(found[0])
        if found["fence"] and "code" in elements:
            return ""
        kept.append(found[0])
        return f"\ue000{len(kept) - 1}\ue001"

    # A table that became lines, or a block that went, may leave what now reads as another element.
    done = _once(KEPT.sub(hold, text), elements)
    return HELD.sub(lambda m: kept[int(m[1])], done)


def _once(text: str, elements: frozenset[str]) -> str:
    while True:
        before = text
        for name, done in ELEMENTS.items():
            if name in elements:
                text = done(text)
        if text == before:
            return text


def _rows(table: str) -> str:
    """The cells of a table, a line a row, with commas between; the line of dashes goes."""
    lines = table.splitlines()
    rows = [[cell.strip() for cell in _CELLS.split(line.strip().strip("|"))] for i, line in enumerate(lines) if i != 1]
    return "\n".join(", ".join(cell for cell in row if cell) for row in rows) + ("\n" if table.endswith("\n") else "")
