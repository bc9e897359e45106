"""guard.licence: what the sources' licences allow, held against what the data are for.

    - guard.licence: {use: commercial}

Each row has the licence of its column (`column`), else of its source. A licence's terms (`_terms.py`: share-alike, no commercial use,
no derivatives, no models that compete with the provider of the text, unknown, ...) are held against the use. By default a row that
breaks a term stops the run, before anything is written: the message says which licence, which term, how many rows, and the first of
them. `rule: drop` lets these rows go instead, with the reason `licence_nc`, `licence_competing`, ... Two licences that can't go out
together (CC BY-SA with CC BY-NC-SA) stop the run as well: which of them has to leave is not the step's to decide.

In a recipe the licences are those of `sources`. It looks at nothing but the source or the column, so it may stand first. The ledger keeps the rows by licence and the duties that remain.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

import polars as pl

from dadeum.errors import DadeumError, Mistake, RecipeError, nearest
from dadeum.record import RECORD
from dadeum.step import DECISION, Compare
from dadeum.steps.guard._terms import Use, breaks, clashes, terms

SHOWN: Final = 3
"""Rows that a refusal names of each licence."""
TERMS: Final = ("by", "notice", "sa", "nc", "nd", "closed", "competing", "named", "unknown", "read")
SAID: Final = {
    "sa": "share alike", "nc": "no commercial use", "nd": "no derivatives", "closed": "must not be passed on", "competing": "not for models that compete with the provider",
    "unknown": "nobody said what it allows", "read": "a licence that is not known here", "by": "name the authors", "notice": "keep the notice", "named": "carry the licence's name",
    "forbidden": "the recipe forbids it",
}  # fmt: skip


@dataclass(frozen=True)
class Licence(Compare):
    """Refuse, or drop, rows whose licence the use breaks."""

    late: ClassVar[tuple[str, ...]] = ("use", "allow", "forbid", "rule")

    use: Use = "commercial"
    """What the data are for. commercial: a product. research: published, not for profit. internal: nothing leaves the house."""
    sources: dict[str, str] = field(default_factory=dict)
    """Source to licence; a source that is not named here has the `licence` that the recipe's `sources` say."""
    column: str = ""
    """A column with the licence of each row; where it is empty, the source's counts."""
    allow: tuple[str, ...] = ()
    """Licences, or terms, that are fine whatever the use says: leave was given."""
    forbid: tuple[str, ...] = ()
    """Licences, or terms, that are not fine whatever the use says."""
    rule: Literal["refuse", "drop"] = "refuse"
    """What becomes of rows that break a term: the run stops, or they go."""

    def __post_init__(self) -> None:
        if both := sorted(set(self.allow) & set(self.forbid)):
            raise RecipeError(Mistake("forbid", f"names what allow names: {', '.join(both)}"))
        strange = [(key, i, name) for key in ("allow", "forbid") for i, name in enumerate(getattr(self, key)) if name not in TERMS and terms(name) == {"read"}]
        if strange:
            raise RecipeError(Mistake(f"{key}.{i}", f"{name!r} is neither a term nor a licence that is known here", nearest(name, TERMS)) for key, i, name in strange)

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.column,) if self.column and self.column not in RECORD else ()

    @property
    def looks(self) -> tuple[str, ...]:
        return (self.column,) if self.column else ()

    def broken(self, licence: str) -> tuple[str, ...]:
        """The terms of a licence that the use breaks, in the order of TERMS; `forbidden` for one that the recipe names."""
        same = {name.casefold() for name in self.allow}
        if licence.casefold() in same:
            return ()
        told = terms(licence, self.use)
        found = (breaks(told, self.use) | (told & set(self.forbid))) - set(self.allow)
        named = licence.casefold() in {name.casefold() for name in self.forbid}
        return (*(term for term in TERMS if term in found), *(("forbidden",) if named else ()))

    def sketch(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Raises RecipeError if `column` is not there."""
        if self.column and self.column not in rows.columns:
            raise RecipeError(Mistake(f"{self.name}.column", f"there is no column {self.column!r}", nearest(self.column, rows.columns)))
        source = pl.col("source").fill_null("")
        licence = source.replace_strict(self.sources, default="unknown", return_dtype=pl.String) if self.sources else pl.lit("unknown")
        if self.column:
            own = pl.col(self.column).cast(pl.String).str.strip_chars()
            licence = pl.when(own.str.len_chars() > 0).then(own).otherwise(licence)
        return rows.select("row", "id", source.alias("source"), licence.fill_null("unknown").alias("licence"))

    def decide(self, related: pl.DataFrame) -> pl.DataFrame:
        """Raises DadeumError where rows break a term and the rule is to refuse, or where two licences can't go out together."""
        broken = {name: self.broken(name) for name in related.get_column("licence").unique().to_list()}
        wrong = {name: found for name, found in broken.items() if found}
        stay = {name for name in broken if name not in wrong}
        apart = [pair for pair in clashes(stay, self.use) if not {p.casefold() for p in pair} & {a.casefold() for a in self.allow}]
        if apart or (wrong and self.rule == "refuse"):
            raise DadeumError("\n".join([f"{self.name}: the data must not go out for {self.use} use", *self._refusals(related, wrong, apart)]))
        left = related.filter(pl.col("licence").is_in(sorted(wrong)))
        reason = pl.col("licence").replace_strict({name: f"licence_{found[0]}" for name, found in wrong.items()}, default=None, return_dtype=pl.String)
        made = {"state": pl.lit("dropped"), "reason": reason}
        return left.sort("row").select(
            "row", *(made.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in DECISION.items() if name != "row")
        )

    def report(self, related: pl.DataFrame) -> dict[str, Any]:
        """{use, licences: {licence: rows}, duties: {licence: terms that remain}} of the rows that stay."""
        counts = related.group_by("licence").len().sort("licence")
        stay = {name: n for name, n in counts.iter_rows() if not self.broken(name)}
        return {"use": self.use, "licences": stay, "duties": {name: sorted(terms(name, self.use)) for name in stay}}

    def _refusals(self, related: pl.DataFrame, wrong: dict[str, tuple[str, ...]], apart: list[tuple[str, str]]) -> list[str]:
        lines = []
        counts = dict(related.group_by("licence").len().iter_rows())
        if self.rule == "refuse":
            for name, found in sorted(wrong.items()):
                first = related.filter(pl.col("licence") == name).sort("row").head(SHOWN)
                ids, n = ", ".join(first.get_column("id").to_list()), counts[name]
                lines.append(f"  {name}: {_said(found)}: {n} row{'s' * (n != 1)} ({ids}{', ...' * (n > SHOWN)})")
        for a, b in apart:
            lines.append(f"  {a} ({counts[a]} rows) and {b} ({counts[b]} rows) can't go out together: leave one of them out, or name it in `allow`")
        return [*lines, "  give leave by `allow`, let the rows go by `rule: drop`, or say another `use`"]


def _said(found: tuple[str, ...]) -> str:
    return ", ".join(SAID[term] for term in found)


