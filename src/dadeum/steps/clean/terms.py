"""clean.terms: one name for one thing: variants of a term are told, and by a map of the user's unified.

    - clean.terms: {map: {데이터 셋: 데이터셋, 컨텐츠: 콘텐츠}}

The column `terms` holds the variants that a record has: those of `map`, and of a list of loanwords that are often misspelled
(메세지, 컨텐츠, data set). Only those of `map` change. The Korean particle behind a term follows it: 데이터 셋은 stays 데이터셋은,
데이터를 becomes 자료를, 데이타로 becomes 데이터셋으로. See `_terms.py`. With `found: true` the variants that `annotate.variants` found in the data change, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import polars as pl

from dadeum.errors import Mistake, RecipeError
from dadeum.record import CONTENTS, Function, lift, rewrite
from dadeum.step import Edit, TextStep
from dadeum.steps.clean._code import is_code
from dadeum.steps.clean._strings import by_row, earlier, strings
from dadeum.steps.clean._terms import STANDARD, Terms


@dataclass(frozen=True)
class UnifiedTerms(TextStep, Edit):
    """Variants of one term."""

    writes = (*CONTENTS, "terms")
    map: dict[str, str] = field(default_factory=dict)
    """Variant to term. Empty: nothing is changed, `terms` tells of the variants that are known without it."""
    match_case: bool = True
    """Whether case tells variants apart. A variant with a capital gives a term with one."""
    known: bool = True
    """Whether to tell of variants that the map doesn't name."""
    found: bool = False
    """Whether the variants that `annotate.variants` found (its column `variants`) change too."""

    def __post_init__(self) -> None:
        mistakes = []
        told = {v if self.match_case else v.lower() for v in self.map}
        for variant, term in self.map.items():
            if not variant.strip() or not term.strip() or variant != variant.strip() or term != term.strip():
                mistakes.append(Mistake(f"map.{variant}", "is empty, or has blanks around it"))
            elif term in told and term != variant:
                mistakes.append(Mistake(f"map.{variant}", f"gives {term!r}, which is a variant itself", "name the last term at once"))
            elif variant == term:
                mistakes.append(Mistake(f"map.{variant}", "gives itself"))
            elif Terms(self.map, self.match_case).unified(term) != term:
                mistakes.append(Mistake(f"map.{variant}", f"gives {term!r}, in which another variant stands: twice would not be once"))
        if not self.map and not self.known and not self.found:
            raise RecipeError(Mistake("map", "is empty, and known is false: the step would do nothing"))
        if mistakes:
            raise RecipeError(mistakes)

    @property
    def reads(self) -> tuple[str, ...]:
        return ("variants",) if self.found else ()

    @property
    def looks(self) -> tuple[str, ...]:
        return self.writes

    def guard(self) -> pl.Expr:
        told = self._told()
        return pl.col("content").str.contains("(?i)" + "|".join(re.escape(v) for v in told)) if told else pl.lit(False)

    def edit(self, rows: pl.DataFrame) -> pl.DataFrame:
        looked = Terms(self._told(), self.match_case)
        said = strings(rows, self.on, self.guard())
        found = said.with_columns(pl.Series("terms", [looked.found(s) for s in said.get_column("content").to_list()], dtype=pl.List(pl.String)))
        told = found.select("index", "terms").explode("terms").drop_nulls()
        columns = by_row(rows, told, pl.col("terms").unique(maintain_order=True).str.join(", "))
        if self.map:
            rows = rewrite(rows, self.on, self._clean, self.guard())
        rows = rows.with_columns(earlier(rows, columns))
        return self._as_found(rows) if self.found else rows

    def _as_found(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with their own variants put right: those that share them at once."""
        told = rows.get_column("variants").cast(pl.String)
        if told.null_count() == rows.height:
            return rows
        parts = [rows.filter(told.is_null())]
        for said in told.drop_nulls().unique(maintain_order=True).to_list():
            terms = Terms(dict(pair.split(" > ") for pair in said.split(", ")), True)
            parts.append(rewrite(rows.filter(told == said), self.on, self._around_code(lift(terms.unified))))
        order = pl.concat([told.is_null().arg_true(), *((told == said).arg_true() for said in told.drop_nulls().unique(maintain_order=True).to_list())])
        return pl.concat(parts)[order.arg_sort()]

    def _told(self) -> dict[str, str]:
        known = {v: t for v, t in STANDARD.items() if v not in self.map and v not in self.map.values()} if self.known else {}
        return {**known, **self.map}

    def _clean(self, text: pl.Expr) -> pl.Expr:
        return self._around_code(lift(Terms(self.map, self.match_case).unified))(text)

    def _around_code(self, f: Function) -> Function:
        def clean(text: pl.Expr) -> pl.Expr:
            code = is_code(text, self.profile)
            return pl.when(code).then(text).otherwise(f(pl.when(~code).then(text)))

        return clean
