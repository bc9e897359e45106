"""filter.quality: a cut by a set of quality rules, on what `annotate.quality` measured.

    - annotate.quality: {rules: gopher}
    - filter.quality: {rules: gopher, profiles: [en], limits: {words: [20, null], stop_words: null}}

The reason names set and rule (`gopher_words`), with the value and the limit it broke; the first rule broken, in the order of
the set. Limits are the published ones (`annotate/_rules.py`), or those of `limits`: another limit measures nothing again, and `curve`
says what each would drop. A value that could not be measured breaks nothing.

A set made for one language is a mistake on rows of another: `plan` and `run` refuse it with the share that it would drop
(`unfit`). Of good Korean the English stop words alone drop everything. `profiles` leaves such rows alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

import polars as pl

from dadeum.errors import Mistake, RecipeError, nearest
from dadeum.profiles import NAMES, Name
from dadeum.step import Filter, verdict
from dadeum.steps.annotate._rules import FITS, SETS, Bounds, Rules, columns

SPOKEN: Final[dict[str, str]] = {"ko": "Korean", "en": "English"}
SHARE: Final = 0.1
"""Share of another language's rows that a set may drop before it is a mistake: good text of its own loses less."""
PRESENT: Final = 0.02
"""Share of all rows from which a language counts."""


@dataclass(frozen=True)
class Quality(Filter):
    """Drop by a rule set."""

    rules: Rules = "finetune"
    """The set: gopher, c4, fineweb, fineweb2_ko, finetune."""
    limits: dict[str, tuple[float | None, float | None] | None] = field(default_factory=dict)
    """Other limits by rule, for all rows: [low, high], null for no bound; null instead of both switches the rule off."""
    profiles: tuple[Name, ...] = NAMES
    """The language profiles whose rows are judged; others stay."""

    def __post_init__(self) -> None:
        known = [rule.name for rule in SETS[self.rules]]
        mistakes = [Mistake(f"limits.{name}", f"{self.rules} has no such rule", nearest(name, known)) for name in self.limits if name not in known]
        for name, bounds in self.limits.items():
            low, high = bounds or (None, None)
            if low is not None and high is not None and low > high:
                mistakes.append(Mistake(f"limits.{name}", f"its low is larger than its high ({low} > {high}): every row would go"))
        if all(self._bounds(rule.name, rule.bounds(p)) == (None, None) for rule in SETS[self.rules] for p in self.profiles) and self.profiles:
            mistakes.append(Mistake("limits", "switches every rule off: the step would drop nothing"))
        if not self.profiles:
            mistakes.append(Mistake("profiles", "is empty: the step would drop nothing", f"known: {', '.join(NAMES)}"))
        if mistakes:
            raise RecipeError(mistakes)

    @property
    def reads(self) -> tuple[str, ...]:
        return columns(self.rules)

    @property
    def looks(self) -> tuple[str, ...]:
        return self.reads

    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        profile = pl.col(f"{self.rules}_profile").cast(pl.String)
        out: list[tuple[pl.Expr, str, pl.Expr, pl.Expr]] = []
        for rule in SETS[self.rules]:
            name = f"{self.rules}_{rule.name}"
            value = pl.col(name).cast(pl.Float64)
            for high in (False, True):
                told = {p: self._bounds(rule.name, rule.bounds(p))[high] for p in self.profiles}
                if any(bound is not None for bound in told.values()):
                    limit = profile.replace_strict(list(told), list(told.values()), default=None, return_dtype=pl.Float64)
                    out.append((value > limit if high else value < limit, name, value, limit))
        frame = rows.select(
            pl.coalesce(pl.when(broken).then(pl.lit(name)) for broken, name, _, _ in out).alias("reason"),
            pl.coalesce(pl.when(broken).then(value) for broken, _, value, _ in out).alias("value"),
            pl.coalesce(pl.when(broken).then(limit) for broken, _, _, limit in out).alias("threshold"),
        )
        return frame.select(*verdict(pl.col("reason"), pl.col("value"), pl.col("threshold")))

    def unfit(self, rows: pl.DataFrame) -> list[Mistake]:
        """Why the set is a mistake on rows like these: another language's, of which it would drop more than a tenth."""
        out = []
        judged = rows.select(pl.col(f"{self.rules}_profile").alias("profile"), self.why(rows).get_column("reason"))
        for name, spoken in SPOKEN.items():
            theirs = judged.filter(pl.col("profile") == name)
            if name in FITS[self.rules] or name not in self.profiles or theirs.height < max(1, PRESENT * rows.height):
                continue
            left = theirs.filter(pl.col("reason").is_not_null())
            if left.height <= SHARE * theirs.height:
                continue
            most = left.get_column("reason").value_counts(sort=True).row(0)[0]
            made = SPOKEN[next(p for p in FITS[self.rules] if p in SPOKEN)]
            kept = ", ".join(p for p in self.profiles if p != name) or "none"
            other = "fineweb2_ko or finetune" if name == "ko" else "gopher, fineweb or finetune"
            out.append(
                Mistake(
                    "rules",
                    f"{self.rules} was made for {made} and would drop {left.height / theirs.height:.0%} of the {spoken} rows"
                    f" ({left.height:,} of {theirs.height:,} sampled, most by {most})",
                    f"rules: {other} for {spoken}; `profiles: [{kept}]` leaves these rows alone",
                )
            )
        return out

    def _bounds(self, name: str, published: Bounds) -> Bounds:
        if name not in self.limits:
            return published
        return tuple(self.limits[name] or (None, None))  # type: ignore[return-value]


def curve(values: pl.Series, side: Literal["low", "high"], points: int = 40) -> pl.DataFrame:
    """What other thresholds on a column would drop: `threshold`, `share` of all rows, at the column's own quantiles.

    side: low drops what is below the threshold, high what is above it. Rows without a value stay, and count.

    >>> curve(pl.Series([1.0, 2.0, 2.0, 4.0]), "low").rows()
    [(1.0, 0.0), (2.0, 0.25), (4.0, 0.75)]
    """
    known = values.drop_nulls().cast(pl.Float64).sort()
    if known.is_empty():
        return pl.DataFrame(schema={"threshold": pl.Float64, "share": pl.Float64})
    at = sorted({round(i * (len(known) - 1) / max(1, points - 1)) for i in range(points)})
    cuts = known.gather(at).unique(maintain_order=True)
    before = known.search_sorted(cuts, side="left") if side == "low" else len(known) - known.search_sorted(cuts, side="right")
    return pl.DataFrame([cuts.alias("threshold"), (before / len(values)).cast(pl.Float64).alias("share")])
