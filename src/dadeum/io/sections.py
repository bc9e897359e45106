"""Long documents cut into records: at headings first, then between paragraphs, sentences and words; never inside a code block or a table.

A piece is a slice of the document, so that the pieces one after the other are the document. Sections that fit together under one
heading and are shorter than `min` share a piece. What may not be cut (a fence, a table, a block of mathematics, a list entry's code)
and is longer than `max` stands alone and is longer. Markdown and pages have headings by their marks (# and underlines); plain text
and PDF by lines that stand alone and are numbered or called so (`제 3 장`, `Chapter 2`, `1.2 Scope`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dadeum.settings import Sections

NEWLINE: Final = "\r\n"
_HASH: Final = re.compile(r" {0,3}(#{1,6})(?=[ \t]|$)")
_FENCE: Final = re.compile(r" {0,12}(?:> ?)?(`{3,}|~{3,})")
_UNDERLINE: Final = re.compile(r" {0,3}(=+|-{2,})[ \t]*")
_TABLE: Final = re.compile(r"[ \t]{0,3}\|.*|[ \t]{0,3}:?-+:?[ \t]{0,40}(?:\|[ \t]{0,40}:?-+:?[ \t]{0,40})+\|?[ \t]{0,40}")
_CALLED: Final = re.compile(
    r"(?:제 ?\d{1,3} ?(?P<unit>[편부장절조관])\b.{0,60}"
    r"|(?P<word>(?:Part|PART|Chapter|CHAPTER|Section|SECTION|Appendix|APPENDIX|부록)\b).{0,60}"
    r"|(?P<number>\d{1,2}(?:\.\d{1,2}){0,3})\.?[ \t]+\S.{0,60})"
)
_UNITS: Final = {"편": 1, "부": 1, "장": 2, "절": 3, "관": 4, "조": 5}
_WORDS: Final = {"part": 1, "chapter": 2, "appendix": 2, "부록": 2, "section": 3}
_ENDS: Final = tuple(re.compile(form) for form in (r"\n[ \t]*\n\s*", r"\n", r"[.!?。…][\"'”’)\]]*\s+", r"\s+"))
"""Where a paragraph may be cut, the best place first."""
_SENTENCE: Final = re.compile(r"(?:[.!?,;:]|다|요)\s*$")
"""How a line ends that is no heading."""


@dataclass(frozen=True)
class Piece:
    """A record's part of a document."""

    text: str
    headings: tuple[str, ...]
    """The headings above it, from the highest."""


@dataclass(frozen=True)
class _Block:
    start: int
    end: int
    whole: bool = False
    """Must not be cut."""
    level: int = 0
    """Of a heading, else 0."""
    title: str = ""


def pieces(text: str, told: Sections, marked: bool = True) -> list[Piece]:
    """The pieces of a document. marked: it has Markdown's marks.

    >>> [(p.headings, p.text) for p in pieces("# A\\none\\n## B\\ntwo\\n# C\\nthree", Sections(max=12))]
    [(('A',), '# A\\none'), (('A', 'B'), '## B\\ntwo'), (('C',), '# C\\nthree')]
    """
    groups: list[tuple[int, int, tuple[str, ...]]] = []
    below: tuple[str, ...] = ()
    for start, end, path in _fitting(text, told, marked):
        first, last, above = groups[-1] if groups else (start, start, path)
        short = groups and last - first < told.min and _size(text, first, end) <= told.max
        if short and path[: len(below)] == below:
            same = next((i for i, (a, b) in enumerate(zip(above, path)) if a != b), min(len(above), len(path)))
            groups[-1] = (first, end, path[:same])
        else:
            groups.append((start, end, path))
            below = path[:-1]
    made = [Piece(text[start:end].strip(NEWLINE), path) for start, end, path in groups]
    return [piece for piece in made if piece.text.strip()]


def _size(text: str, start: int, end: int) -> int:
    return len(text[start:end].strip(NEWLINE))


