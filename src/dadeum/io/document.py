"""Documents: a file of text, Markdown or HTML is one record, or as many as `sections` cuts it into.

What its head tells of it (title, lang, licence, date) is carried. A page is decoded as it declares, where its bytes can be that.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from dadeum.errors import RecipeError
from dadeum.io import front, sections, stream
from dadeum.io.chunk import Bad, Chunk, Unreadable, shown
from dadeum.io.encoding import WIDE, detect, guess
from dadeum.io.frame import TELLING, frame
from dadeum.io.html import text_of
from dadeum.io.lens import Lens

TOLD: Final = ("text", "title", "lang", "licence", "date", "author", "heading", "page")
"""What a document's row may hold: `fields` may name these wherever a document lacks them."""
_CHARSET: Final = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([A-Za-z0-9_.:-]+)""", re.IGNORECASE)
_DECLARED: Final = re.compile(rb"""\A<\?xml[^>]{0,200}encoding\s*=\s*["']([A-Za-z0-9_.:-]+)""", re.IGNORECASE)
_HEADING: Final = re.compile(r"(?m)\A\s*#\s+(.+?)\s*#*\s*$")
_KOREAN: Final = {
    *("euc-kr", "euc_kr", "euckr", "ks_c_5601-1987", "ks_c_5601-1989", "ks_c_5601", "ksc_5601", "ksc5601", "korean", "windows-949", "ms949"),
    *("iso-ir-149", "uhc"),
}
"""Names under which pages declare what is cp949 in truth, as browsers read them."""
_WESTERN: Final = {"iso-8859-1", "iso8859-1", "latin1", "latin-1", "windows-1252", "cp1252", "us-ascii", "ascii"}


def read(path: Path, lens: Lens, size: int, skip: int = 0, kind: str = "text") -> Iterator[Chunk]:
    """Chunks of `size` records. A file in no likely encoding is unreadable."""
    raw = b"".join(stream.blocks(path))
    try:
        rows = _rows(_decoded(path, raw, lens.source.encoding, kind), kind, lens)
    except Unreadable as error:
        if not skip:
            yield Chunk(frame([], [], lens), [Bad(1, str(error), shown(raw))])
        return
    yield from chunks(path, list(enumerate(rows, 1)), [], lens, size, skip, "#" if lens.source.sections.max else ":")


def chunks(path: Path, rows: list[tuple[int, dict[str, Any]]], bad: list[Bad], lens: Lens, size: int, skip: int, mark: str) -> Iterator[Chunk]:
    """A document's rows by their number, and what of it can't be read, as chunks of `size`."""
    if rows and lens.source.fields:
        lens.check(dict.fromkeys([*TOLD, *(k for _, row in rows for k in row)]), [row for _, row in rows], str(path))
    items = sorted([*((n, row) for n, row in rows), *((b.line, b) for b in bad)], key=lambda item: item[0])
    for start in itertools.count(skip * size, size):
        part = items[start : start + size]
        if not part:
            return
        good = [(n, lens.get(row)) for n, row in part if isinstance(row, dict)]
        yield Chunk(frame([n for n, _ in good], [got for _, got in good], lens), [b for _, b in part if isinstance(b, Bad)], mark)


def cut(text: str, told: dict[str, Any], lens: Lens, marked: bool) -> Iterator[dict[str, Any]]:
    """The rows of a document: itself, or its sections, each with the headings above it and the licence that holds for it."""
    source = lens.source
    if not source.sections.max:
        yield {"text": text, **told}
        return
    if source.licence != "unknown":
        told = {**told, "licence": told.get("licence") or source.licence}
    found = sections.pieces(text, source.sections, marked)
    for piece in found or [sections.Piece(text, ())]:
        heading = {"heading": " > ".join(piece.headings)} if piece.headings else {}
        yield {"text": piece.text, **told, **heading}


def _rows(text: str, kind: str, lens: Lens) -> list[dict[str, Any]]:
    told: dict[str, Any] = {}
    if kind == "html":
        text, told = text_of(text, lens.source.content == "main")
    else:
        if kind == "markdown":
            said, text = front.split(text)
            # A document is a document, whatever its front matter calls its fields.
            told = {f"front_{key}" if key in TELLING else key: value for key, value in said.items()}
        heading = _HEADING.search(text)
        told = {**({"title": heading[1]} if heading else {}), **told}
    return list(cut(text, told, lens, kind != "text"))


def _decoded(path: Path, raw: bytes, told: str, kind: str) -> str:
    if kind == "html" and told == "auto" and (text := _declared(raw)) is not None:
        return text
    try:
        encoding = detect(path, told)
    except RecipeError as error:
        if told not in ("auto", "mixed"):
            raise
        raise Unreadable(error.mistakes[0].what) from None
    if encoding.startswith(WIDE):
        raw, encoding = b"".join(stream.narrow([raw], encoding)), "utf-8"
    try:
        return raw.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not {encoding}: byte 0x{raw[error.start]:02x} at position {error.start}") from None


def _declared(raw: bytes) -> str | None:
    """A page in the encoding that it declares, as browsers take it; null where it declares none, or one that it can't be in."""
    declared = _DECLARED.search(raw[:4096]) or _CHARSET.search(raw[:4096])
    if not declared or _is_utf8(raw):
        return None
    name = declared[1].decode().lower()
    # Every byte is a letter in Western pages: that is no proof, and Korean pages were often saved under them.
    if name in _WESTERN and guess(raw) not in (None, "cp1252"):
        return None
    try:
        return raw.decode("cp949" if name in _KOREAN else name)
    except (LookupError, UnicodeDecodeError):
        return None


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\x1b$" not in raw
