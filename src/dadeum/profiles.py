"""Language profiles: the unit of thresholds. Every row is routed by its own letters to ko, en, mixed or code.

By script alone, which was right on every Korean line of up to ten characters where trained identifiers reached .82 to 1.0,
and costs a thousandth. Latin letters count as `en` here: the profile chooses rules, it does not name a language.
"""

from __future__ import annotations

from typing import Final, Literal

import polars as pl

Name = Literal["ko", "en", "mixed", "code"]
NAMES: Final[tuple[Name, ...]] = ("ko", "en", "mixed", "code")

HANGUL: Final = r"[\u{AC00}-\u{D7A3}\u{1100}-\u{11FF}\u{3130}-\u{318F}\u{A960}-\u{A97F}\u{D7B0}-\u{D7FF}]"
LATIN: Final = r"[A-Za-z\u{C0}-\u{24F}]"
CODE: Final = r"(?m)^```|^\s*(?:def |class |import |from \w+ import|#include|public |function |const |let |var |SELECT |return )|[;{}]\s*$"

FENCE: Final = r"(?m)^[ \t>]*```[^`\n]*$"
"""A fence opens a line of its own: backticks after a word are an ornament of comments."""


def profile(text: pl.Expr, told: str = "auto") -> pl.Expr:
    """The profile of each string: `told` itself unless that is `auto`.

    code: at least a third of its lines look like code, or it holds a fenced block. ko: Hangul is more than half of the Hangul
    and Latin letters; mixed: at least a quarter; en: all else (also texts without any letter).

    >>> pl.select(profile(pl.lit("모델 병합 model merging"))).item()
    'mixed'
    >>> pl.select(profile(pl.lit("ㅋㅋㅋ"))).item(), pl.select(profile(pl.lit("plain words"))).item()
    ('ko', 'en')
    >>> pl.select(profile(pl.lit("3.5 / 10 !!"))).item()
    'en'
    """
    if told != "auto":
        return pl.lit(told)
    return text.map_batches(_profiles, return_dtype=pl.String, is_elementwise=True)


def _profiles(texts: pl.Series) -> pl.Series:
    text = pl.col("text")
    rows = pl.DataFrame({"text": texts})
    # Whether there is a letter costs a tenth of how many there are, and most rows hold those of one script alone.
    scripts = rows.select(hangul=text.str.contains(HANGUL).fill_null(False), latin=text.str.contains(LATIN).fill_null(False))
    made = scripts.select(pl.when(pl.col("hangul")).then(pl.lit("ko")).otherwise(pl.lit("en")).alias("profile")).to_series()
    both = scripts.select(pl.col("hangul") & pl.col("latin")).to_series().arg_true()
    if len(both):
        counts = rows[both].select(hangul=text.str.count_matches(HANGUL).cast(pl.Float64), latin=text.str.count_matches(LATIN).cast(pl.Float64))
        share = pl.col("hangul") / (pl.col("hangul") + pl.col("latin"))
        script = pl.when(share > 0.5).then(pl.lit("ko")).when(share >= 0.25).then(pl.lit("mixed")).otherwise(pl.lit("en"))
        made = made.scatter(both, counts.select(script).to_series())
    # The cheap test first: most rows have neither a fence nor two lines, and the pattern for code costs more than all else.
    maybe = rows.select(text.str.contains("```", literal=True) | text.str.contains("\n", literal=True)).to_series().fill_null(False).arg_true()
    if maybe.is_empty():
        return made
    lines = text.str.count_matches("\n", literal=True) + 1
    code = rows[maybe].select(text.str.contains(FENCE) | (text.str.count_matches(CODE) * 3 >= lines)).to_series()
    return made.scatter(maybe.filter(code), "code")


def by_profile(text: pl.Expr, told: str, values: dict[str, float]) -> pl.Expr:
    """A threshold per row: the value of each row's profile."""
    if told != "auto":
        return pl.lit(values[told])
    return profile(text).replace_strict(values, return_dtype=pl.Float64)
