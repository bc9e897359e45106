"""PDF: a page is a record, its place is file#page; or, cut by `sections`, a part of the whole text. Needs pypdf (the extra `pdf`).

Lines that were broken because the page ended there are joined, words that were divided are whole again (printed.py). Lines that stand
at the head or the foot of many pages are joined to nothing; with `content: main` they are left out. A page whose drawing holds no
text (a scan) is quarantined by its number and never read as an empty document; an encrypted or broken file is quarantined as a whole.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dadeum.errors import MissingExtra
from dadeum.io import document, printed, sections, stream
from dadeum.io.chunk import Bad, Chunk, Unreadable
from dadeum.io.frame import frame
from dadeum.io.lens import Lens

Page = tuple[int, list[str]]


def read(path: Path, lens: Lens, size: int, skip: int = 0) -> Iterator[Chunk]:
    """Chunks of `size` pages, or sections. Raises MissingExtra without pypdf."""
    pages: list[Page] = []
    bad: list[Bad] = []
    try:
        drawn = _pages(b"".join(stream.blocks(path)))
    except Unreadable as error:
        if not skip:
            yield Chunk(frame([], [], lens), [Bad(1, str(error), "")], "#")
        return
    for number in range(1, len(drawn) + 1):
        try:
            pages.append((number, _text(drawn, number - 1).split("\n")))
        except Unreadable as error:
            bad.append(Bad(number, str(error), ""))
    rows = list(_rows(pages, lens, bad)) if pages else []
    if lens.source.sections.max:
        # A page that can't be read has no number among the sections: these come first.
        bad = [Bad(len(rows) + i, f"{b.error} (page {b.line})", b.raw) for i, b in enumerate(bad, 1)]
    yield from document.chunks(path, rows, bad, lens, size, skip, "#")


def _rows(pages: list[Page], lens: Lens, bad: list[Bad]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Numbers and rows. bad: takes the pages that hold nothing but running lines, where these are left out."""
    running = printed.running([lines for _, lines in pages])
    if lens.source.content == "main":
        pages = [(number, [line for line in lines if printed.form(line) not in running]) for number, lines in pages]
        bad += [Bad(number, "a PDF page without text but its head and foot", "") for number, lines in pages if not any(map(str.strip, lines))]
        pages = [(number, lines) for number, lines in pages if any(map(str.strip, lines))]
    setting = printed.Setting.of(line for _, lines in pages for line in lines if printed.form(line) not in running)
    if not lens.source.sections.max:
        for number, lines in pages:
            yield number, {"text": printed.paragraphs(lines, setting, running)}
        return
    text = printed.paragraphs([line for _, lines in pages for line in lines], setting, running)
    text = _spread(text)
    starts = _starts(text, pages)
    at = 0
    for n, row in enumerate(document.cut(text, {}, lens, marked=False), 1):
        at = text.index(row["text"], at)
        yield n, {**row, "page": max((number for start, number in starts if start <= at), default=pages[0][0])}
        at += len(row["text"])


def _spread(text: str) -> str:
    """A text with a blank line around what is a paragraph or a heading by itself, as sections are told apart."""
    made = []
    for line in text.split("\n"):
        heading = sections.level(line.strip()) > 0
        made += [*[""] * heading, line, *[""] * (heading or printed.ends(line))]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(made)).strip("\n")


def _starts(text: str, pages: list[Page]) -> list[tuple[int, int]]:
    """Where in the text each page begins: at the letter that is as many letters into it as the pages before have."""
    letters = [i for i, c in enumerate(text) if not c.isspace()]
    made = []
    seen = 0
    for number, lines in pages:
        made.append((letters[min(seen, len(letters) - 1)] if letters else 0, number))
        seen += sum(len("".join(line.split())) for line in lines)
    return made


def _pages(raw: bytes) -> Any:
    """The file's pages. Raises Unreadable where it is encrypted, broken or has none."""
    try:
        import pypdf
    except ImportError:
        raise MissingExtra("reading PDF needs pypdf: pip install 'dadeum[pdf]'") from None
    try:
        file = pypdf.PdfReader(io.BytesIO(raw))
        # Many files are encrypted with an empty user password: anybody may read them.
        if file.is_encrypted and not file.decrypt(""):
            raise Unreadable("an encrypted PDF")
        if not len(file.pages):
            raise Unreadable("a PDF without pages")
        return file.pages
    except Unreadable:
        raise
    except Exception as error:  # a damaged file fails anywhere in the library, with whatever error
        raise Unreadable(f"a broken PDF: {type(error).__name__}") from None


def _text(pages: Any, number: int) -> str:
    try:
        text: str = pages[number].extract_text()
    except Exception as error:  # as above; one bad page costs no other
        raise Unreadable(f"a broken PDF page: {type(error).__name__}") from None
    if not text.strip():
        raise Unreadable("a PDF page without text: blank or scanned")
    # Some programs write Hangul in parts, which are no syllables to anybody after this.
    return unicodedata.normalize("NFC", text.encode("utf-8", "backslashreplace").decode())
