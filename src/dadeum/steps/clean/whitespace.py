"""clean.whitespace: one kind of space, one kind of line end, none at the edges.

Every space (tab, no-break, ideographic, ...) becomes a blank and runs of them become one; CRLF and CR become LF; lines and
the whole are trimmed; at most `blank_lines` empty lines follow each other. The indentation of list items stays, for it nests
them. Fenced blocks and strings that are code keep everything but their line ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import polars as pl
from pydantic import Field

from dadeum.record import CONTENTS, rewrite
from dadeum.step import Edit, TextStep
from dadeum.steps.clean._code import FENCED, around_fences, is_code

SPACE: Final = r"[\t\x0B\x0C\x1C-\x1F\u{85}\u{A0}\u{1680}\u{2000}-\u{200A}\u{202F}\u{205F}\u{3000}]"
WIDE: Final = ("\x85", "\xa0", "\u1680", *map(chr, range(0x2000, 0x200B)), "\u2028", "\u2029", "\u202f", "\u205f", "\u3000")
"""The spaces and line ends of more than one byte."""
# The first alternative wins: the blanks before a list item are put back, all others at the edges of lines are not.
EDGES: Final = r"(?m)^( +(?:[-*+•]|\d{1,3}[.)]) )|^ +| +$"


@dataclass(frozen=True)
class Whitespace(TextStep, Edit):
    """Spaces, line ends and blank lines."""

    writes = CONTENTS
    blank_lines: Annotated[int, Field(ge=0)] = 1
    """How many empty lines may follow each other."""

    def guard(self) -> pl.Expr:
        # One after the other, single bytes, a list of strings and the edges take six tenths of one expression for all of them.
        text = pl.col("content").str
        edges = text.strip_chars().str.len_bytes() != text.len_bytes()
        return text.contains(r"[\r\t\x0B\x0C\x1C-\x1F]") | text.contains("|".join([*WIDE, "  ", "\n ", " \n", "\n" * (self.blank_lines + 2)])) | edges

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rewrite(rows, self.on, self._clean, self.guard())

    def _clean(self, text: pl.Expr) -> pl.Expr:
        # Routed by what the line ends will be: a lone CR hides lines, and with them whether the string is code.
        text = text.str.replace_all(r"\r\n?", "\n")
        fenced = text.str.contains(FENCED)

        def fences(e: pl.Expr) -> pl.Expr:
            return e.map_batches(self._around, return_dtype=pl.String, is_elementwise=True)

        clean = pl.when(fenced).then(fences(pl.when(fenced).then(text))).otherwise(self._lines(text).str.strip_chars())
        return pl.when(is_code(text, self.profile)).then(text).otherwise(clean)

    def _around(self, strings: pl.Series) -> pl.Series:
        frame = pl.DataFrame({"s": strings})
        some = frame.get_column("s").is_not_null()
        if not some.any():
            return strings
        done = frame.filter(some).select(around_fences(self._lines)(pl.col("s")).str.strip_chars())
        return strings.scatter(some.arg_true(), done.to_series())

    def _lines(self, text: pl.Expr) -> pl.Expr:
        text = text.str.replace_all(r"[\u{2028}\u{2029}]", "\n").str.replace_all(SPACE, " ")
        text = text.str.replace_all(r"(\S) {2,}", "${1} ").str.replace_all(EDGES, "${1}")
        return text.str.replace_all(rf"\n{{{self.blank_lines + 2},}}", "\n" * (self.blank_lines + 1))