def _fitting(text: str, told: Sections, marked: bool) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Slices that are sections, or parts of a section, and no longer than may be (but for what must not be cut)."""
    path: list[tuple[int, str]] = []
    section: list[_Block] = []
    for block in [*(_marked(text) if marked else _plain(text)), _Block(len(text), len(text), level=1)]:
        if block.level:
            yield from _parts(text, section, told.max, tuple(title for _, title in path))
            section = []
            path = [(level, title) for level, title in path if level < block.level]
            path.append((block.level, block.title))
        section.append(block)


def _parts(text: str, section: list[_Block], most: int, path: tuple[str, ...]) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    if not section:
        return
    if _size(text, section[0].start, section[-1].end) <= most:
        yield section[0].start, section[-1].end, path
        return
    start = end = section[0].start
    for block in section:
        if end > start and _size(text, start, block.end) > most and not _bare(text, start, end):
            yield start, end, path
            start = end
        if not block.whole and _size(text, start, block.end) > most:
            for place in _cuts(text, start, block.end, most):
                yield start, place, path
                start = place
        end = block.end
    if end > start:
        yield start, end, path


def _bare(text: str, start: int, end: int) -> bool:
    """Whether a slice is nothing but a heading: it goes with what comes after it."""
    lines = text[start:end].strip().split("\n")
    return len(lines) == 1 and _HASH.match(lines[0]) is not None


def _cuts(text: str, start: int, end: int, most: int) -> Iterator[int]:
    """Where to cut a paragraph so that its parts are short enough: the last good place in each; the rest after the last cut fits."""
    end = start + len(text[start:end].rstrip(NEWLINE))
    while end - start > most:
        while text[start] in NEWLINE:
            start += 1
        window = text[start : start + most]
        good = (m.end() for form in _ENDS for m in list(form.finditer(window))[-1:] if 2 * m.end() > most)
        start += next(good, most)
        yield start


def _marked(text: str) -> Iterator[_Block]:
    """The blocks of Markdown: headings, fences, tables and paragraphs, with the blank lines after them."""
    lines = [line + "\n" for line in text.split("\n")]
    at = [0]
    for line in lines:
        at.append(at[-1] + len(line))
    i = 0
    while i < len(lines):
        bare = lines[i].rstrip("\r\n")
        start = i
        whole, level, title = False, 0, ""
        if fence := _FENCE.match(bare):
            whole = True
            i += 1
            while i < len(lines) and not _closes(lines[i], fence[1]):
                i += 1
            i += 1
        elif bare.strip() == "$$":
            whole = True
            i += 1
            while i < len(lines) and lines[i].strip() != "$$":
                i += 1
            i += 1
        elif (found := _HASH.match(bare)) is not None:
            level, title = len(found[1]), re.sub(r"(?:^|[ \t])#+$", "", bare[found.end() :].strip()).strip()
            i += 1
        elif bare.strip() and i + 1 < len(lines) and _UNDERLINE.fullmatch(lines[i + 1].rstrip("\r\n")) and not _TABLE.fullmatch(bare):
            level, title = 1 if "=" in lines[i + 1] else 2, bare.strip()
            i += 2
        else:
            whole = _is_table(lines, i)
            i += 1
            while i < len(lines) and lines[i].strip() and not _opens(lines, i) and _is_table(lines, i) == whole:
                i += 1
        while i < len(lines) and not lines[i].strip():
            i += 1
        yield _Block(at[start], min(at[min(i, len(lines))], len(text)), whole, level, title)


def _closes(line: str, fence: str) -> bool:
    bare = line.strip().removeprefix(">").strip()
    return bare.startswith(fence) and not bare.strip(fence[0])


def _opens(lines: list[str], i: int) -> bool:
    """Whether a line begins another block without a blank line before it."""
    bare = lines[i].rstrip("\r\n")
    return _FENCE.match(bare) is not None or _HASH.match(bare) is not None or bare.strip() == "$$"


def _is_table(lines: list[str], i: int) -> bool:
    """Whether a line is a row of a table: between bars, or above or below a line of dashes and bars."""
    bare = lines[i].rstrip("\r\n")
    if _TABLE.fullmatch(bare):
        return True
    after = lines[i + 1].rstrip("\r\n") if i + 1 < len(lines) else ""
    head = "|" in after and _TABLE.fullmatch(after) is not None
    return "|" in bare and (head or (i > 0 and "|" in lines[i - 1]))


def _plain(text: str) -> Iterator[_Block]:
    """The blocks of a text without marks: paragraphs, and headings by what they are called."""
    at = 0
    for found in [*re.finditer(r"\n[ \t]*\n\s*", text), None]:
        end = found.end() if found else len(text)
        if end > at:
            line = text[at : found.start() if found else end].strip()
            depth = level(line)
            yield _Block(at, end, level=depth, title=line if depth else "")
        at = end


def level(line: str) -> int:
    """Of a heading that stands alone and is called or numbered so; 0 where it is none.

    >>> level("제 3 장 총칙"), level("1.2 Scope"), level("2 people came."), level("Chapter 2: On")
    (2, 3, 0, 2)
    """
    found = None if "\n" in line or _SENTENCE.search(line) else _CALLED.fullmatch(line)
    if found is None:
        return 0
    if found["unit"]:
        return _UNITS[found["unit"]]
    if found["word"]:
        return _WORDS[found["word"].lower()]
    return 2 + found["number"].count(".")
