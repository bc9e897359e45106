"""annotate.outlier: rows that are unlike the rest, with the likely cause.

| column          | what it holds                                                                                                     |
|-----------------|-------------------------------------------------------------------------------------------------------------------|
| `outlier`       | the largest robust distance from the middle of the row's own language: |value - median| / max(1.4826 MAD, least)  |
| `outlier_cause` | of that measure, from `limit` on: too_long, too_short, symbols, digits, repetition, low_entropy, high_entropy, odd_letters; else `other_language`, `label` |
| `outlier_label` | share of the nearest neighbours that have one and the same other label; null without a label or neighbours         |

Measures: ln of the characters, shares of signs, of digits, of letters of other scripts, of repeated trigrams, and bits per character (of
the first 2,000). Each language profile has its own middle, for Korean lines are short and dense where English ones are long; a profile that less
than `rare` of the rows have is `other_language`. Shares are nought in most rows, so that the deviation is too: `least` says what difference
is worth a word.

Neighbours are the `NEAREST` rows by the built-in embedding (`embed/hashed.py`, as whole numbers, so that ties are ties on any machine), at least
`ALIKE` near; of more than `POOL` rows, among `POOL` chosen by a hash of what they say. The embedding knows spelling and no meaning: a label that all
neighbours contradict is worth a look, and one they share proves nothing. A sketch is about 200 bytes a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import polars as pl
from pydantic import Field

from dadeum.embed.hashed import Hashed
from dadeum.profiles import profile
from dadeum.record import prose
from dadeum.step import Compare, TextStep
from dadeum.steps import _key
from dadeum.steps.filter import _grams

DIMENSIONS: Final = 128
NEAREST: Final = 10
FEW: Final = 4
"""Neighbours below which a label is not judged."""
ALIKE: Final = 0.35
POOL: Final = 20_000
BLOCK: Final = 1024
LOOKED: Final = 2000
LEAST: Final = {"length": 0.35, "symbols": 0.03, "digits": 0.04, "odd": 0.03, "repeated": 0.05, "entropy": 0.25}
"""The least deviation of each measure: e ** .35 is a length 1.4 times as large."""
CAUSES: Final = {  # measure: (above, below)
    "length": ("too_long", "too_short"), "symbols": ("symbols", ""), "digits": ("digits", ""), "odd": ("odd_letters", ""),
    "repeated": ("repetition", ""), "entropy": ("high_entropy", "low_entropy"),
}  # fmt: skip


@dataclass(frozen=True)
class Outlier(TextStep, Compare):
    """Writes how far a row is from the rest, the likely cause, and how many neighbours contradict its label."""

    limit: Annotated[float, Field(gt=1)] = 6.0
    """The distance from which a cause is named. Of 100,000 values of a normal distribution none is that far."""
    rare: Annotated[float, Field(ge=0, lt=0.5)] = 0.01
    """The share of rows below which a language is the outlier."""
    contradicted: Annotated[float, Field(gt=0.5, le=1)] = 0.9
    """The share of neighbours with one and the same other label from which the label is the cause."""
    writes = ("outlier", "outlier_cause", "outlier_label")
    late = ("limit", "rare", "contradicted")

    @property
    def looks(self) -> tuple[str, ...]:
        return (*(super().looks or ()), "label")

    def sketch(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`row`, `profile`, the measures, `label` and `says` (hashes), `vector` (bytes); nulls where a row says nothing."""
        text = prose(rows, self.on)
        there = text.is_not_null() & (text.str.strip_chars() != "")
        looked = text.fill_null("").str.slice(0, LOOKED)
        vectors = np.rint(Hashed(DIMENSIONS).vectors(looked) * 127).astype(np.int8)
        names = pl.DataFrame({"t": looked}).select(profile(pl.col("t"), self.profile).alias("p")).to_series()
        frame = pl.DataFrame({
            "row": rows.get_column("row"),
            "profile": names.new_from_index(0, rows.height) if len(names) != rows.height else names,
            **_measured(text.fill_null(""), looked),
            "label": _key.marks(rows.get_column("label")),
            "says": _key.marks(looked),
            "vector": pl.Series([v.tobytes() for v in vectors], dtype=pl.Binary),
        })  # fmt: skip
        return frame.with_columns(pl.when(pl.Series(there)).then(pl.exclude("row")))

    def relate(self, sketches: pl.DataFrame) -> pl.DataFrame:
        """`row`, `outlier`, `cause` of the farthest measure, `share` of the profile, `outlier_label`."""
        rows = sketches.sort("says", "label", "row")
        table = rows.with_columns(share=pl.len().over("profile") / max(1, rows.get_column("says").count()))
        for measure, least in LEAST.items():
            middle = pl.col(measure).median().over("profile")
            spread = pl.max_horizontal(1.4826 * (pl.col(measure) - middle).abs().median().over("profile"), pl.lit(least))
            table = table.with_columns(((pl.col(measure) - middle) / spread).alias(measure))
        far = table.select(*LEAST).fill_null(0.0).to_numpy(writable=True)
        for i, (_, below) in enumerate(CAUSES.values()):
            if not below:
                far[:, i] = np.maximum(far[:, i], 0)
        which = np.abs(far).argmax(1) if len(far) else np.zeros(0, dtype=np.int64)
        value = far[np.arange(len(far)), which]
        causes = np.array(list(CAUSES.values()), dtype=object)[which, (value < 0).astype(int)] if len(far) else []
        made = rows.select("row").with_columns(
            pl.when(rows.get_column("says").is_not_null()).then(pl.Series(np.abs(value).round(6))).alias("outlier"),
            pl.Series("cause", list(causes), dtype=pl.String), table.get_column("share"), _contradicted(rows),
        )  # fmt: skip
        return made.sort("row")

    def decide(self, related: pl.DataFrame) -> pl.DataFrame:
        """`row` and the columns of `writes`."""
        cause = (
            pl.when(pl.col("outlier") >= self.limit).then("cause").when(pl.col("share") < self.rare).then(pl.lit("other_language"))
            .when(pl.col("outlier_label") >= self.contradicted).then(pl.lit("label"))
        )  # fmt: skip
        return related.select("row", "outlier", pl.when(pl.col("outlier").is_not_null()).then(cause).alias("outlier_cause"), "outlier_label")

    def report(self, related: pl.DataFrame) -> dict[str, Any]:
        """Rows by cause."""
        causes = self.decide(related).get_column("outlier_cause").drop_nulls().value_counts(sort=True)
        return {"outliers": dict(sorted(causes.rows()))}


