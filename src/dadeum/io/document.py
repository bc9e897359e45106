"""Documents: a file of text, Markdown or HTML is one record. What its head tells (title, lang) is carried."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from dadeum.errors import RecipeError
from dadeum.io import stream
from dadeum.io.chunk import Bad, Chunk, Unreadable, shown
from dadeum.io.encoding import detect
from dadeum.io.frame import frame
from dadeum.io.html import text_of
from dadeum.io.lens import Lens

_CHARSET: Final = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([A-Za-z0-9_.:-]+)""", re.IGNORECASE)
_HEADING: Final = re.compile(r"(?m)\A\s*#\s+(.+?)\s*#*\s*$")
_KOREAN: Final = {"euc-kr", "euc_kr", "ks_c_5601-1987", "ksc5601", "ks_c_5601"}
"""Names under which pages declare what is cp949 in truth."""


def read(path: Path, lens: Lens, skip: int = 0, kind: str = "text") -> Iterator[Chunk]:
    """One chunk with one record. A file in no likely encoding is unreadable."""
    if skip:
        return
    raw = b"".join(stream.blocks(path))
    try:
        text = _decoded(path, raw, lens.source.encoding, kind)
        row = _row(text, kind)
        if lens.source.fields:
            lens.check(row, [row], str(path))
        yield Chunk(frame([1], [lens.get(row)], lens))
    except Unreadable as error:
        yield Chunk(frame([], [], lens), [Bad(1, str(error), shown(raw))])


def _row(text: str, kind: str) -> dict[str, Any]:
    if kind == "html":
        body, told = text_of(text)
        return {"text": body, **told}
    heading = _HEADING.search(text)
    return {"text": text, **({"title": heading[1]} if heading else {})}


def _decoded(path: Path, raw: bytes, told: str, kind: str) -> str:
    if kind == "html" and told == "auto" and (declared := _CHARSET.search(raw[:4096])):
        name = declared[1].decode().lower()
        try:
            return raw.decode("cp949" if name in _KOREAN else name).removeprefix("\ufeff")
        except (LookupError, UnicodeDecodeError):
            pass
    try:
        encoding = detect(path, told)
    except RecipeError as error:
        if told != "auto":
            raise
        raise Unreadable(error.mistakes[0].what) from None
    try:
        return raw.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not {encoding}: byte 0x{raw[error.start]:02x} at position {error.start}") from None
