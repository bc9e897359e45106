"""clean.markup: HTML tags and entities out of text that should have none.

Line-breaking tags become a line break, the content of scripts and styles goes, entities become their characters. What only
looks like a tag stays: `a < b`, `List<User>`, `<3`, `>_<`, `<기생충>`. Markdown stays as it is, and so does code: fenced and inline
blocks, mathematics, tables, and strings that are code as a whole. See `_html.py` for what a tag is.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from dadeum.record import CONTENTS, lift, rewrite
from dadeum.step import Edit, TextStep
from dadeum.steps.clean._code import is_code
from dadeum.steps.clean._html import strip


@dataclass(frozen=True)
class Markup(TextStep, Edit):
    """HTML tags, comments and entities."""

    writes = CONTENTS

    def guard(self) -> pl.Expr:
        return pl.col("content").str.contains(r"<[A-Za-z/!?]|&[A-Za-z#]")

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rewrite(rows, self.on, self._clean, self.guard())

    def _clean(self, text: pl.Expr) -> pl.Expr:
        prose = ~is_code(text, self.profile)
        if self.profile == "auto":  # a page with long scripts looks like code; that it is a page decides
            prose = prose | text.str.contains(r"(?i)^\s*<(?:!doctype html|html)\b")
        return pl.when(prose).then(lift(strip)(pl.when(prose).then(text))).otherwise(text)
