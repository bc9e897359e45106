"""PDF: a page is a record, its place is file#page. Needs pypdf (the extra `pdf`).

A page whose drawing holds no text (a scan) is quarantined by its number and never read as an empty document; an encrypted or broken
file is quarantined as a whole. Lines stay as the page breaks them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dadeum.errors import MissingExtra
from dadeum.io import stream
from dadeum.io.chunk import Bad, Chunk, Unreadable
from dadeum.io.frame import frame
from dadeum.io.layout import Got
from dadeum.io.lens import Lens


def read(path: Path, lens: Lens, size: int, skip: int = 0) -> Iterator[Chunk]:
    """Chunks of `size` pages. Raises MissingExtra without pypdf."""
    try:
        pages = _pages(b"".join(stream.blocks(path)))
    except Unreadable as error:
        if not skip:
            yield Chunk(frame([], [], lens), [Bad(1, str(error), "")], "#")
        return
    for start in range(skip * size, len(pages), size):
        numbers: list[int] = []
        rows: list[Got] = []
        bad: list[Bad] = []
        for number in range(start, min(start + size, len(pages))):
            try:
                row = {"text": _text(pages, number)}
                if number == 0 and lens.source.fields:
                    lens.check(row, [row], str(path))
                rows.append(lens.get(row))
                numbers.append(number + 1)
            except Unreadable as error:
                bad.append(Bad(number + 1, str(error), ""))
        yield Chunk(frame(numbers, rows, lens), bad, "#")


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
    return text.encode("utf-8", "backslashreplace").decode()