def _measured(whole: pl.Series, text: pl.Series) -> dict[str, pl.Series]:
    """The measures of each text."""
    points, sizes = _grams.characters(text)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    keys, counts = np.unique(owner << 21 | points.astype(np.int64), return_counts=True)
    share = counts / np.maximum(sizes, 1)[keys >> 21]
    entropy: np.ndarray = np.bincount(keys >> 21, weights=-share * np.log2(share), minlength=len(sizes))
    # Short texts can't have many bits a character: the most that n characters can have is log2(n), and a script has about 6.
    entropy = entropy / np.minimum(np.log2(np.maximum(sizes, 2)), 6) * 6
    n = pl.Series(np.maximum(sizes, 1))
    kinds = {"symbols": r"[^\p{L}\p{N}\p{M}\s]", "digits": r"\p{N}", "odd": r"[\p{L}--[\p{Hangul}\p{Latin}]]|[\u{FFFD}]"}
    shares = {name: text.str.count_matches(pattern) / n for name, pattern in kinds.items()}
    length = pl.select(pl.lit(whole.str.len_chars()).cast(pl.Float64).clip(1).log()).to_series()
    repeated = np.where(sizes >= 20, _grams.repeated(points, sizes, 3), 0.0)
    return {"length": length, **shares, "repeated": pl.Series(repeated), "entropy": pl.Series(entropy)}


def _contradicted(rows: pl.DataFrame) -> pl.Series:
    """`outlier_label`: of each row's nearest rows, the share with another label. rows: in an order that depends on contents alone."""
    labelled = rows.with_row_index("at").filter(pl.col("label").is_not_null() & pl.col("says").is_not_null())
    found = np.full(rows.height, np.nan)
    if labelled.get_column("label").n_unique() < 2:
        return pl.Series("outlier_label", found).fill_nan(None)
    vectors = np.frombuffer(b"".join(labelled.get_column("vector").to_list()), dtype=np.int8).reshape(-1, DIMENSIONS).astype(np.float32)
    at = labelled.get_column("at").to_numpy()
    number = labelled.get_column("label").rank("dense").to_numpy().astype(np.int64) - 1
    pool = np.arange(min(POOL, len(at)))  # sorted by a hash: the first are a sample
    classes = np.zeros((len(pool), int(number.max()) + 1), dtype=np.float32)
    classes[pool, number[pool]] = 1
    size = np.sqrt((vectors * vectors).sum(1))
    for start in range(0, len(at), BLOCK):
        some = slice(start, start + BLOCK)
        # Products of whole numbers below 2 ** 24 are exact in float32: no order of summing can change them.
        near = vectors[some] @ vectors[pool].T / np.maximum(np.outer(size[some], size[pool]), 1)
        mine = np.arange(start, min(start + BLOCK, len(at)))
        near[mine[mine < len(pool)] - start, mine[mine < len(pool)]] = -1
        k = min(NEAREST, near.shape[1])
        last = np.partition(near, near.shape[1] - k, axis=1)[:, near.shape[1] - k]
        close = near >= np.maximum(last, ALIKE)[:, None]  # rows as near as the last one count too
        count = close.sum(1)
        votes = close.astype(np.float32) @ classes
        votes[np.arange(len(votes)), number[some]] = 0
        other = votes.max(1)
        found[at[some]] = np.where(count >= FEW, other / np.maximum(count, 1), np.nan)
    return pl.Series("outlier_label", found.round(6)).fill_nan(None)
