"""A chunk of a file: the records that could be read, and the raw rows that could not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from dadeum.errors import DadeumError
from dadeum.record import RECORD

FRONT: Final = pl.Schema({"line": pl.UInt64(), "key": pl.String()})
"""Where the row starts, and its own id."""
CONTENT: Final = pl.Schema(
    {k: RECORD[k] for k in ("text", "messages", "chosen", "rejected", "tools", "label", "score", "meta", "layout")}
)
"""RECORD's columns that come out of a raw row; the engine adds the others."""
RAW_LIMIT: Final = 1_000_000
"""Characters of an unreadable row that are kept."""


class Unreadable(DadeumError):
    """A raw row that no record can be made of; becomes a `Bad`, never stops a run."""


@dataclass(frozen=True)
class Bad:
    """A raw row that could not be read: line (or row) number, why, and the row itself."""

    line: int
    error: str
    raw: str


@dataclass
class Chunk:
    """`read` raw rows of one file, each of them in `rows` or in `bad`."""

    rows: pl.DataFrame
    """`line`, `key`, CONTENT's columns, the columns that `fields` names, and `meta.*`."""
    bad: list[Bad] = field(default_factory=list)
    mark: str = ":"
    """Stands between file and number in a place: `:` before lines, `#` before rows."""

    @property
    def read(self) -> int:
        """Raw rows covered."""
        return self.rows.height + len(self.bad)


def shown(raw: bytes | str) -> str:
    """An unreadable row as text, without loss: bytes that are no UTF-8 as `\\xNN`; what is beyond a million characters is cut and told."""
    text = raw.decode("utf-8", errors="backslashreplace") if isinstance(raw, bytes) else raw.encode("utf-8", "backslashreplace").decode()
    text = text.rstrip("\r\n")
    if len(text) <= RAW_LIMIT:
        return text
    return f"{text[:RAW_LIMIT]} [cut: {len(text) - RAW_LIMIT:,} more characters]"


def not_utf8(raw: bytes) -> str:
    """Why bytes are no UTF-8, or an empty string where they are."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start}"
    return ""


def kind(value: Any) -> str:
    """What a JSON value is, in words.

    >>> kind([]), kind(None), kind(1)
    ('an array', 'null', 'a number')
    """
    if value is None:
        return "null"
    names: dict[type, str] = {dict: "an object", list: "an array", str: "a string", bool: "true or false"}
    return names.get(type(value), "a number")
