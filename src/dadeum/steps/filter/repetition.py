"""filter.repetition: texts that run away, or say the same again and again.

| reason                | what is measured                                             | asked of               |
|-----------------------|--------------------------------------------------------------|------------------------|
| `character_run`       | longest run of one character, share of the visible ones      | `min_characters`       |
| `repeated_characters` | share of character 10-grams, spaces left out, that were there before | `min_characters` |
| `duplicate_lines`     | share of lines that were there before                        | 10 lines               |
| `top_2gram` .. `top_4gram` | share of characters in the most frequent word n-gram    | 300 words              |
| `duplicate_5gram`, `duplicate_10gram` | share of characters in word n-grams that were there before | 50 words |

The word rules and their English limits are Gopher's (Rae et al. 2021, table A1), the Korean ones those of FineWeb-2 for
`kor_Hang`. They were made for web pages: asked of everything above fifty words they reject 9 % of the worked answers of gsm8k,
from 300 words on hardly any. Below, where most fine-tuning records are, the two rules on characters decide. They need no words,
so they see a loop without spaces as well, and are the same for every language: at .5 they reject 148 of 150 looping answers of
an untuned model and none of 6,000 worked answers, 26 and 68 of 424,824 film reviews. Rows are measured on the addressed strings
together; the first rule broken is the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final

import numpy as np
import polars as pl
from pydantic import Field

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.profiles import NAMES, profile
from dadeum.record import prose
from dadeum.step import Filter, TextStep, verdict
from dadeum.steps.filter import _grams

GRAM: Final = 10
WORDS: Final = 300
LINES: Final = 10
OFF: Final = 2.0
"""A limit that no share reaches."""
LIMITS: Final[dict[str, tuple[float, float, float, float]]] = {
    # rule: limits of ko, en, mixed, code. Code repeats itself lawfully: closing brackets, tables, tests.
    "character_run": (0.5, 0.5, 0.5, 0.8),
    "repeated_characters": (0.5, 0.5, 0.5, 0.8),
    "duplicate_lines": (0.374, 0.30, 0.374, OFF),
    "top_2gram": (0.282, 0.20, 0.282, OFF),
    "top_3gram": (0.228, 0.18, 0.228, OFF),
    "top_4gram": (0.185, 0.16, 0.185, OFF),
    "duplicate_5gram": (0.201, 0.15, 0.201, OFF),
    "duplicate_10gram": (0.127, 0.10, 0.127, OFF),
}


@dataclass(frozen=True)
class Repetition(TextStep, Filter):
    """Drop by repetition."""

    min_characters: Annotated[int, Field(ge=20)] = 60
    """Texts with fewer visible characters are not measured: short ones repeat by nature (ㅋㅋㅋㅋ, `no no no`)."""
    limits: dict[str, Annotated[float, Field(gt=0)] | None] = field(default_factory=dict)
    """Another limit for a rule, for all profiles; null switches the rule off."""

    def __post_init__(self) -> None:
        mistakes = [Mistake(f"limits.{rule}", "there is no such rule", nearest(rule, LIMITS)) for rule in self.limits if rule not in LIMITS]
        if mistakes:
            raise RecipeError(mistakes)

    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        text = prose(rows, self.on).fill_null("")
        dense = text.str.replace_all(r"\s+", "")
        long = (dense.str.len_chars() >= self.min_characters).arg_true()
        made = pl.DataFrame({"reason": pl.Series([None] * rows.height, dtype=pl.String), "value": [None] * rows.height, "threshold": None})
        made = made.cast({"value": pl.Float64, "threshold": pl.Float64})
        if long.len():
            reason, value, limit = self._judge(text.gather(long), dense.gather(long))
            made = made.with_columns(
                made.get_column("reason").scatter(long, reason),
                made.get_column("value").scatter(long, value),
                made.get_column("threshold").scatter(long, limit),
            )
        return made.select(*verdict(pl.col("reason"), pl.col("value"), pl.col("threshold")))

    def _judge(self, text: pl.Series, dense: pl.Series) -> tuple[pl.Series, pl.Series, pl.Series]:
        """Reason, value and limit of each text; null where no rule is broken."""
        names = pl.DataFrame({"t": text}).select(profile(pl.col("t"), self.profile)).to_series()
        names = names.new_from_index(0, len(text)) if len(names) == 1 else names
        which = names.replace_strict(list(NAMES), [0, 1, 2, 3], return_dtype=pl.Int64).to_numpy()
        n = len(text)
        broken = np.full(n, -1)
        values, limits = np.zeros(n), np.zeros(n)
        for i, (rule, share) in enumerate(self._measured(text, dense)):
            told = self.limits.get(rule, OFF)
            limit = np.full(n, OFF if told is None else told) if rule in self.limits else np.array(LIMITS[rule])[which]
            hit = (broken < 0) & (share > limit)
            broken[hit], values[hit], limits[hit] = i, share[hit], limit[hit]
        kept = pl.Series(broken < 0)
        reason = pl.Series([*LIMITS, ""]).gather(pl.Series(broken % (len(LIMITS) + 1)))
        frame = pl.DataFrame({"kept": kept, "reason": reason, "value": values, "limit": limits})
        frame = frame.with_columns(pl.when(~pl.col("kept")).then(pl.col("reason", "value", "limit")))
        return frame.get_column("reason"), frame.get_column("value"), frame.get_column("limit")

    def _measured(self, text: pl.Series, dense: pl.Series) -> list[tuple[str, np.ndarray]]:
        """Every rule's share, in the order of LIMITS."""
        points, lengths = _grams.characters(dense)
        shares = [_grams.longest_run(points, lengths), _grams.repeated(points, lengths, GRAM), _lines(text)]
        numbers, sizes, counts = _grams.words(text)
        enough = counts >= WORDS
        shares += [np.where(enough, _grams.top_share(numbers, sizes, counts, n), 0) for n in (2, 3, 4)]
        shares += [np.where(enough, _grams.covered(numbers, sizes, counts, n), 0) for n in (5, 10)]
        return list(zip(LIMITS, shares))


def _lines(text: pl.Series) -> np.ndarray:
    """Share of the lines that were there before; 0 where there are too few to tell."""
    frame = pl.DataFrame({"at": pl.int_range(len(text), eager=True), "line": text})
    frame = frame.filter(pl.col("line").str.count_matches("\n", literal=True) >= LINES - 1)
    lines = frame.with_columns(pl.col("line").str.split("\n")).explode("line").with_columns(pl.col("line").str.strip_chars())
    counted = lines.filter(pl.col("line") != "").group_by("at").agg(pl.len(), pl.col("line").n_unique().alias("distinct"))
    counted = counted.filter(pl.col("len") >= LINES)
    out = np.zeros(len(text))
    out[counted.get_column("at").to_numpy()] = (1 - counted.get_column("distinct") / counted.get_column("len")).to_numpy()
    return out
