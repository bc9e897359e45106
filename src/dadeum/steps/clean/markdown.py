"""clean.markdown: Markdown to plain text, for the elements that `elements` names.

Headings, emphasis, links (their words stay), images (their description stays), quotations, rules and the marks of bullet lists go.
Numbers of lists stay, for they say something. Fenced and inline code, mathematics and tables survive, unless `elements` names
`tables` (a line a row, commas between cells) or `code` (fenced blocks go as a whole). `[word]` of a reference stays: its target is
elsewhere. A text that is marks alone stays. What only looks like Markdown stays: see `_markdown.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from dadeum.errors import Mistake, RecipeError
from dadeum.record import CONTENTS, lift, rewrite
from dadeum.step import Edit, TextStep
from dadeum.steps.clean._code import is_code
from dadeum.steps.clean._markdown import plain

Element = Literal["headings", "emphasis", "links", "images", "lists", "quotes", "rules", "tables", "code"]


@dataclass(frozen=True)
class Markdown(TextStep, Edit):
    """The marks of Markdown."""

    writes = CONTENTS
    elements: tuple[Element, ...] = ("headings", "emphasis", "links", "images", "lists", "quotes", "rules")
    """What becomes plain text; all else stays as it is."""

    def __post_init__(self) -> None:
        if not self.elements:
            raise RecipeError(Mistake("elements", "is empty: the step would change nothing", "name some, or leave the step out"))

    def guard(self) -> pl.Expr:
        return pl.col("content").str.contains(r"[*_#\[>~|`<=•]|(?m)^[ \t]*[-+][ \t]|^[ \t]*---")

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rewrite(rows, self.on, self._clean, self.guard())

    def _clean(self, text: pl.Expr) -> pl.Expr:
        code = is_code(text, self.profile)
        chosen = frozenset(self.elements)
        return pl.when(code).then(text).otherwise(lift(lambda s: _until_still(s, chosen))(pl.when(~code).then(text)))


def _until_still(text: str, elements: frozenset[str]) -> str:
    """Each round leaves fewer marks: what one round uncovers the next one sees. A text that is nothing but marks stays."""
    while (done := plain(text, elements)) != text and done.strip():
        text = done
    return text
