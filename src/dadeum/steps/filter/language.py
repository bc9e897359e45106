"""filter.language: which languages take part, and answers in another language than asked. Reads what `annotate.language` wrote.

    - annotate.language
    - filter.language: {keep: [ko, en], mixed: drop}

| reason              | row                                                                             |
|---------------------|---------------------------------------------------------------------------------|
| `language_ja`, ...  | is in a language that `keep` does not name (`language_other`: in another script) |
| `language_mixed`    | is mixed, and `mixed` is drop                                                   |
| `language_und`      | can't be told ("ok", "3.5", a list of names), and `und` is drop                 |
| `answer_language`   | its answer is in another language than its question, which did not ask for it  |

Rows without any addressed string have no language and stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.step import Filter, verdict
from dadeum.steps.annotate.language import LANGUAGES

Rule = Literal["keep", "drop"]
OWN_RULE = ("mixed", "und")


@dataclass(frozen=True)
class Language(Filter):
    """Drop by language."""

    keep: tuple[str, ...] = ()
    """The languages that stay (ko, en, ...; other); empty keeps all."""
    mixed: Rule = "keep"
    """Rows of two scripts or languages at once."""
    und: Rule = "keep"
    """Rows whose language can't be told."""
    answer: Rule = "drop"
    """Rows with an answer in another language than asked."""

    def __post_init__(self) -> None:
        known = [name for name in LANGUAGES if name not in OWN_RULE]
        mistakes = [
            Mistake(f"keep.{i}", f"annotate.language tells no {name!r}", f"{name}: keep" if name in OWN_RULE else nearest(name, known))
            for i, name in enumerate(self.keep)
            if name not in known
        ]
        if not self.keep and "drop" not in (self.mixed, self.und, self.answer):
            mistakes.append(Mistake("keep", "is empty: the step would drop nothing", "name languages, or mixed: drop, und: drop, answer: drop"))
        if mistakes:
            raise RecipeError(mistakes)

    @property
    def reads(self) -> tuple[str, ...]:
        return ("language", "language_answer")

    @property
    def looks(self) -> tuple[str, ...]:
        return self.reads

    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        language = pl.col("language").cast(pl.String)
        out = ~language.is_in([*self.keep, *OWN_RULE]) if self.keep else pl.lit(False)
        for name in OWN_RULE:
            if getattr(self, name) == "drop":
                out = out | (language == name)
        answered = pl.col("language_answer") == "other" if self.answer == "drop" else pl.lit(False)
        reason = pl.when(out).then(pl.concat_str(pl.lit("language_"), language)).when(answered).then(pl.lit("answer_language"))
        return rows.select(*verdict(reason.otherwise(pl.lit(None, dtype=pl.String))))
