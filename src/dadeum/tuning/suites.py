"""The held-out items of a recipe: its own split, and the suites that it names, each with the settings that are in force there."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from dadeum.errors import DadeumError, Mistake, RecipeError, nearest
from dadeum.proving import Suite
from dadeum.recipe import Recipe
from dadeum.record import CONTENTS, RECORD, prose
from dadeum.settings import Prove, Sections, Source
from dadeum.tuning.rows import split

CHUNK: Final = 32_768
PASSAGE: Final = Sections(max=1200, min=200)
"""Characters of a passage: long documents are cut at their headings and paragraphs."""
NOT_GROUPS: Final = (*CONTENTS, "row", "id", "meta", "layout", "place", "parents", "tools")
"""Columns that hold contents or names: no two rows belong together by them."""


@dataclass(frozen=True)
class Held:
    """The items of one suite, as `items.items` gives them with the columns that are asked for, and how they are scored."""

    name: str
    """Empty for the recipe's own held-out split."""
    prove: Prove
    items: pl.DataFrame

    @property
    def references(self) -> list[str]:
        """What each answer is held against: the expected answer, or the tests that its code has to pass."""
        return self.items.get_column(self.prove.tests if self.prove.metric == "tests" else "reference").cast(pl.String).fill_null("").to_list()

    @property
    def cluster(self) -> list[str | None] | None:
        """What belongs together, item by item; None where each stands alone."""
        return self.items.get_column("cluster").to_list() if self.prove.cluster else None


def held(recipe: Recipe, out: Path, prove: Prove) -> list[Held]:
    """The recipe's own items first, then every suite that has items of its own.

    Raises DadeumError where one is empty, RecipeError for columns that are not there.
    """
    return [_one(recipe, out, prove, None), *(_one(recipe, out, prove, i) for i, suite in enumerate(prove.suites) if not suite.task)]


def named(recipe: Recipe, out: Path, prove: Prove, name: str) -> Held:
    """The items of the suite of that name. Raises as `held` does."""
    return _one(recipe, out, prove, next(i for i, suite in enumerate(prove.suites) if suite.name == name))


def _one(recipe: Recipe, out: Path, prove: Prove, number: int | None) -> Held:
    """The items of one suite by its place in `prove.suites`; the recipe's own where there is none."""
    from dadeum.evaluate import metrics
    from dadeum.evaluate.items import items

    suite = None if number is None else prove.suites[number]
    own = prove if suite is None else of(prove, suite)
    where = "prove" if suite is None else f"prove.suites.{number}"
    if mistakes := metrics.check(own):
        raise RecipeError(mistakes).below(where, "prove")
    rows = read(suite.path, out / "cache/remote", suite.fields) if suite and suite.path else split(out, suite.split if suite else "test")
    needed = [("tests", own.tests)] if own.metric == "tests" else []
    for key, column in (*needed, *(("slices", c) for c in own.slices if c not in ("language", "length"))):
        if column not in rows.columns:
            hint = f"name it in {where}.fields: {{{column}: {column}}}" if suite and suite.path else nearest(column, rows.columns)
            raise RecipeError(Mistake(f"{where}.{key}", f"the held-out rows have no column {column!r}", hint))
    carry = [c for c in dict.fromkeys((*groups(recipe), *own.slices, own.tests)) if c]
    asked = items(rows, own.cluster, own.items, recipe.seed, carry)
    if not asked.height:
        what = "the held-out split" if suite is None else f"the suite {suite.name}"
        raise DadeumError(f"{what} has no item with a prompt and a reference: nothing can be proven; look at mix.split and form.chat")
    return Held(suite.name if suite else "", own, asked)


def of(prove: Prove, suite: Suite) -> Prove:
    """The settings that are in force in a suite: its own where it names them."""
    own = ("metric", "labels", "answer_after", "units", "schema", "tests", "max_new_tokens")
    told = {name: getattr(suite, name) for name in own if getattr(suite, name) is not None}
    # Another metric reads nothing that was said for the recipe's own, unless the suite says so.
    if suite.metric not in (None, prove.metric):
        told = {"labels": (), "answer_after": "", "schema": "", "tests": "", "units": "auto", "embedding": "hashed", **told}
    return dataclasses.replace(prove, cluster=suite.cluster, items=suite.items, suites=(), slices=() if suite.path else prove.slices, **told)  # type: ignore[arg-type]


def groups(recipe: Recipe) -> list[str]:
    """Columns whose equal values belong together: those that the split went by, and that the proof is clustered by."""
    by = next((s.parameters.get("by") for s in recipe.steps if "split" in s.writes), None)
    named = [*([by] if isinstance(by, str) else by or ()), recipe.prove.cluster if recipe.prove else ""]
    return [c for c in dict.fromkeys(named) if c and c not in NOT_GROUPS]


def read(pattern: str, cache: Path, fields: dict[str, str] | None = None, sections: Sections | None = None) -> pl.DataFrame:
    """The rows of some files, in any format that can be read, as records. Raises DadeumError where none can."""
    from dadeum import io, remote

    source = Source(path=pattern, fields=fields or {}, sections=sections or Sections())
    chunks = [c.rows for path in io.sources(source) for c in io.read(remote.at_hand(path, cache), source, CHUNK)]
    if not any(rows.height for rows in chunks):
        raise DadeumError(f"{pattern} holds no row that can be read")
    rows = pl.concat([part.select(pl.exclude("row", "id", "source", "place", "parents")) for part in chunks], how="diagonal_relaxed")
    number = pl.int_range(pl.len(), dtype=pl.UInt64)
    stand = (number.alias("row"), number.cast(pl.String).alias("id"), pl.lit(pattern).alias("source"), pl.lit(pattern).alias("place"))
    rows = rows.with_columns(*stand, pl.lit([], dtype=pl.List(pl.String)).alias("parents"))
    return rows.with_columns(pl.lit(None, dtype=RECORD[c]).alias(c) for c in RECORD if c not in rows.columns)


def passages(pattern: str, cache: Path) -> list[str]:
    """The texts of a corpus, long documents cut. Raises DadeumError where there are none."""
    texts = [text.strip() for text in prose(read(pattern, cache, sections=PASSAGE), ("text", "user", "assistant")).to_list() if text and text.strip()]
    if not texts:
        raise DadeumError(f"the corpus {pattern} holds no text")
    return texts
