"""filter.label: which classes take part.

    - annotate.label: {column: rating, map: {1-4: 부정, 5-8: 중간, 9-10: 긍정}}
    - filter.label: {keep: [부정, 긍정]}

Rows of the middle go with the reason `label_중간`, rows that have no label with `unlabelled`: each class that is left out is
counted by its name.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from dadeum.errors import Mistake, RecipeError
from dadeum.step import Filter, verdict


@dataclass(frozen=True)
class Label(Filter):
    """Drop by the record's label."""

    keep: tuple[str, ...] = ()
    """The labels that stay; empty keeps every label that `drop` does not name."""
    drop: tuple[str, ...] = ()
    """The labels that go."""

    def __post_init__(self) -> None:
        if both := sorted(set(self.keep) & set(self.drop)):
            raise RecipeError(Mistake("drop", f"names what keep names: {', '.join(both)}"))

    @property
    def looks(self) -> tuple[str, ...]:
        return ("label",)

    def why(self, rows: pl.DataFrame) -> pl.DataFrame:
        from dadeum.steps.guard._pii.find import tellable

        label = pl.col("label")
        out = ~label.is_in(list(self.keep)) if self.keep else label.is_in(list(self.drop))
        # A label may be anything; what a person is called by or reached at goes into no reason.
        left = rows.select(label.filter(out.fill_null(False)).unique().drop_nulls()).to_series().to_list()
        shown = label.replace({said: tellable(said) for said in left})
        reason = (
            pl.when(label.is_null())
            .then(pl.lit("unlabelled"))
            .when(out)
            .then(pl.concat_str(pl.lit("label_"), shown))
            .otherwise(pl.lit(None, dtype=pl.String))
        )
        return rows.select(*verdict(reason))
